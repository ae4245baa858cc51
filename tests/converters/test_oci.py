"""A package becomes an OCI image layout and comes back; a layout that lies is refused."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from converters.oci_artifact import ARTIFACT_TYPE, OciArtifact, artifact_of
from converters.oci_layout import load_oci, save_oci
from edge_contract.errors import PackageError, UsageError
from edge_contract.package import Package, digest_of
from tests.support.tiny_package import tiny_package

Break = Callable[[Path], object]


def written(folder: Path, package: Package, *, tag: str = "1.0.0") -> OciArtifact:
    artifact = artifact_of(package)
    save_oci(artifact, folder, tag=tag)
    return artifact


def entry_of(folder: Path) -> dict[str, object]:
    entry: dict[str, object] = json.loads((folder / "index.json").read_bytes())["manifests"][0]
    return entry


def blob_of(folder: Path, digest: object) -> Path:
    return folder / "blobs" / "sha256" / str(digest).removeprefix("sha256:")


def manifest_of(folder: Path) -> dict[str, object]:
    manifest: dict[str, object] = json.loads(
        blob_of(folder, entry_of(folder)["digest"]).read_bytes()
    )
    return manifest


def with_manifest(folder: Path, **fields: object) -> None:
    """Put another image manifest into a layout, rightly named in the index."""
    data = json.dumps(manifest_of(folder) | fields).encode()
    blob_of(folder, digest_of(data)).write_bytes(data)
    entry = entry_of(folder) | {"digest": digest_of(data), "size": len(data)}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))


def with_entry(folder: Path, **fields: object) -> None:
    entry = entry_of(folder) | fields
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))


def test_a_layout_is_what_the_specification_asks_for(tmp_path: Path) -> None:
    package = tiny_package()
    artifact = written(tmp_path / "oci", package)

    manifest = manifest_of(tmp_path / "oci")

    assert json.loads((tmp_path / "oci" / "oci-layout").read_bytes()) == {
        "imageLayoutVersion": "1.0.0"
    }
    assert json.loads((tmp_path / "oci" / "index.json").read_bytes()) == {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [
            {
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "artifactType": "application/vnd.edgefleet.modelpkg.v1",
                "digest": artifact.manifest.digest,
                "size": artifact.manifest.size,
                "annotations": {"org.opencontainers.image.ref.name": "1.0.0"},
            }
        ],
    }
    assert manifest["schemaVersion"] == 2
    assert manifest["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert manifest["artifactType"] == "application/vnd.edgefleet.modelpkg.v1"
    assert manifest["config"] == {
        "mediaType": "application/vnd.edgefleet.modelpkg.manifest.v1+json",
        "digest": package.digest,
        "size": len(package.manifest_bytes),
        "annotations": {"org.opencontainers.image.title": "manifest.json"},
    }
    assert manifest["layers"] == [
        {
            "mediaType": "application/vnd.onnx",
            "digest": "sha256:b785b729844aeba0447e19afea897610fbb2090c2f5d7ee3680068cd3011e269",
            "size": 1400,
            "annotations": {"org.opencontainers.image.title": "model.onnx"},
        }
    ]
    for blob in (tmp_path / "oci" / "blobs" / "sha256").iterdir():
        assert digest_of(blob.read_bytes()) == f"sha256:{blob.name}"


def test_annotations_say_what_the_package_says(tmp_path: Path) -> None:
    save_oci(
        artifact_of(tiny_package(), annotations={"com.example.team": "vision"}),
        tmp_path / "oci",
        tag="1.0.0",
    )

    assert manifest_of(tmp_path / "oci")["annotations"] == {
        "com.example.team": "vision",
        "org.opencontainers.image.title": "digits",
        "org.opencontainers.image.version": "1.0.0",
        "org.opencontainers.image.created": "2026-02-03T04:05:06Z",
        "org.opencontainers.image.description": "Tells odd digits from even ones.",
        "vnd.edgefleet.package.digest": tiny_package().digest,
        "vnd.edgefleet.task": "multiclass",
    }


def test_the_same_package_gives_the_same_bytes(tmp_path: Path) -> None:
    written(tmp_path / "a", tiny_package())
    written(tmp_path / "b", tiny_package())

    files = {
        home: {
            path.relative_to(tmp_path / home): path.read_bytes()
            for path in (tmp_path / home).rglob("*")
            if path.is_file()
        }
        for home in ("a", "b")
    }

    assert files["a"] == files["b"]
    assert len(files["a"]) == 5


def test_a_package_comes_back_byte_by_byte(tmp_path: Path) -> None:
    written(tmp_path / "oci", tiny_package())

    assert load_oci(tmp_path / "oci").to_archive() == tiny_package().to_archive()


def test_a_layout_holds_several_packages_and_shares_their_files(tmp_path: Path) -> None:
    written(tmp_path / "oci", tiny_package("digits", "1.0.0"), tag="digits:1.0.0")
    written(tmp_path / "oci", tiny_package("digits", "1.1.0"), tag="digits:1.1.0")

    assert load_oci(tmp_path / "oci", tag="digits:1.1.0").manifest.version == "1.1.0"
    assert len(list((tmp_path / "oci" / "blobs" / "sha256").iterdir())) == 5  # one file of weights
    with pytest.raises(UsageError, match=r"name one of the tags digits:1\.0\.0, digits:1\.1\.0"):
        load_oci(tmp_path / "oci")
    with pytest.raises(UsageError, match=r"there is no tag '2' in .*; its tags: digits:1"):
        load_oci(tmp_path / "oci", tag="2")


def test_a_package_is_found_beside_artifacts_of_others(tmp_path: Path) -> None:
    written(tmp_path / "oci", tiny_package())
    index = json.loads((tmp_path / "oci" / "index.json").read_bytes())
    other = index["manifests"][0] | {"artifactType": "application/vnd.example.sbom"}
    other |= {"digest": f"sha256:{'0' * 64}", "annotations": None}
    (tmp_path / "oci" / "index.json").write_text(
        json.dumps(index | {"manifests": [other, *index["manifests"]]})
    )

    again = written(tmp_path / "oci", tiny_package(), tag="latest")

    entries = json.loads((tmp_path / "oci" / "index.json").read_bytes())["manifests"]
    assert load_oci(tmp_path / "oci").digest == tiny_package().digest
    assert entries[0] == other
    assert [entry["digest"] for entry in entries[1:]] == [again.manifest.digest] * 2


def test_a_tag_of_another_artifact_is_taken_only_if_that_is_asked_for(tmp_path: Path) -> None:
    written(tmp_path / "oci", tiny_package())
    other = artifact_of(tiny_package(model=b"other weights"))

    with pytest.raises(UsageError, match=r"tag '1\.0\.0' in .* names another artifact"):
        save_oci(other, tmp_path / "oci", tag="1.0.0")
    kept = load_oci(tmp_path / "oci").digest
    save_oci(other, tmp_path / "oci", tag="1.0.0", replace=True)

    assert kept == tiny_package().digest
    assert load_oci(tmp_path / "oci").files["model.onnx"] == b"other weights"
    assert len(json.loads((tmp_path / "oci" / "index.json").read_bytes())["manifests"]) == 1


@pytest.mark.parametrize("tag", ["", "a b", "../up", "a//b", "-a", "a-", "a" * 129, "é"])
def test_a_tag_that_tools_could_not_read_is_refused(tmp_path: Path, tag: str) -> None:
    with pytest.raises(UsageError, match="is not allowed: use letters and digits"):
        save_oci(artifact_of(tiny_package()), tmp_path / "oci", tag=tag)

    assert not (tmp_path / "oci").exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "is no name"),
        ("a b", "is no name"),
        ("org.opencontainers.image.ref.name", "set the tag instead"),
    ],
)
def test_an_annotation_without_a_good_name_is_refused(name: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        artifact_of(tiny_package(), annotations={name: "x"})


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")

    with pytest.raises(UsageError, match="holds something else than an OCI image layout"):
        save_oci(artifact_of(tiny_package()), tmp_path, tag="1.0.0")
    with pytest.raises(UsageError, match="there is no OCI image layout in"):
        load_oci(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_layout_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(UsageError, match=r"cannot write '.*oci': "):
        save_oci(artifact_of(tiny_package()), tmp_path / "file" / "oci", tag="1.0.0")

    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def damaged_model(folder: Path) -> None:
    blob_of(folder, tiny_package().manifest.artifacts[0].digest).write_bytes(b"Weights" * 200)


def shorter_model(folder: Path) -> None:
    blob_of(folder, tiny_package().manifest.artifacts[0].digest).write_bytes(b"weights" * 199)


def longer_model(folder: Path) -> None:
    blob_of(folder, tiny_package().manifest.artifacts[0].digest).write_bytes(b"weights" * 10_000)


def linked_model(folder: Path) -> None:
    blob = blob_of(folder, tiny_package().manifest.artifacts[0].digest)
    blob.rename(folder / "elsewhere")
    blob.symlink_to(folder / "elsewhere")


def piped_model(folder: Path) -> None:
    blob = blob_of(folder, tiny_package().manifest.artifacts[0].digest)
    blob.unlink()
    os.mkfifo(blob)


def missing_model(folder: Path) -> None:
    blob_of(folder, tiny_package().manifest.artifacts[0].digest).unlink()


def path_for_a_digest(folder: Path) -> None:
    with_entry(folder, digest="sha256:../../../../../etc/passwd")


def other_algorithm(folder: Path) -> None:
    with_entry(folder, digest=f"sha512:{'0' * 128}")


def negative_size(folder: Path) -> None:
    with_entry(folder, size=-1)


def huge_manifest(folder: Path) -> None:
    with_entry(folder, size=2**40)


def nested_index(folder: Path) -> None:
    with_entry(folder, mediaType="application/vnd.oci.image.index.v1+json")


def container_image(folder: Path) -> None:
    config = {"mediaType": "application/vnd.oci.image.config.v1+json"}
    with_manifest(folder, config=dict(manifest_of(folder)["config"]) | config)  # type: ignore[call-overload]


def huge_config(folder: Path) -> None:
    with_manifest(folder, config=dict(manifest_of(folder)["config"]) | {"size": 2**40})  # type: ignore[call-overload]


def no_layers(folder: Path) -> None:
    with_manifest(folder, layers=[])


def too_many_layers(folder: Path) -> None:
    with_manifest(folder, layers=[{}] * 1001)


def schema_of_docker(folder: Path) -> None:
    with_manifest(folder, schemaVersion=1)


def deep_index(folder: Path) -> None:
    (folder / "index.json").write_text('{"a":' * 9000 + "1" + "}" * 9000)


def index_of_numbers(folder: Path) -> None:
    (folder / "index.json").write_text('{"manifests": [1]}')


def huge_index(folder: Path) -> None:
    with (folder / "index.json").open("r+b") as file:
        file.truncate(2**32)


def layout_of_tomorrow(folder: Path) -> None:
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "2.0.0"}')


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (damaged_model, "holds other bytes than its name says"),
        (shorter_model, "has 1393 bytes, 1400 were expected"),
        (longer_model, "has 70000 bytes, at most 1400 were expected"),
        (linked_model, "cannot read '.*b785b7.*': Too many levels of symbolic links"),
        (piped_model, "is no plain file"),
        (missing_model, "cannot read '.*b785b7.*': No such file"),
        (path_for_a_digest, r"digest is 'sha256:\.\./.* expected text that matches sha256"),
        (other_algorithm, "digest is 'sha512:.* expected text that matches sha256"),
        (negative_size, "size is -1, expected a whole number from 0"),
        (huge_manifest, "size is 1099511627776, expected a whole number"),
        (nested_index, "holds 'application/vnd.oci.image.index.v1.json' under '1.0.0'"),
        (container_image, "this is an image of something else"),
        (huge_config, "config.size is 1099511627776"),
        (no_layers, "has no layer of 1400 bytes with digest .* for 'model.onnx'"),
        (too_many_layers, "layers is .* expected a list of at most 1000 items"),
        (schema_of_docker, "schemaVersion is 1, expected 2"),
        (deep_index, "index.json of .* is no readable JSON: nested deeper"),
        (index_of_numbers, r"manifests\[0\] is 1, expected an object"),
        (huge_index, "index.json' has 4294967296 bytes, at most 4000000"),
        (layout_of_tomorrow, "is an image layout of version '2.0.0'"),
    ],
)
def test_a_layout_that_lies_is_refused(tmp_path: Path, spoil: Break, words: str) -> None:
    folder = tmp_path / "oci"
    written(folder, tiny_package())
    spoil(folder)

    with pytest.raises(PackageError, match=words):
        load_oci(folder)


def test_tools_of_registries_read_the_layout_and_copy_it_unchanged(tmp_path: Path) -> None:
    skopeo = shutil.which("skopeo")
    if skopeo is None:
        pytest.skip("skopeo is not installed: apt-get install skopeo")
    written(tmp_path / "oci", tiny_package(), tag="digits:1.0.0")
    source, copy = f"oci:{tmp_path}/oci:digits:1.0.0", f"oci:{tmp_path}/copy:mine"

    seen = subprocess.run([skopeo, "inspect", "--raw", source], capture_output=True, check=True)
    subprocess.run(
        [skopeo, "--insecure-policy", "copy", source, copy], capture_output=True, check=True
    )

    assert json.loads(seen.stdout)["artifactType"] == ARTIFACT_TYPE
    assert load_oci(tmp_path / "copy", tag="mine").to_archive() == tiny_package().to_archive()
