"""A simulated fleet: many light devices in a few processes, against a real cloud."""
