"""What goes wrong in the world, done to real processes in a world of their own."""
