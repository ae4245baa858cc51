"""The PostgreSQL database; :mod:`cloud_sync.adapters.postgres_warehouse` is the warehouse in it."""
