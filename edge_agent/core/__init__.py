"""The agent's decisions without I/O: the same code runs on devices and in browsers."""
