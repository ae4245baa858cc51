"""The quick reader of the one-file form beside ``zipfile``: the same files, or nothing."""

import io
import random
import zipfile

import pytest

from edge_contract.package.stored_files import stored_files

FILES = {"manifest.json": b'{"name": "digits"}', "model.onnx": bytes(range(256)), "empty": b""}


def archive(
    *, method: int = zipfile.ZIP_STORED, comment: bytes = b"", twice: bool = False
) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, content in FILES.items():
            file.writestr(zipfile.ZipInfo(name), content, compress_type=method)
        if twice:
            with pytest.warns(UserWarning, match="Duplicate name"):
                file.writestr(zipfile.ZipInfo("empty"), b"x", compress_type=method)
        file.comment = comment
    return buffer.getvalue()


def test_stored_members_are_read() -> None:
    assert stored_files(archive()) == FILES


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\5\6",
        archive()[:-1],
        archive()[1:],
        b"#!/bin/sh\n" + archive(),
        archive() + b"\n",
        archive(comment=b"hello"),
        archive(method=zipfile.ZIP_DEFLATED),
        archive(twice=True),
        archive().replace(b"model.onnx", b"../l.onnx!"),
    ],
)
def test_whatever_is_unusual_is_left_to_zipfile(data: bytes) -> None:
    assert stored_files(data) is None


def test_no_damage_is_overlooked() -> None:
    whole, chance = archive(), random.Random(5)

    for _ in range(3000):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        found = stored_files(bytes(damaged))
        # Dates, versions and permissions may be anything; nobody reads them.
        assert found is None or sorted(found.values()) == sorted(FILES.values())
