"""The rooms of the SQLite warehouse; :mod:`cloud_sync.adapters.sqlite_warehouse` is the house."""
