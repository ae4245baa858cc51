"""Tests of the browser's JavaScript that need no browser; node runs them."""
