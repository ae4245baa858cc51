"""Turns text into the numbers that statistics of categories count; the text itself never leaves.

A category of the reference becomes its index. Anything else becomes ``-1 - hash``, where the hash
has 23 bits, so that the code is exact in a float32 and cannot be turned back into the text.
"""

from collections.abc import Mapping
from typing import Final

__all__ = ["HASH_BITS", "category_code", "text_hash"]

HASH_BITS: Final = 23

_MASK: Final = 0xFFFFFFFF


def text_hash(text: str, *, salt: str = "") -> int:
    """Return a 23-bit hash of ``salt`` and ``text``.

    FNV-1a over their UTF-8 bytes, finished as MurmurHash3 finishes its 32 bits; both are in the
    public domain and a few lines in any language.
    """
    value = 0x811C9DC5
    for byte in f"{salt}\x00{text}".encode(errors="surrogatepass"):
        value = ((value ^ byte) * 0x01000193) & _MASK
    value = ((value ^ (value >> 16)) * 0x85EBCA6B) & _MASK
    value = ((value ^ (value >> 13)) * 0xC2B2AE35) & _MASK
    return (value ^ (value >> 16)) >> (32 - HASH_BITS)


def category_code(text: str, known: Mapping[str, int], *, salt: str = "") -> float:
    """Return the index of a known category, or ``-1 - hash`` of another one."""
    index = known.get(text)
    return float(index) if index is not None else float(-1 - text_hash(text, salt=salt))
