"""Reads JSON text that came from outside.

``json.loads`` recurses as deep as the text is nested. CPython turns that into a ``RecursionError``;
in a browser it overflows the stack of WebAssembly and ends the whole interpreter.
"""

import json
import re
from typing import Final

__all__ = ["check_depth", "parse_json"]

_MAX_DEPTH: Final = 32
"""Messages and packages need 12 levels, and free-form objects in them 16 more."""

_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_ALL_BUT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))


def parse_json(data: bytes) -> object:
    """Return the value that UTF-8 text stands for.

    Raises:
        ValueError: It is no JSON, holds NaN or an infinity, or is nested too deep.
    """
    if data.count(b"[") + data.count(b"{") > _MAX_DEPTH:
        check_depth(data)
    return _DECODER.decode(data.decode())


def check_depth(data: bytes) -> None:
    """Raise ``ValueError`` for text that is nested too deep, or whose brackets do not match.

    Takes the innermost pairs of brackets away, again and again; much quicker than a loop over them.
    """
    # Without a backslash every other part between quotes is a string.
    plain = b"".join(data.split(b'"')[::2]) if b"\\" not in data else _STRING.sub(b"", data)
    brackets = plain.translate(None, _ALL_BUT_BRACKETS)
    for _ in range(_MAX_DEPTH):
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if not brackets:
            return
    raise ValueError(f"nested deeper than {_MAX_DEPTH} levels, or brackets that do not match")


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant)
