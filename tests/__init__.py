"""Mirrors the code; see CONTRIBUTING.md for what is where."""
