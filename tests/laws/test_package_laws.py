"""A model package survives every way that it travels, and no damage to it goes unnoticed."""

import io
import json
import struct
import warnings
import zipfile
import zlib
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_contract.errors import PackageError
from edge_contract.package import MANIFEST_NAME, Golden, Manifest, Package, Reference, digest_of
from edge_contract.package.manifest import MAX_MANIFEST_BYTES
from edge_contract.reading import JsonValue
from tests.laws.json_values import hostile_values
from tests.laws.packages import GOLDENS, MANIFESTS, PACKAGES, REFERENCES
from tests.support.tiny_package import tiny_package

Member = tuple[str, bytes]


@given(manifest=MANIFESTS)
def test_a_manifest_survives_being_written(manifest: Manifest) -> None:
    written = manifest.to_bytes()

    assert Manifest.from_bytes(written) == manifest
    assert Manifest.from_bytes(written).to_bytes() == written


@given(golden=GOLDENS)
def test_golden_vectors_survive_being_written(golden: Golden) -> None:
    assert Golden.from_bytes(golden.to_bytes()) == golden


@given(reference=REFERENCES)
def test_a_reference_survives_being_written(reference: Reference) -> None:
    written = reference.to_bytes()

    read = Reference.from_bytes(written)

    assert read.to_bytes() == written
    assert read.profile.spec == reference.profile.spec
    assert read.calibration == reference.calibration


@given(package=PACKAGES)
def test_a_package_survives_being_one_file(package: Package) -> None:
    archive = package.to_archive()

    assert Package.from_archive(archive) == package
    assert Package.from_archive(archive).to_archive() == archive


@pytest.mark.parametrize("mask", [0x01, 0x80, 0xFF])
def test_a_flipped_byte_is_refused_or_changes_nothing(mask: int) -> None:
    package = tiny_package(model=b"weights" * 9)
    archive = package.to_archive()
    unnoticed = 0

    for place in range(len(archive)):
        damaged = archive[:place] + bytes([archive[place] ^ mask]) + archive[place + 1 :]
        try:
            read = Package.from_archive(damaged)
        except PackageError:
            continue
        unnoticed += 1
        assert read == package

    assert unnoticed < len(archive) / 10  # times and attributes, which mean nothing here


def test_an_archive_that_was_cut_off_is_refused() -> None:
    archive = tiny_package(model=b"weights").to_archive()

    for size in range(len(archive)):
        with pytest.raises(PackageError):
            Package.from_archive(archive[:size])


@given(data=st.binary(max_size=200))
def test_random_bytes_are_no_package(data: bytes) -> None:
    with pytest.raises(PackageError):
        Package.from_archive(data)
    for part in (Manifest, Reference, Golden):
        with pytest.raises(PackageError):
            part.from_bytes(data)


@settings(max_examples=300)
@given(data=st.data(), value=hostile_values)
def test_a_manifest_with_a_foreign_field_is_refused_or_can_be_written(
    data: st.DataObject, value: JsonValue
) -> None:
    fields = json.loads(tiny_package().manifest_bytes)
    fields[data.draw(st.sampled_from(sorted(fields)))] = value

    try:
        manifest = Manifest.from_bytes(json.dumps(fields).encode())
    except PackageError:
        return
    assert Manifest.from_bytes(manifest.to_bytes()) == manifest


@given(data=st.data(), reference=REFERENCES, value=hostile_values)
def test_a_reference_with_a_foreign_field_is_refused_or_can_be_written(
    data: st.DataObject, reference: Reference, value: JsonValue
) -> None:
    fields = json.loads(reference.to_bytes())
    fields[data.draw(st.sampled_from(sorted(fields)))] = value

    try:
        read = Reference.from_bytes(json.dumps(fields).encode())
    except PackageError:
        return
    assert Reference.from_bytes(read.to_bytes()).to_bytes() == read.to_bytes()


