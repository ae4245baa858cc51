"""The Python of a browser tab."""
