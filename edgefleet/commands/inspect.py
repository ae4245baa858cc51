"""``edgefleet inspect``: the card of a model package."""

import json
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from edgefleet.options import AsJson, examples
from edgefleet.printing import print_json, print_table

__all__ = ["register"]

_FEATURES_SHOWN: Final = 40


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "inspect",
        epilog=examples(
            "edgefleet inspect digits-1.0.0.modelpkg",
            "edgefleet inspect digits-1.0.0.modelpkg --markdown > MODEL_CARD.md",
            "edgefleet inspect digits-1.0.0.modelpkg --json | jq .manifest.evidence",
        ),
    )(inspect)


def inspect(
    package: Annotated[Path, typer.Argument(help="A .modelpkg file or an unpacked folder.")],
    as_json: AsJson = False,
    markdown: Annotated[bool, typer.Option(help="Print the card as Markdown.")] = False,
) -> None:
    """Show what a model package holds, after checking every file in it.

    Identity, inputs and outputs, features and their ranges, the evidence that the conversion is
    faithful and how good the model is, where it comes from, and the digest of every file.
    """
    from edgefleet.shadowing import require_own_package

    require_own_package("converters")
    from converters.card import card_of, features_as_json, markdown_of
    from converters.package_files import load_package

    loaded = load_package(package)
    if as_json:
        reference = loaded.reference()
        print_json(
            {
                "digest": loaded.digest,
                "manifest": json.loads(loaded.manifest_bytes),
                "reference": {
                    "rows": reference.rows,
                    "variance_inflation": reference.variance_inflation,
                    "features": features_as_json(loaded),
                },
            }
        )
    elif markdown:
        sys.stdout.write(markdown_of(loaded))
    else:
        for section in card_of(loaded, max_features=_FEATURES_SHOWN):
            print_table(section.columns, section.rows, title=section.title)