@given(data=st.data(), golden=GOLDENS, value=hostile_values)
def test_golden_vectors_with_a_foreign_field_are_refused_or_can_be_written(
    data: st.DataObject, golden: Golden, value: JsonValue
) -> None:
    fields = json.loads(golden.to_bytes())
    fields[data.draw(st.sampled_from(sorted(fields)))] = value

    try:
        read = Golden.from_bytes(json.dumps(fields).encode())
    except PackageError:
        return
    assert Golden.from_bytes(read.to_bytes()) == read


def archive_of(members: Sequence[Member], *, method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip with any members, those included that no package may have."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", method) as archive:
        warnings.simplefilter("ignore", UserWarning)  # that a name is in it twice
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return buffer.getvalue()


def overlapping_archive(count: int) -> bytes:
    """A zip whose every member contains all later ones, so that all of them share their bytes."""
    local, central = b"end", b""
    sizes = []
    for number in reversed(range(count)):
        name = f"{number:04}".encode()
        fields = struct.pack(
            "<HHHHHIIIHH", 20, 0, 0, 0, 33, zlib.crc32(local), *[len(local)] * 2, 4, 0
        )
        sizes.append((name, fields, len(local) + 30 + 4))
        local = b"PK\3\4" + fields + name + local
    for name, fields, size in sizes:
        entry = struct.pack("<HHHII", 0, 0, 0, 0, len(local) - size)
        central += b"PK\1\2" + struct.pack("<H", 20) + fields + entry + name
    end = struct.pack("<HHHHIIH", 0, 0, count, count, len(central), len(local), 0)
    return local + central + b"PK\5\6" + end


TINY = tiny_package(model=b"weights")
MANIFEST: Member = (MANIFEST_NAME, TINY.manifest_bytes)
MODEL: Member = ("model.onnx", b"weights")


def test_the_archives_of_these_tests_can_be_right() -> None:
    assert Package.from_archive(archive_of([MANIFEST, MODEL])) == TINY
    assert Package.from_archive(archive_of([MODEL, MANIFEST])) == TINY


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ([], "it holds no manifest.json"),
        ([MODEL], "it holds no manifest.json"),
        ([MANIFEST], "lacks 'model.onnx', which its manifest lists; fetch it again"),
        ([MANIFEST, MODEL, ("more", b"")], "holds 'more', which its manifest does not list"),
        ([MANIFEST, MODEL, MODEL], "'model.onnx' is in it twice"),
        ([MANIFEST, MANIFEST, MODEL], "'manifest.json' is in it twice"),
        ([MANIFEST, ("model.onnx", b"weightz")], "'model.onnx' has digest .*, its manifest says"),
        ([MANIFEST, ("model.onnx", b"weight")], "'model.onnx' has 6 bytes, its manifest says 7"),
        ([MANIFEST, MODEL, ("../x", b"")], r"'\.\./x' is in a folder"),
        ([MANIFEST, MODEL, ("/etc/x", b"")], "'/etc/x' is in a folder"),
        ([MANIFEST, MODEL, ("folder/", b"")], "'folder/' is in a folder"),
        ([MANIFEST, MODEL, ("a\\b", b"")], "is in a folder"),
        ([(MANIFEST_NAME, b" " * (MAX_MANIFEST_BYTES + 1))], "has 4000001 bytes, too many"),
        ([(MANIFEST_NAME, b"{}"), MODEL], r"manifest\.schema is missing"),
        ([(MANIFEST_NAME, b"[1]"), MODEL], r"manifest is \[1\], expected an object"),
    ],
)
def test_an_archive_that_is_not_exactly_its_package_is_refused(
    members: list[Member], why: str
) -> None:
    with pytest.raises(PackageError, match=why):
        Package.from_archive(archive_of(members))


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compressed_member_is_refused(method: int) -> None:
    with pytest.raises(PackageError, match=r"'manifest\.json' is compressed; .* as is"):
        Package.from_archive(archive_of([MANIFEST, MODEL], method=method))


