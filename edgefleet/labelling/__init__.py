"""Labels that people gave, from files to the cloud."""
