"""The SQLite database; :mod:`cloud_sync.adapters.sqlite_warehouse` is the warehouse in it."""
