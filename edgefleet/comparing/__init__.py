"""Compares two files of rows as the cloud compares a fleet with its reference."""
