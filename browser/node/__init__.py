"""What runs under node while a bundle is built."""
