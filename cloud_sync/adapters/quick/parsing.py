"""Reads JSON with orjson."""

from typing import Final

import orjson

from edge_contract.json_text import check_depth, parse_json

__all__ = ["parse_known", "parse_quickly"]

_ALL_ZEROS: Final = bytes.maketrans(b"123456789", b"000000000")
_LONG: Final = b"0" * 19


def parse_quickly(data: bytes) -> object:
    """Read JSON no less strictly than the standard library does for us.

    Whole numbers past 64 bits would become others with a point: they are left to the slow way.
    """
    if _LONG in data.translate(_ALL_ZEROS):
        return parse_json(data)
    check_depth(data)
    return orjson.loads(data)


def parse_known(data: bytes) -> object:
    """Read JSON of which the caller knows how deep it may be, and looks at every part.

    Raises:
        ValueError: It is no JSON, or has whole numbers past 64 bits.
    """
    if _LONG in data.translate(_ALL_ZEROS):
        raise ValueError("a whole number has more than 18 digits")
    return orjson.loads(data)
