"""``edgefleet package``: model packages in the forms of other tools."""

from pathlib import Path
from typing import Annotated

import typer

from edge_contract.errors import UsageError
from edgefleet.options import AsJson, examples, sub_app
from edgefleet.printing import print_json, print_line

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = sub_app("Take model packages to other tools and back.")
    group.command(
        "oci",
        epilog=examples(
            "edgefleet package oci digits-1.0.0.modelpkg --out digits.oci",
            "skopeo copy oci:digits.oci:1.0.0 docker://registry.example/models/digits:1.0.0",
            "edgefleet package oci digits-1.0.0.modelpkg --out models.oci --tag digits:1.0.0 "
            "--annotate com.example.team=vision",
        ),
    )(to_oci)
    group.command(
        "from-oci",
        epilog=examples(
            "skopeo copy docker://registry.example/models/digits:1.0.0 oci:digits.oci:1.0.0",
            "edgefleet package from-oci digits.oci --out dist/",
        ),
    )(from_oci)
    app.add_typer(group, name="package")


def to_oci(
    package: Annotated[Path, typer.Argument(help="A .modelpkg file or an unpacked folder.")],
    out: Annotated[
        Path, typer.Option(help="Folder of the image layout: a new one, or one to add it to.")
    ],
    tag: Annotated[
        str, typer.Option(help="Its name in the layout; by default the package's version.")
    ] = "",
    annotate: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=TEXT",
            help="Annotation of the image manifest, beside those that come from the package. "
            "Repeatable.",
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Take the tag from the artifact that has it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write a package as an OCI image layout, which tools of container registries copy.

    Every file becomes a layer as it is, so a registry stores once what versions share. The same
    package always gives the same bytes.
    """
    from edgefleet.shadowing import require_own_package

    require_own_package("converters")
    from converters.oci_artifact import annotations_of, artifact_of
    from converters.oci_layout import save_oci
    from converters.package_files import load_package

    loaded = load_package(package)
    annotations = {**annotations_of(loaded), **dict(map(_annotation, annotate or ()))}
    artifact = artifact_of(loaded, annotations=annotations)
    name = tag or loaded.manifest.version
    folder = save_oci(artifact, out, tag=name, replace=replace)
    if as_json:
        print_json(
            {
                "path": str(folder),
                "tag": name,
                "oci_digest": artifact.manifest.digest,
                "package_digest": loaded.digest,
                "blobs": len(artifact.blobs),
                "size_bytes": sum(map(len, artifact.blobs.values())),
                "annotations": annotations,
            }
        )
        return
    print_line(f"{loaded.manifest.reference} is {name} in {folder}: {artifact.manifest.digest}")
    print_line(f"next: skopeo copy oci:{folder}:{name} docker://REGISTRY/NAME:TAG")


def from_oci(
    layout: Annotated[Path, typer.Argument(help="Folder of the image layout.")],
    tag: Annotated[
        str, typer.Option(help="Which one; may be left out where there is but one.")
    ] = "",
    out: Annotated[
        Path, typer.Option(help="Folder for NAME-VERSION.modelpkg, or a file that ends so.")
    ] = Path(),
    as_json: AsJson = False,
) -> None:
    """Turn an OCI image layout back into the package, byte by byte, after checking every file."""
    from edgefleet.shadowing import require_own_package

    require_own_package("converters")
    from converters.oci_layout import load_oci
    from converters.package_files import save_package

    package = load_oci(layout, tag=tag)
    path = save_package(package, out)
    if as_json:
        print_json(
            {
                "path": str(path),
                "digest": package.digest,
                "name": package.manifest.name,
                "version": package.manifest.version,
                "size_bytes": path.stat().st_size,
            }
        )
        return
    print_line(f"{path} ({path.stat().st_size / 1e6:.2f} MB) {package.digest}")
    print_line(f"next: edgefleet inspect {path}, or edgefleet model push {path}")


def _annotation(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise UsageError(
            f"annotation {text!r} is no NAME=TEXT; write it like com.example.team=vision"
        )
    return name, value
