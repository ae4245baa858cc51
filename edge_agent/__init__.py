"""The agent: predicts on the device, watches what it sees, and follows the fleet's rollouts."""
