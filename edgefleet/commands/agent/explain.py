"""``edgefleet agent explain-telemetry``."""

import typer

from edge_contract.errors import MessageError, UnavailableError, UsageError
from edgefleet.commands.agent.options import Device, Fleet, State

__all__ = ["explain_telemetry"]


def explain_telemetry(device: Device = None, fleet: Fleet = "default", state: State = None) -> None:
    """Print in words the last batch of statistics that left this device.

    It is read from the bytes that were sent, so it says what is in them and not what should be.
    """
    from edge_agent.adapters.folder_packages import FolderPackages
    from edge_agent.config import default_device, default_state_folder
    from edge_agent.explaining import explained
    from edge_agent.last_batch import LAST_BATCH
    from edge_contract.messages import TelemetryBatch, decode

    folder = state or default_state_folder(fleet, device or default_device())
    path = folder / LAST_BATCH
    try:
        payload = path.read_bytes()
        batch = decode(payload)
    except FileNotFoundError:
        raise UsageError(
            f"no batch has left from {str(folder)!r} yet: name another folder with --state, or "
            "wait until an agent with a cloud has closed a window"
        ) from None
    except (OSError, MessageError) as error:
        raise UnavailableError(f"cannot read {str(path)!r}: {error}") from error
    if not isinstance(batch, TelemetryBatch):
        raise UnavailableError(f"{str(path)!r} holds no telemetry")
    packages = FolderPackages(folder / "packages")
    for line in explained(batch, len(payload), packages.description):
        typer.echo(line)
