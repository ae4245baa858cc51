"""The cloud's decisions without I/O."""
