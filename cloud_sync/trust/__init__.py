"""Keys and signed metadata of a fleet: The Update Framework, by python-tuf."""
