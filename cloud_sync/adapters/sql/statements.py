"""How the rooms' statements are written in one database's own words."""

from functools import lru_cache

from cloud_sync.adapters.sql.database import Table

__all__ = ["insertion", "postgres_text"]


@lru_cache(1000)
def insertion(table: Table) -> str:
    """Return the statement that writes one row of a table."""
    names = ", ".join(table.columns)
    places = ", ".join("?" for _ in table.columns)
    parts = ["INSERT INTO", table.name, f"({names}) VALUES ({places})", table.on_conflict]
    return " ".join(parts)


@lru_cache(1000)
def postgres_text(statement: str) -> str:
    """Return a statement as PostgreSQL and psycopg read it."""
    return (
        statement.replace("%", "%%")
        .replace("json_each(?)", "json_array_elements_text(%s::json)")
        .replace("?", "%s")
        .replace("-- FOR UPDATE", "FOR UPDATE")
        .replace("-- FOR SHARE", "FOR SHARE")
    )
