"""A hostile package gets into no registry, onto no device, and out of no converter."""

import io
import re
import zipfile
from pathlib import Path

import pytest
from onnx import helper

import edgefleet
from cloud_sync.adapters.folder_registry import FolderRegistry
from edge_agent.adapters.onnxruntime_engine import OnnxRuntimeEngine
from edge_contract.errors import PackageError
from edge_contract.package import MANIFEST_NAME, ArtifactRole, Package
from tests.security.hostile_models import HOSTILE_MODELS
from tests.support.packages import altered, digits

_SOME = ("a loop without end", "weights at an absolute path", "an Expand to 4 GiB")


def _hostile(name: str) -> Package:
    make, _ = HOSTILE_MODELS[name]
    return altered(digits().package, ArtifactRole.MODEL, lambda _: make())


@pytest.mark.parametrize("name", _SOME)
def test_the_registry_refuses_it_and_keeps_nothing(name: str, tmp_path: Path) -> None:
    registry = FolderRegistry(tmp_path)

    with pytest.raises(PackageError, match=re.escape(HOSTILE_MODELS[name][1])):
        registry.put(_hostile(name), at_unix_s=0.0)

    assert registry.models() == []
    assert not list(tmp_path.glob("blobs/**/*"))
    registry.close()


@pytest.mark.parametrize("name", _SOME)
def test_a_device_refuses_it_before_the_runtime_sees_it(name: str) -> None:
    with pytest.raises(PackageError, match=re.escape(HOSTILE_MODELS[name][1])):
        OnnxRuntimeEngine().load(_hostile(name))


def test_a_package_whose_manifest_names_another_digest_is_refused() -> None:
    good = digits().package
    files = {**good.files, "model.onnx": good.files["model.onnx"][:-1] + b"\x00"}

    with pytest.raises(PackageError, match="it is damaged or was tampered with"):
        Package.verified(good.manifest_bytes, files)


def test_a_file_with_functions_of_its_own_is_written_out_when_it_is_converted() -> None:
    graph = helper.make_graph(
        [helper.make_node("Twice", ["x"], ["y"], domain="own")],
        "graph",
        [helper.make_tensor_value_info("x", 1, ["batch", 2])],
        [helper.make_tensor_value_info("y", 1, ["batch", 2])],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
    model = helper.make_model(graph, opset_imports=opsets)
    add = helper.make_node("Add", ["a", "a"], ["b"])
    model.functions.append(
        helper.make_function("own", "Twice", ["a"], ["b"], [add], [helper.make_opsetid("", 18)])
    )

    with pytest.warns(UserWarning, match="the reference has 40 rows"):
        package = edgefleet.convert(
            model.SerializeToString(), [[1.0, 2.0], [3.0, 4.0]] * 20, name="twice", version="1.0.0"
        )

    session = OnnxRuntimeEngine().load(package)
    assert session.provider == "CPUExecutionProvider"


@pytest.mark.parametrize(
    ("member", "reason"),
    [("../model.onnx", "is in a folder"), ("/etc/passwd", "is in a folder")],
)
def test_an_archive_that_names_places_outside_is_refused(member: str, reason: str) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(MANIFEST_NAME, digits().package.manifest_bytes)
        archive.writestr(member, b"x")

    with pytest.raises(PackageError, match=reason):
        Package.from_archive(buffer.getvalue())


def test_an_archive_that_would_inflate_is_refused_unread() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MANIFEST_NAME, b"\0" * 100_000_000)

    with pytest.raises(PackageError, match="is compressed"):
        Package.from_archive(buffer.getvalue())


def test_an_archive_whose_members_share_their_bytes_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(MANIFEST_NAME, digits().package.manifest_bytes)
        archive.writestr("model.onnx", b"\0" * 10_000)
        first = archive.infolist()[1]
        for index in range(200):  # each points at the one before it
            other = zipfile.ZipInfo(f"m{index}")
            other.header_offset, other.file_size = first.header_offset, first.file_size
            other.compress_size, other.CRC = first.compress_size, first.CRC
            archive.filelist.append(other)
            archive.NameToInfo[other.filename] = other

    with pytest.raises(PackageError):
        Package.from_archive(buffer.getvalue())
