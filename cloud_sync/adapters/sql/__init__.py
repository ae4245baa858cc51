"""What every warehouse in an SQL database shares: one text of each statement for all of them.

The rooms here speak through :mod:`cloud_sync.adapters.sql.database`; the databases themselves are
:mod:`cloud_sync.adapters.sqlite` and :mod:`cloud_sync.adapters.postgres`.
"""
