"""``edgefleet policy``: look at what shall happen by itself, before a cloud does it."""

from pathlib import Path
from typing import Annotated

import typer

from edgefleet.options import examples, sub_app
from edgefleet.printing import print_line, print_table

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = sub_app("Look at what shall happen by itself.")
    group.command("check", epilog=examples("edgefleet policy check cloud/policies.toml"))(check)
    app.add_typer(group, name="policy")


def check(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="TOML or YAML file with policies.")],
) -> None:
    """Check a file of policies, and say what a cloud would do by it.

    A cloud reads ``policies.toml`` or ``policies.yaml`` in its data folder, and again whenever it
    changes.
    """
    from cloud_sync.policy_file import read_policies

    book = read_policies(path)
    print_line(f"version {book.version}: {len(book.policies)} policies")
    rows = [
        (
            policy.name,
            policy.on.value,
            ", ".join(policy.kinds) or "any",
            ", ".join(policy.models),
            ", ".join(action.kind.value for action in policy.actions),
        )
        for policy in book.policies
    ]
    if rows:
        print_table(("policy", "on", "kinds", "models", "does"), rows)
    for pattern, how in book.automation.items():
        print_line(f"models {pattern}: {how.value}")
    print_line("other models: approve")