def test_members_that_share_their_bytes_are_refused_before_they_fill_the_memory() -> None:
    archive = overlapping_archive(200)
    with zipfile.ZipFile(io.BytesIO(archive)) as read:
        assert sum(info.file_size for info in read.infolist()) > 20 * len(archive)

    with pytest.raises(PackageError, match=r"its files have more than its|Overlapped entries"):
        Package.from_archive(archive)


def test_a_member_that_says_it_is_encrypted_is_refused() -> None:
    archive = bytearray(archive_of([MANIFEST, MODEL]))
    for signature, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        archive[archive.index(signature) + flags] |= 1

    with pytest.raises(PackageError, match=r"not a readable model package: .*encrypted"):
        Package.from_archive(bytes(archive))


def changed(**fields: JsonValue) -> bytes:
    """The tiny package's manifest with other fields."""
    return json.dumps({**json.loads(TINY.manifest_bytes), **fields}).encode()


ARTIFACT: dict[str, JsonValue] = json.loads(TINY.manifest_bytes)["artifacts"][0]
FEATURE: dict[str, JsonValue] = json.loads(TINY.manifest_bytes)["features"][0]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"schema": 2}, "manifest has schema 2, this edgefleet reads up to 1: upgrade edgefleet"),
        ({"schema": 99, "name": None}, "has schema 99"),  # before anything that may have changed
        ({"schema": 0}, r"manifest\.schema is 0"),
        ({"name": "../digits"}, r"manifest\.name is '\.\./digits'"),
        ({"version": "1.0"}, r"manifest\.version is '1\.0'"),
        ({"task": "clustering"}, r"manifest\.task is 'clustering'"),
        ({"threshold": 1.5}, r"manifest\.threshold is 1\.5, expected a finite number from 0"),
        ({"classes": [True]}, r"manifest\.classes\[0\] is True"),
        ({"artifacts": [ARTIFACT, ARTIFACT]}, "lists a file twice"),
        ({"artifacts": [{**ARTIFACT, "path": MANIFEST_NAME}]}, "lists a file twice"),
        ({"artifacts": [{**ARTIFACT, "path": "../x"}]}, r"artifacts\[0\]\.path is '\.\./x'"),
        ({"artifacts": [{**ARTIFACT, "path": ".hidden"}]}, r"path is '\.hidden'"),
        ({"artifacts": [{**ARTIFACT, "digest": "md5:00"}]}, r"digest is 'md5:00'"),
        ({"artifacts": [{**ARTIFACT, "size": -1}]}, r"size is -1"),
        ({"features": [FEATURE, FEATURE]}, "lists a feature twice"),
        ({"features": [{**FEATURE, "input": 1}]}, r"features\[0\]\.input is 1, .* from 0 to 0"),
        ({"evidence": {"parity": {}}}, r"manifest\.evidence\.quality is missing"),
        (
            {"lineage": {"deep": [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}},
            r"manifest\.lineage is .* levels deep",
        ),
        ({"lineage": {"seed": float("nan")}}, "NaN is no JSON number"),
    ],
)
def test_a_manifest_that_breaks_a_rule_is_refused(fields: dict[str, JsonValue], why: str) -> None:
    with pytest.raises(PackageError, match=why):
        Manifest.from_bytes(changed(**fields))


@pytest.mark.parametrize(
    "data", [b"", b"{", b"\xff", b"[" * 100_000, b'"' + b"x" * MAX_MANIFEST_BYTES + b'"']
)
def test_a_manifest_that_is_no_json_of_bounded_size_is_refused(data: bytes) -> None:
    with pytest.raises(PackageError, match="manifest"):
        Manifest.from_bytes(data)


def test_the_digest_of_a_package_is_that_of_its_manifest() -> None:
    assert TINY.digest == digest_of(TINY.manifest_bytes)
    assert TINY.file_name == "digits-1.0.0.modelpkg"
