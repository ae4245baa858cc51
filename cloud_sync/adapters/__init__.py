"""Adapters: how the ports meet the outside world."""
