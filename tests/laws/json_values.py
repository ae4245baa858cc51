"""JSON values for hypothesis: those that travel, and those that somebody might send."""

import json

from hypothesis import strategies as st

from edge_contract.reading import JsonValue

__all__ = ["free_form", "hostile_values", "plain_text"]

plain_text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
"""Text that every store takes."""

_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | plain_text
)


def _nested(leaves: st.SearchStrategy[JsonValue]) -> st.SearchStrategy[JsonValue]:
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(plain_text, inner, max_size=4),
        max_leaves=8,
    )


free_form = st.dictionaries(plain_text, _nested(_LEAVES), max_size=4)
"""Objects as they stand in free-form fields."""


def _deep(levels: int) -> JsonValue:
    value: JsonValue = json.loads("[" * levels + "]" * levels)
    return value


hostile_values = _nested(
    _LEAVES
    | st.sampled_from([float("nan"), float("inf"), 2**53, -(2**63), 10**400, -1, 0, 1])
    | st.sampled_from(["\ud800", "\0", "", "x" * 100_001, "all", "../x"])
    | st.sampled_from([_deep(20), _deep(200)])
)
"""Anything that a JSON parser can return, what most parsers refuse included."""
