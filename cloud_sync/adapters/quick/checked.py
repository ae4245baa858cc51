"""What a window adds to a sum, once it is known to be right."""

from dataclasses import dataclass, field

from cloud_sync.adapters.quick.moments import MomentsRow
from cloud_sync.adapters.quick.texts import Integers
from edge_contract.reading import JsonValue
from edge_contract.stats import Statistic

__all__ = ["Checked"]


@dataclass(frozen=True, slots=True)
class Checked:
    """What a window adds to a sum.

    Attributes:
        columns: Of the sketches: int64[sketches].
        apart: Zeros, missing and infinities: int64[sketches, 4].
        places: Of each bucket among the codes of all columns: int64[buckets].
        counts: Of each bucket: int64[buckets].
        moments: A row of each column of moments.
        plain: States of other columns that can be added as they came.
        rest: All other columns.
    """

    columns: Integers
    apart: Integers
    places: Integers
    counts: Integers
    moments: list[MomentsRow] = field(default_factory=list)
    plain: dict[int, JsonValue] = field(default_factory=dict)
    rest: dict[int, Statistic] = field(default_factory=dict)
