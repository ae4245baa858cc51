"""Zstandard: what it sees of the old file, and what it says where it is missing."""

import importlib
import random
import sys

import pytest

from edge_agent.adapters.compressions import compressions_here
from edge_agent.adapters.zstd import Zstd
from edge_contract.delta import Delta, Method, Zlib, apply_delta, make_delta
from edge_contract.errors import PackageError, UnavailableError
from edge_contract.package import digest_of


def test_a_patch_sees_all_of_a_large_file_where_zlib_sees_its_end() -> None:
    old = random.Random(1).randbytes(300_000)
    new = old[:1_000] + b"one more tree" + old[1_000:]

    zstd, zlib = (make_delta(old, new, compression=each) for each in (Zstd(), Zlib()))

    assert zstd.method is Method.PATCH
    assert len(zstd.body) < 200
    assert len(zlib.body) > 300_000


def test_a_frame_that_says_another_size_is_refused_before_it_is_expanded() -> None:
    bomb = Zstd().compress(b"\0" * 10_000_000)

    with pytest.raises(PackageError, match="does not have 100 bytes"):
        Zstd().expand(bomb, size_bytes=100)


def test_bytes_that_are_no_zstd_are_refused() -> None:
    forged = Delta(Method.FULL, "zstd", digest_of(b"old")[7:19], 3, b"no zstd at all")

    with pytest.raises(PackageError, match="zstd"):
        apply_delta(b"old", forged, digest=digest_of(b"new"), max_bytes=3, compressions=(Zstd(),))


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="the standard library has zstd")
def test_without_a_library_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "edge_agent.adapters.zstd")
    monkeypatch.setitem(sys.modules, "zstandard", None)

    with pytest.raises(UnavailableError, match="pip install zstandard"):
        importlib.import_module("edge_agent.adapters.zstd")


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="the standard library has zstd")
def test_a_device_without_a_library_says_that_it_can_expand_zlib_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = [compression.name for compression in compressions_here()]
    monkeypatch.delitem(sys.modules, "edge_agent.adapters.zstd")
    monkeypatch.setitem(sys.modules, "zstandard", None)

    assert before == ["zstd", "zlib"]
    assert [compression.name for compression in compressions_here()] == ["zlib"]
