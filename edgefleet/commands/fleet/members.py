"""``edgefleet fleet enroll`` and what belongs to it: who may speak, and who is kept apart."""

from typing import Annotated
from urllib.parse import urlsplit

import typer

from edge_contract.enrolment import JoinToken
from edge_contract.errors import UsageError
from edgefleet.options import AsJson, CloudUrl, duration_s, examples
from edgefleet.printing import ago, clock, print_json, print_line, print_table

__all__ = ["register"]

DeviceArgument = Annotated[str, typer.Argument(metavar="DEVICE", help="Its name.")]


def register(group: typer.Typer) -> None:
    """Add the commands."""
    group.command(
        epilog=examples(
            "edgefleet fleet enroll --device cam-07",
            "edgefleet fleet enroll --uses 500 --valid 7d --label 'hall 3'",
        )
    )(enroll)
    group.command(epilog=examples("edgefleet fleet tokens"))(tokens)
    group.command("revoke-token", epilog=examples("edgefleet fleet revoke-token 3f9a0c12be77"))(
        revoke_token
    )
    group.command(epilog=examples("edgefleet fleet members"))(members)
    group.command(epilog=examples("edgefleet fleet revoke cam-07"))(revoke)
    group.command(epilog=examples("edgefleet fleet rotate cam-07 cam-08"))(rotate)
    group.command(
        epilog=examples("edgefleet fleet quarantine cam-07 --reason 'counts that cannot be'")
    )(quarantine)
    group.command(epilog=examples("edgefleet fleet release cam-07"))(release)
    group.command(epilog=examples("edgefleet fleet erase cam-07 --yes"))(erase)


def enroll(
    device: Annotated[
        str, typer.Option(help="The only device that may use it; by default any may.")
    ] = "",
    uses: Annotated[int, typer.Option(help="How many devices may join by it.")] = 1,
    valid: Annotated[str, typer.Option(metavar="TIME", help="For 30m, 24h, 7d.")] = "1h",
    label: Annotated[str, typer.Option(help="What it is for.")] = "",
    url: Annotated[
        str,
        typer.Option(help="Address of the cloud as devices reach it, if not the one used here."),
    ] = "",
    cloud: CloudUrl = "",
    as_json: AsJson = False,
) -> None:
    """Make a join token and print it: it is shown this once, and kept nowhere.

    A device that is given it makes a key of its own, and gets a password for the broker, a
    certificate where the cloud has an authority, and the root of releases to pin.
    """
    from edgefleet.client import Cloud

    if url and not url.startswith(("https://", "http://")):
        raise UsageError(
            f"--url {url!r} is no address of a cloud: write https://cloud.example:8080"
        )
    with Cloud(cloud, program="cli") as connection:
        made = connection.create_join_token(
            device=device, uses=uses, expires_s=duration_s(valid), label=label
        )
        address = url or connection.url
    token = JoinToken(
        url=address.rstrip("/"),
        fleet=made.fleet,
        token_id=made.token.token_id,
        secret=made.secret,
        ca_sha256=made.ca_sha256,
        root_sha256=made.root_sha256,
    )
    JoinToken.parse(str(token))  # an address that devices could not read is told here
    if as_json:
        print_json({"token": str(token), "token_id": token.token_id, "url": token.url})
        return
    print_line(str(token))
    name = device or "NAME"
    hint = f"on the device: edgefleet agent join TOKEN --device {name}"
    if made.fleet != "default":
        hint += f", and run it with --fleet {made.fleet}"
    typer.echo(hint, err=True)
    if urlsplit(token.url).hostname in ("localhost", "127.0.0.1", "::1"):
        typer.echo(f"it leads to {token.url}, this machine: --url for devices elsewhere", err=True)


def tokens(cloud: CloudUrl = "", as_json: AsJson = False) -> None:
    """List the join tokens, without their secrets."""
    from edgefleet.client import Cloud

    with Cloud(cloud, program="cli") as connection:
        found = connection.join_tokens()
    if as_json:
        print_json(found)
    elif not found:
        print_line("no join token yet: edgefleet fleet enroll")
    else:
        print_table(
            ("token", "label", "device", "used", "state", "until", "by"),
            [
                (
                    view.token_id,
                    view.label,
                    view.device or "any",
                    f"{view.used:,} of {view.uses:,}",
                    view.state,
                    clock(view.expires_unix_s),
                    view.by,
                )
                for view in found
            ],
        )


