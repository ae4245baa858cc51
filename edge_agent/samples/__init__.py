"""Samples: rows that a device keeps for people to label, if its owner allows that."""
