"""Reports of a model version, or of two files: as one page of HTML, and in the terminal."""