def revoke_token(
    token_id: Annotated[str, typer.Argument(metavar="TOKEN", help="Its id, as listed.")],
    cloud: CloudUrl = "",
) -> None:
    """End a join token; devices that joined by it stay."""
    from edgefleet.client import Cloud

    with Cloud(cloud, program="cli") as connection:
        view = connection.revoke_join_token(token_id)
    print_line(f"join token {view.token_id} is {view.state}; {view.used:,} devices joined by it")


def members(cloud: CloudUrl = "", as_json: AsJson = False) -> None:
    """List the devices that have joined, and those that are kept apart."""
    from edgefleet.client import Cloud

    with Cloud(cloud, program="cli") as connection:
        found = connection.credentials()
        apart = {view.device: view for view in connection.quarantines()}
    if as_json:
        print_json(found)
        return
    if not found:
        print_line("no device has joined yet: edgefleet fleet enroll")
    else:
        print_table(
            ("device", "credential", "joined", "password of", "by token", "key"),
            [
                (
                    view.device,
                    view.state,
                    ago(view.enrolled_unix_s),
                    ago(view.issued_unix_s),
                    view.token_id,
                    view.public_key[:16],
                )
                for view in found
            ],
        )
    for view in apart.values():
        print_line(f"{view.device} is in quarantine, {ago(view.since_unix_s)}: {view.reason}")


def revoke(device: DeviceArgument, cloud: CloudUrl = "") -> None:
    """Put a device out of the fleet: its connection ends, and it may not come back."""
    from edgefleet.client import Cloud

    with Cloud(cloud, program="cli") as connection:
        connection.revoke_credential(device)
    print_line(f"{device} is out; it comes back by `edgefleet fleet enroll --device {device}`")


def rotate(
    devices: Annotated[list[str], typer.Argument(metavar="DEVICE...", help="Their names.")],
    valid: Annotated[str, typer.Option(metavar="TIME", help="How long they may take.")] = "7d",
    cloud: CloudUrl = "",
) -> None:
    """Let devices get new passwords, and certificates; the old ones end a day later.

    `edgefleet fleet commands` tells which have.
    """
    from edgefleet.client import Cloud

    with Cloud(cloud, program="cli") as connection:
        view = connection.send("renew-credential", devices=devices, expires_s=duration_s(valid))
    print_line(f"asked {len(view.devices):,} devices by command {view.command_id}")


def quarantine(
    device: DeviceArgument,
    reason: Annotated[str, typer.Option(help="Why; it stands in the record.")],
    cloud: CloudUrl = "",
) -> None:
    """Merge nothing of a device: what it sends waits on it until it is released."""
    from edgefleet.client import Cloud

    with Cloud(cloud, program="cli") as connection:
        connection.quarantine(device, reason)
    print_line(f"{device} is in quarantine until `edgefleet fleet release {device}`")


def release(device: DeviceArgument, cloud: CloudUrl = "") -> None:
    """Let a device back that was kept apart; what waited on it comes then."""
    from edgefleet.client import Cloud

    with Cloud(cloud, program="cli") as connection:
        connection.release(device)
    print_line(f"{device} counts again")


def erase(
    device: DeviceArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    cloud: CloudUrl = "",
) -> None:
    """Forget what is known of a device: statistics of its own, facts, tags, answers, samples.

    Sums of the fleet stay. A device that still speaks becomes known anew: revoke it first.
    """
    from edgefleet.client import Cloud

    if not yes:
        typer.confirm(f"forget everything about {device}?", abort=True)
    with Cloud(cloud, program="cli") as connection:
        view = connection.erase(device)
    print_line(
        f"forgot {view.windows:,} windows, {view.answers:,} answers and {view.samples:,} files of "
        f"samples of {view.device}"
    )
    print_line(f"what stays: {'; '.join(view.stays)}")
