"""Turns text into the numbers that statistics of categories count; the text itself never leaves.

A category of the reference becomes its index. Anything else becomes ``-1 - hash``, where the hash
has 23 bits, so that the code is exact in a float32. It depends on a secret, the salt: whoever has
no salt cannot try which texts of a dictionary have that hash.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from edge_contract.sha256 import sha256

__all__ = ["HASH_BITS", "category_code", "text_hash"]

HASH_BITS: Final = 23


def text_hash(text: str, *, salt: str = "") -> int:
    """Return the first 23 bits of SHA-256 over the salt's own SHA-256 and the text, in UTF-8.

    The prefix has one length whatever the salt is, and so little of the result is given away that
    nothing can be appended to a hash that was seen: the plain prefix is as good as HMAC here.
    """
    digest = sha256(_key(salt) + text.encode(errors="surrogatepass")).digest()
    return int.from_bytes(digest[:4], "big") >> (32 - HASH_BITS)


def category_code(text: str, known: Mapping[str, int], *, salt: str = "") -> float:
    """Return the index of a known category, or ``-1 - hash`` of another one."""
    index = known.get(text)
    return float(index) if index is not None else float(-1 - text_hash(text, salt=salt))


@lru_cache(maxsize=16)
def _key(salt: str) -> bytes:
    return sha256(salt.encode(errors="surrogatepass")).digest()
