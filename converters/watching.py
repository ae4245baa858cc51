"""What a package shall be watched for beyond its features one by one."""

from dataclasses import dataclass

from converters.joint import DEFAULT_PAIRS

__all__ = ["Watching"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """What the author asks for.

    Attributes:
        joint: At most so many pairs of numeric features are watched together; 0 for none.
        embedding: Name of the output that stands for a row as a vector; empty for the first vector
            of a model that predicts neither classes nor a number.
        strata: ``hour-of-day``, ``day-of-week`` or ``hour-of-week``: devices' windows are then
            compared with the rows of the same hour or day; empty to compare with all rows.
        times: The time of every row: Unix seconds, ISO 8601 texts, or dates. Needed for strata;
            also tells how much rows that follow each other depend on each other.
        time_zone: The IANA zone whose clocks count for strata, and for times without an offset.
        statistics: Statistics of plugins, as ``SUBJECT=KIND``; see
            :mod:`converters.custom_statistics`.
    """

    joint: int = DEFAULT_PAIRS
    embedding: str = ""
    strata: str = ""
    times: object = None
    time_zone: str = "UTC"
    statistics: tuple[str, ...] = ()
