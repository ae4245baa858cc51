"""Converters: one file per source framework, and the checks that a conversion is faithful."""
