"""Content addresses and canonical JSON."""

import json
from typing import Final

from edge_contract.reading import JsonValue
from edge_contract.sha256 import sha256

__all__ = ["DIGEST_PATTERN", "canonical_json", "digest_of", "short"]

DIGEST_PATTERN: Final = r"sha256:[0-9a-f]{64}"


def digest_of(data: bytes) -> str:
    """Return ``sha256:`` and 64 hexadecimal digits."""
    return f"sha256:{sha256(data).hexdigest()}"


def short(digest: str) -> str:
    """Return the first 12 digits, enough for people and logs."""
    return digest.removeprefix("sha256:")[:12]


def canonical_json(value: JsonValue) -> bytes:
    """Return the one way to write ``value``: sorted keys, no spaces, UTF-8, no NaN."""
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()
