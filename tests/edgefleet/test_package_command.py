"""``edgefleet package``: to an OCI image layout and back, in this process."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.edgefleet.conftest import Outcome
from tests.support.tiny_package import tiny_package

Run = Callable[..., Outcome]


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "digits-1.0.0.modelpkg"
    path.write_bytes(tiny_package().to_archive())
    return str(path)


def test_a_package_goes_to_oci_and_comes_back(run: Run, tmp_path: Path, file: str) -> None:
    layout, out = tmp_path / "digits.oci", tmp_path / "dist"

    there = run("package", "oci", file, "--out", str(layout))
    back = run("package", "from-oci", str(layout), "--out", str(out))

    assert there.code == 0, there.err
    assert there.out.splitlines() == [
        f"digits@1.0.0 is 1.0.0 in {layout}: "
        "sha256:6c4778cc3d647c7b1537c4e86459f287845ac9d474a773b9fff5c873373abb2e",
        f"next: skopeo copy oci:{layout}:1.0.0 docker://REGISTRY/NAME:TAG",
    ]
    assert back.code == 0, back.err
    assert back.out.startswith(f"{out}/digits-1.0.0.modelpkg (0.00 MB) sha256:f2547ea12fe4")
    assert (out / "digits-1.0.0.modelpkg").read_bytes() == Path(file).read_bytes()


def test_scripts_get_digests_tag_and_annotations(run: Run, tmp_path: Path, file: str) -> None:
    layout = tmp_path / "models.oci"

    there = run(
        *("package", "oci", file, "--out", str(layout), "--tag", "digits:1.0.0", "--json"),
        *("--annotate", "com.example.team=vision", "--annotate", "com.example.note=a=b"),
    )
    back = run("package", "from-oci", str(layout), "--out", str(tmp_path / "dist"), "--json")

    answer = json.loads(there.out)
    assert answer["tag"] == "digits:1.0.0"
    assert answer["package_digest"] == tiny_package().digest
    assert answer["blobs"] == 3
    assert answer["annotations"]["com.example.team"] == "vision"
    assert answer["annotations"]["com.example.note"] == "a=b"
    assert answer["annotations"]["org.opencontainers.image.version"] == "1.0.0"
    assert json.loads(back.out)["digest"] == tiny_package().digest


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--tag", "../up"), "tag '../up' is not allowed"),
        (("--annotate", "team"), "annotation 'team' is no NAME=TEXT"),
        (("--annotate", "=x"), "annotation '=x' is no NAME=TEXT"),
    ],
)
def test_mistakes_end_with_2_and_write_nothing(
    run: Run, tmp_path: Path, file: str, more: tuple[str, ...], message: str
) -> None:
    refused = run("package", "oci", file, "--out", str(tmp_path / "oci"), *more)

    assert refused.code == 2
    assert refused.err.startswith(f"error: {message}")
    assert refused.err.count("\n") == 1
    assert not (tmp_path / "oci").exists()


def test_a_tag_is_moved_only_if_that_is_asked_for(run: Run, tmp_path: Path, file: str) -> None:
    layout = str(tmp_path / "oci")
    run("package", "oci", file, "--out", layout)
    other = ("package", "oci", file, "--out", layout, "--annotate", "a.b=c")

    refused, moved = run(*other), run(*other, "--replace")

    assert refused.code == 2
    assert "names another artifact" in refused.err
    assert moved.code == 0, moved.err


def test_a_layout_that_lies_ends_with_1_and_writes_nothing(
    run: Run, tmp_path: Path, file: str
) -> None:
    layout, out = tmp_path / "oci", tmp_path / "dist"
    run("package", "oci", file, "--out", str(layout))
    for blob in (layout / "blobs" / "sha256").iterdir():
        blob.write_bytes(blob.read_bytes().replace(b"weights", b"Weights"))

    refused = run("package", "from-oci", str(layout), "--out", str(out))

    assert refused.code == 1
    assert "holds other bytes than its name says" in refused.err
    assert refused.err.count("\n") == 1
    assert not out.exists()
