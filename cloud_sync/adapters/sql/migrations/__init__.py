"""Brings a database to the newest schema, with Alembic and without an ORM.

Each file in ``versions`` is one step and never changes again; a new step is a new file. Columns
are of the types in :mod:`cloud_sync.adapters.sql.migrations.types`, so that one step serves every
database.
"""

from pathlib import Path
from typing import Final

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory

from cloud_sync.adapters.sql.schema import NEWEST, VERSION_TABLE
from edge_contract.errors import UsageError

__all__ = ["newest_step", "upgrade"]

_FOLDER: Final = Path(__file__).parent


def newest_step() -> str:
    """Return the name of the last step."""
    return _steps().get_current_head() or ""


def upgrade(connection: sa.Connection, where: str) -> None:
    """Do all steps that a database has not seen, in the transaction of the connection.

    Raises:
        UsageError: A newer edgefleet has written the database called ``where``.
    """
    steps = _steps()
    options = {"version_table": VERSION_TABLE}
    seen = MigrationContext.configure(connection, opts=options).get_current_heads()
    known = {step.revision for step in steps.walk_revisions()}
    if not known.issuperset(seen):
        raise UsageError(
            f"the warehouse {where} has schema {', '.join(seen)}, this edgefleet knows up to "
            f"{NEWEST}: upgrade edgefleet"
        )

    def missing(found: str, _context: MigrationContext) -> list[RevisionStep]:
        return list(steps._upgrade_revs("head", found or "base"))

    with EnvironmentContext(Config(), steps, fn=missing) as environment:
        environment.configure(
            connection=connection, version_table=VERSION_TABLE, transactional_ddl=True
        )
        environment.run_migrations()


def _steps() -> ScriptDirectory:
    return ScriptDirectory(str(_FOLDER), version_locations=[str(_FOLDER / "versions")])
