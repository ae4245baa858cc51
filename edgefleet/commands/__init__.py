"""The commands of ``edgefleet``: one file each, with ``register(app)``."""
