"""``edgefleet cloud token`` and ``edgefleet cloud audit``: who may do what, and who did what."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from cloud_sync.api.json_views import view_to_json
from cloud_sync.core.access import Scope
from edge_contract.errors import UsageError
from edgefleet.options import AsJson, CloudUrl, duration_s, examples, sub_app
from edgefleet.printing import clock, print_json, print_line, print_table

if TYPE_CHECKING:
    from edge_contract.reading import JsonObject

__all__ = ["audit", "register_tokens"]

_ROLES = ("viewer", "operator", "admin")


def register_tokens(group: typer.Typer) -> None:
    """Add the commands about tokens."""
    app = sub_app("Give people and programs tokens for the API, and take them back.")
    app.command(
        epilog=examples(
            "edgefleet cloud token create anna --role operator",
            "edgefleet cloud token create grafana --scope metrics --expires 365d",
            "edgefleet cloud token create ci --role operator --scope models",
        )
    )(create)
    app.command("list", epilog=examples("edgefleet cloud token list"))(list_tokens)
    app.command(epilog=examples("edgefleet cloud token revoke 3f9a0c12be77"))(revoke)
    group.add_typer(app, name="token")


def create(
    label: Annotated[str, typer.Argument(help="Whose it is, or what for.")],
    role: Annotated[str, typer.Option(help="viewer, operator or admin.")] = "viewer",
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="Only this part of the API (again for more): models, rollouts, devices, alarms, "
            "samples, metrics or access. Default: all of it, and the dashboard."
        ),
    ] = None,
    expires: Annotated[
        str, typer.Option(metavar="TIME", help="Refused after 30m, 24h, 90d; default never.")
    ] = "",
    cloud: CloudUrl = "",
    as_json: AsJson = False,
) -> None:
    """Make a token and print it: it is shown this once, and kept nowhere.

    A viewer looks, an operator gives orders, an admin gives tokens. As soon as there is a token,
    the API asks everybody for one; so the first must be an admin's.
    """
    from edgefleet.client import Cloud

    if role not in _ROLES:
        raise UsageError(f"role {role!r} is unknown: choose {', '.join(_ROLES)}")
    unknown = sorted(set(scope or ()) - {one.value for one in Scope})
    if unknown:
        raise UsageError(
            f"scope {unknown[0]!r} is unknown: choose {', '.join(one.value for one in Scope)}"
        )
    with Cloud(cloud, program="cli") as connection:
        made = connection.create_token(
            label,
            role=role,
            scopes=scope or (),
            expires_s=duration_s(expires) if expires else None,
        )
    if as_json:
        print_json(made)
    else:
        print_line(made.secret)


def list_tokens(cloud: CloudUrl = "", as_json: AsJson = False) -> None:
    """List all tokens, without their secrets."""
    from edgefleet.client import Cloud

    with Cloud(cloud, program="cli") as connection:
        found = connection.tokens()
    if as_json:
        print_json(found)
    elif not found:
        print_line("no token was made: the API asks nobody, unless the cloud was given --token")
    else:
        print_table(
            ("token", "label", "role", "only", "state", "created", "expires", "by"),
            [
                (
                    view.token_id,
                    view.label,
                    view.role,
                    ", ".join(view.scopes),
                    view.state,
                    clock(view.created_unix_s),
                    "never" if view.expires_unix_s is None else clock(view.expires_unix_s),
                    view.by,
                )
                for view in found
            ],
        )


def revoke(
    token_id: Annotated[str, typer.Argument(metavar="TOKEN", help="As `token list` names it.")],
    cloud: CloudUrl = "",
    as_json: AsJson = False,
) -> None:
    """End a token at once."""
    from edgefleet.client import Cloud

    with Cloud(cloud, program="cli") as connection:
        view = connection.revoke_token(token_id)
    if as_json:
        print_json(view)
    else:
        print_line(f"the {view.role} token of {view.label} is {view.state}")


def audit(
    action: Annotated[
        str, typer.Option(help="Only rollout.start, or all of rollout, command, group, token, ...")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    cloud: CloudUrl = "",
    as_json: AsJson = False,
) -> None:
    """Show who did what, newest first."""
    from edgefleet.client import Cloud

    with Cloud(cloud, program="cli") as connection:
        found = connection.audit(action=action, limit=limit)
    if as_json:
        print_json(found)
    elif not found:
        print_line("nobody did anything" + (f" that is {action}" if action else " yet"))
    else:
        print_table(
            ("when", "by", "action", "subject", "detail"),
            [
                (clock(line.at_unix_s), line.by, line.action, line.subject, _plain(line.detail))
                for line in found
            ],
        )


def _plain(detail: "JsonObject") -> str:
    parts = (
        f"{name}: {value if isinstance(value, str) else json.dumps(view_to_json(value))}"
        for name, value in detail.items()
    )
    return ", ".join(parts)
