"""The tables, as a list of steps from an empty file; a new step is only ever added at the end."""

from typing import Final

__all__ = ["MIGRATIONS"]

_COUNTERS: Final = (
    "rows INTEGER NOT NULL, calls INTEGER NOT NULL, "
    "failures INTEGER NOT NULL, dropped INTEGER NOT NULL"
)

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        # Statistics. Profiles are large, so these tables have row ids: a profile then lies at the
        # end of its row and not between the keys of an index.
        f"""CREATE TABLE fleet_window (
            package TEXT NOT NULL, role TEXT NOT NULL, start_unix_s INTEGER NOT NULL,
            {_COUNTERS}, profile BLOB NOT NULL,
            UNIQUE (package, role, start_unix_s)
        ) STRICT""",
        f"""CREATE TABLE device_window (
            device TEXT NOT NULL, package TEXT NOT NULL, role TEXT NOT NULL,
            start_unix_s INTEGER NOT NULL, {_COUNTERS}, profile BLOB NOT NULL,
            UNIQUE (package, role, device, start_unix_s)
        ) STRICT""",
        "CREATE INDEX device_window_by_start ON device_window (start_unix_s)",
        f"""CREATE TABLE device_total (
            device TEXT NOT NULL, package TEXT NOT NULL, role TEXT NOT NULL, {_COUNTERS},
            PRIMARY KEY (device, package, role)
        ) STRICT, WITHOUT ROWID""",
        """CREATE TABLE seen (
            device TEXT NOT NULL, boot INTEGER NOT NULL, floor INTEGER NOT NULL,
            ahead TEXT NOT NULL,
            PRIMARY KEY (device, boot)
        ) STRICT, WITHOUT ROWID""",
        """CREATE TABLE tally (
            name TEXT PRIMARY KEY, value INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID""",
        """CREATE TABLE refusal (
            kind TEXT PRIMARY KEY, count INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID""",
        # Analysis.
        f"""CREATE TABLE pending (
            id INTEGER PRIMARY KEY AUTOINCREMENT, package TEXT NOT NULL, role TEXT NOT NULL,
            {_COUNTERS}, profile BLOB NOT NULL
        ) STRICT""",
        "CREATE INDEX pending_by_subject ON pending (package, role)",
        """CREATE TABLE detector (
            package TEXT NOT NULL, role TEXT NOT NULL, state TEXT NOT NULL,
            PRIMARY KEY (package, role)
        ) STRICT, WITHOUT ROWID""",
        """CREATE TABLE alarm (
            id TEXT PRIMARY KEY, model TEXT NOT NULL, raised_unix_s REAL NOT NULL,
            document TEXT NOT NULL
        ) STRICT""",
        "CREATE INDEX alarm_by_time ON alarm (raised_unix_s)",
        # Fleet.
        "CREATE TABLE device (name TEXT PRIMARY KEY, twin TEXT NOT NULL) STRICT",
        """CREATE TABLE command (
            id TEXT PRIMARY KEY, body TEXT NOT NULL, devices TEXT NOT NULL,
            created_unix_s REAL NOT NULL, expires_unix_s REAL NOT NULL, by TEXT NOT NULL
        ) STRICT""",
        """CREATE TABLE command_result (
            command TEXT NOT NULL REFERENCES command (id), device TEXT NOT NULL,
            at_unix_s REAL NOT NULL, ok INTEGER NOT NULL, detail TEXT NOT NULL,
            PRIMARY KEY (command, device)
        ) STRICT, WITHOUT ROWID""",
        # Rollouts.
        """CREATE TABLE rollout (
            id TEXT PRIMARY KEY, started_unix_s REAL NOT NULL, document TEXT NOT NULL
        ) STRICT""",
        """CREATE TABLE rollout_event (
            id INTEGER PRIMARY KEY, rollout TEXT NOT NULL REFERENCES rollout (id),
            at_unix_s REAL NOT NULL, sentence TEXT NOT NULL, evidence TEXT NOT NULL
        ) STRICT""",
        "CREATE INDEX rollout_event_by_rollout ON rollout_event (rollout)",
        """CREATE TABLE execution (
            rollout TEXT NOT NULL REFERENCES rollout (id), device TEXT NOT NULL,
            state TEXT NOT NULL,
            PRIMARY KEY (rollout, device)
        ) STRICT, WITHOUT ROWID""",
        """CREATE TABLE audit (
            id INTEGER PRIMARY KEY, at_unix_s REAL NOT NULL, by TEXT NOT NULL,
            action TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL
        ) STRICT""",
    ),
    (
        # Segments and strata. Detectors begin anew: what they held was in other units.
        "ALTER TABLE pending ADD COLUMN segments TEXT NOT NULL DEFAULT '[]'",
        "ALTER TABLE pending ADD COLUMN stratum TEXT NOT NULL DEFAULT ''",
        "DROP TABLE detector",
        """CREATE TABLE detector (
            package TEXT NOT NULL, role TEXT NOT NULL, segment TEXT NOT NULL,
            seen_unix_s REAL NOT NULL, state BLOB NOT NULL,
            UNIQUE (package, role, segment)
        ) STRICT""",
        """CREATE TABLE evidence (
            id INTEGER PRIMARY KEY, package TEXT NOT NULL, role TEXT NOT NULL,
            segment TEXT NOT NULL, minute INTEGER NOT NULL, at_unix_s REAL NOT NULL,
            peak REAL NOT NULL, readings BLOB NOT NULL,
            UNIQUE (package, role, segment, minute)
        ) STRICT""",
        "CREATE INDEX evidence_by_time ON evidence (minute)",
    ),
)
"""Statements that bring the file from one version to the next."""
