"""Column types that mean the same in every database."""

from typing import Final

import sqlalchemy as sa

__all__ = ["BIG", "BYTES", "REAL", "TEXT", "counters", "identity", "text_column"]

TEXT: Final = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
"""Sorted by code point everywhere."""

BIG: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
REAL: "Final[sa.Double[float]]" = sa.Double().with_variant(sa.REAL(), "sqlite")
BYTES: Final = sa.LargeBinary()


def identity() -> "sa.Column[int]":
    """Return a column ``id`` of numbers that rise with each row."""
    return sa.Column("id", BIG, sa.Identity(), primary_key=True)


def text_column(name: str) -> "sa.Column[str]":
    """Return a column of text that is always there."""
    return sa.Column(name, TEXT, nullable=False)


def counters() -> "list[sa.Column[int]]":
    """Return the columns of ``Counters``."""
    return [
        sa.Column(name, BIG, nullable=False) for name in ("rows", "calls", "failures", "dropped")
    ]
