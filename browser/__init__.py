"""The agent in a browser tab, and the bundle that carries it there."""
