"""Power cuts: what a disk may hold after one at any point of what a real process wrote."""
