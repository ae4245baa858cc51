"""SHA-256 of little and of much, by whichever library is quicker."""

import hashlib

import pytest

from edge_contract.sha256 import sha256


@pytest.mark.parametrize("size", [0, 3, 999_999, 1_000_000, 1_000_001])
def test_it_is_what_hashlib_says(size: int) -> None:
    data = b"edge" * (size // 4) + b"e" * (size % 4)

    assert sha256(data).hexdigest() == hashlib.sha256(data).hexdigest()
    assert sha256(data).digest() == hashlib.sha256(data).digest()
