"""What must be true after a power cut, tried with the agent itself on what is left of the disk."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge_agent.adapters.onnxruntime_engine import OnnxRuntimeEngine
from edge_agent.ports import PackageStore
from edge_contract.errors import UnavailableError
from edge_contract.messages import Downloads
from tests.support.agent_device import Device
from tests.support.links import wait_until
from tests.support.power_cut.story import Note

__all__ = ["NOTHING_YET", "Moment", "check", "raise_it"]

NOTHING_YET: Final = Note(-1, "", "", ())

_HELD: Final = ("ready", "shadow", "trial", "active")


@dataclass(frozen=True, slots=True)
class Moment:
    """When the power went.

    Attributes:
        before: What the agent had told last.
        after: What it may have been about to tell.
        hopeless: Digests of versions that are refused wherever they are tried.
    """

    before: Note
    after: tuple[Note, ...]
    hopeless: frozenset[str]


class Offline:
    """No network; implements ``PackageSource``."""

    def fetch(self, digest: str, url: str, store: PackageStore) -> None:
        raise UnavailableError("there is no network")

    def spent(self) -> Downloads:
        return Downloads()

    def close(self) -> None:
        pass


def check(left: Path, rings: Path, moment: Moment) -> None:
    """Start an agent without a network on what is left, and see that it is as it must be.

    * What served, or what was about to, serves; the version to go back to is the same, and whole.
    * No version is bad that had not failed, and never two.
    * Everything that a slot holds can be loaded: its digests are right.
    * The new life has a number that no life before had.
    """
    before, after = moment.before, moment.after
    device = Device(left, Offline(), OnnxRuntimeEngine(), rings=rings)
    try:
        goods = {before.last_good, *(note.last_good for note in after)}
        remembered = device.core.deployers["digits"].last_good
        device.start()
        assert device.core.boot > before.boot
        assert remembered in goods
        if before.last_good:  # what is wanted is asked for after what is here was loaded
            wait_until(lambda: device.version != "" or device.shell.trouble != "")
        device.shell.updates.ready()  # it is through with what it began
        assert device.version or not before.last_good, device.shell.trouble
        told = Note.of(device)
        wanted = _wanted(device)  # it may be here, and begin before anybody looks
        assert told.last_good in (goods if before.last_good else goods | {wanted})
        served = {before.serving, *(note.serving for note in after)}
        assert told.serving in served | goods | {wanted}
        bad = {*before.bad, *moment.hopeless, *(digest for note in after for digest in note.bad)}
        assert set(told.bad) <= bad
        assert len(told.bad) <= 1
        for slot in device.core.deployers["digits"].slots:
            if slot.state.value in _HELD:
                device.packages.load(slot.digest)
        if told.serving:
            device.predict()
    finally:
        device.let_go()


def raise_it(wrong: AssertionError) -> None:
    """Raise what somebody else would only count."""
    raise wrong


def _wanted(device: Device) -> str:
    """Digest that the cloud wants to serve, as the journal has it."""
    match device.core.deployers["digits"].to_json()["wanted"]:
        case [[_, str(digest), *_], _]:
            return digest
        case _:
            return ""
