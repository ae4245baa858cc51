"""Boosters that are converted: every objective, and what changes how trees count."""
