"""``edgefleet keys``: who may release models, and who may give orders to devices."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from edgefleet.options import CloudUrl, examples, sub_app
from edgefleet.printing import print_line, print_table

if TYPE_CHECKING:
    from cloud_sync.trust.ceremony import Ceremony

__all__ = ["register"]

_Folder: TypeAlias = Annotated[Path, typer.Argument(help="Folder of the keys.")]
_Password: TypeAlias = Annotated[
    str,
    typer.Option(
        help="Of the keys that stay offline; asked for if it is not given.",
        envvar="EDGEFLEET_KEYS_PASSWORD",
        show_default=False,
    ),
]
_OnlinePassword: TypeAlias = Annotated[
    str,
    typer.Option(
        help="Of the keys that the cloud uses by itself; without one they are not encrypted, and "
        "only their owner may read them.",
        envvar="EDGEFLEET_ONLINE_PASSWORD",
        show_default=False,
    ),
]
_NoPassword: TypeAlias = Annotated[
    bool, typer.Option("--no-password", help="Keep them unencrypted, for trying out.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = sub_app("Make and replace the keys that release models and give orders (TUF).")
    group.command(
        epilog=examples(
            "edgefleet keys init keys --model digits",
            "edgefleet cloud run --keys keys/cloud",
            "edgefleet agent run digits --trusted-root keys/cloud/metadata/root.json",
        )
    )(init)
    group.command("add-model", epilog=examples("edgefleet keys add-model keys gate"))(add_model)
    group.command(
        epilog=examples(
            "edgefleet keys rotate keys model-digits", "edgefleet keys rotate keys root"
        )
    )(rotate)
    group.command(epilog=examples("edgefleet keys publish keys"))(publish)
    group.command(epilog=examples("edgefleet keys show keys"))(show)
    app.add_typer(group, name="keys")


def init(
    folder: _Folder,
    model: Annotated[list[str], typer.Option(help="A model that gets a key; may be repeated.")],
    root_keys: Annotated[int, typer.Option(help="How many keys sign the root.")] = 3,
    threshold: Annotated[int, typer.Option(help="How many of them it takes.")] = 2,
    password: _Password = "",
    online_password: _OnlinePassword = "",
    no_password: _NoPassword = False,
) -> None:
    """Make all keys of a fleet, and the root that devices pin."""
    given = "" if no_password else password or _asked_twice()
    ceremony = _ceremony(folder, given, online_password)
    ceremony.begin(model, root_keys=root_keys, threshold=threshold)
    print_line(f"keys are in {folder}: {threshold} of {root_keys} sign the root")
    print_line(f"for the cloud:  edgefleet cloud run --keys {ceremony.cloud}")
    root = ceremony.cloud / "metadata" / "root.json"
    print_line(f"for devices:    edgefleet agent run {model[0]} --trusted-root {root}")
    print_line(
        f"to release:     edgefleet model push FILE --key {folder / f'model-{model[0]}.pem'}"
    )
    print_line("keep all but the folder 'cloud' somewhere without a network")


def add_model(
    folder: _Folder,
    model: Annotated[list[str], typer.Argument(help="Models that get keys.")],
    cloud: CloudUrl = "",
    offline: Annotated[bool, typer.Option("--offline", help="Do not tell the cloud.")] = False,
    password: _Password = "",
    online_password: _OnlinePassword = "",
) -> None:
    """Make keys for further models."""
    _change(
        folder,
        lambda ceremony: ceremony.add_models(model),
        cloud=None if offline else cloud,
        passwords=(password, online_password),
    )
    for name in model:
        print_line(f"{name} is released with {folder / f'model-{name}.pem'}")


def rotate(
    folder: _Folder,
    role: Annotated[
        str,
        typer.Argument(help="root, targets, snapshot, timestamp, director or model-NAME."),
    ],
    cloud: CloudUrl = "",
    offline: Annotated[bool, typer.Option("--offline", help="Do not tell the cloud.")] = False,
    password: _Password = "",
    online_password: _OnlinePassword = "",
) -> None:
    """Replace the key of a role, say because somebody may have it who should not."""
    _change(
        folder,
        lambda ceremony: ceremony.rotate(role),
        cloud=None if offline else cloud,
        passwords=(password, online_password),
    )
    print_line(f"{role} has a new key; the old one counts for nothing from now on")
    if role in ("snapshot", "timestamp", "director"):
        print_line(f"copy {folder / 'cloud' / f'{role}.pem'} to the cloud and start it again")


def publish(folder: _Folder, cloud: CloudUrl = "") -> None:
    """Hand the cloud what was signed offline, or did not reach it."""
    from cloud_sync.trust.metadata import MetadataFolder
    from cloud_sync.trust.remote import pull, push
    from edgefleet.client import Cloud

    metadata = MetadataFolder(folder / "cloud" / "metadata")
    with Cloud(cloud, program="cli") as connection:
        before = pull(f"{connection.url}/api/v1/blobs/trust", metadata)
        push(metadata, before, connection.accept_metadata)
    print_line("the cloud has all that was signed here")


def show(folder: _Folder) -> None:
    """Show roles, their keys, and when what they signed expires."""
    from cloud_sync.trust.ceremony import roles_of
    from cloud_sync.trust.metadata import MetadataFolder

    rows = roles_of(MetadataFolder(folder / "cloud" / "metadata"))
    print_table(("role", "version", "expires", "keys", "threshold"), rows)


def _change(
    folder: Path,
    change: "Callable[[Ceremony], None]",
    *,
    cloud: str | None,
    passwords: tuple[str, str],
) -> None:
    """Change keys on top of what the cloud has, and hand it what was signed."""
    from cloud_sync.trust.metadata import MetadataFolder
    from cloud_sync.trust.remote import pull, push
    from edgefleet.client import Cloud

    offline_password, online_password = passwords
    metadata = MetadataFolder(folder / "cloud" / "metadata")
    given = offline_password or _asked_once(folder)
    if cloud is None:
        change(_ceremony(folder, given, online_password))
        print_line(f"when the cloud can be reached: edgefleet keys publish {folder}")
        return
    with Cloud(cloud, program="cli") as connection:
        before = pull(f"{connection.url}/api/v1/blobs/trust", metadata)
        change(_ceremony(folder, given, online_password))
        push(metadata, before, connection.accept_metadata)


def _ceremony(folder: Path, password: str, online_password: str) -> "Ceremony":
    from cloud_sync.trust.ceremony import Ceremony, Passwords

    passwords = Passwords(
        offline=password.encode() or None, online=online_password.encode() or None
    )
    return Ceremony(folder, passwords, now=datetime.now(UTC))


def _asked_twice() -> str:
    answer: str = typer.prompt("password of the keys", hide_input=True, confirmation_prompt=True)
    return answer


def _asked_once(folder: Path) -> str:
    """Return the password of encrypted keys; nothing is asked where they are not."""
    if not any(b"ENCRYPTED" in path.read_bytes() for path in folder.glob("*.pem")):
        return ""
    answer: str = typer.prompt("password of the keys", hide_input=True)
    return answer
