"""The fleet: a twin of every device, what the cloud wants of it, and whether it can be reached.

Sans-IO. Inputs return effects; nothing here waits. A device hears its desired state at QoS 0 and
says which generation it has taken up, so the cloud repeats what was not heard.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from cloud_sync.core.command_book import CommandBook
from cloud_sync.core.facts import DeviceFacts, DeviceStatus
from cloud_sync.core.fleet_effects import FleetEffect, PublishDesired, SaveDevice, SendCommand
from cloud_sync.core.records import CommandRecord
from cloud_sync.core.twin import DeviceTwin
from cloud_sync.core.wishes import FleetWishes
from edge_contract.errors import UsageError
from edge_contract.messages import (
    Assignment,
    Birth,
    Command,
    CommandResult,
    Death,
    Report,
    Target,
)
from edge_contract.stats.noise import NOISE_FACT

__all__ = ["Fleet", "FleetConfig", "FleetEvent"]

FleetEvent: TypeAlias = Birth | Death | Report | CommandResult

_UNKNOWN_INTERVAL_S: Final = 60.0
_ASK_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetConfig:
    """Times of the fleet.

    Attributes:
        lease_s: A device that was silent for so long counts as unreachable; ``None`` for three
            telemetry intervals and a minute.
        repeat_s: The cloud repeats what was not heard this often at first, ...
        max_repeat_s: ... then ever less often, down to this.
    """

    lease_s: float | None = None
    repeat_s: float = 5.0
    max_repeat_s: float = 60.0

    def __post_init__(self) -> None:
        if self.lease_s is not None and not self.lease_s > 0:
            raise UsageError(f"lease_s must be above 0 seconds, got {self.lease_s}")
        if not 0 < self.repeat_s <= self.max_repeat_s:
            raise UsageError(
                "repeat_s must be above 0 seconds and not above max_repeat_s, "
                f"got {self.repeat_s} and {self.max_repeat_s}"
            )


@dataclass(slots=True)
class _Repeats:
    """When a desired state was published last, and how often without being heard."""

    at_unix_s: float
    times: int = 0

    def due_unix_s(self, config: FleetConfig) -> float:
        return self.at_unix_s + min(
            config.repeat_s * 2.0 ** min(self.times, 30), config.max_repeat_s
        )


class Fleet:
    """Twins of all devices.

    Args:
        config: Times.
        wishes: What holds for all devices; complete from the start, or devices would be told to
            want nothing for a moment.
        twins: As they were saved.
        commands: Those that were open when the cloud stopped.
        now_unix_s: The time. Leases count from here: while the cloud was away nobody could be
            heard.
    """

    def __init__(
        self,
        config: FleetConfig,
        *,
        now_unix_s: float,
        wishes: FleetWishes | None = None,
        twins: Iterable[DeviceTwin] = (),
        commands: Iterable[CommandRecord] = (),
    ) -> None:
        self._config = config
        self._twins = {twin.name: twin for twin in twins}
        self._heard_unix_s = dict.fromkeys(self._twins, now_unix_s)
        self._repeats: dict[str, _Repeats] = {}
        self._facts: dict[str, tuple[DeviceTwin, DeviceFacts]] = {}
        self._commands = CommandBook(
            commands, life_of=lambda device: self.twin(device).boot, repeat_s=config.repeat_s
        )
        self._wishes = wishes or FleetWishes()

    # What is known.

    def __len__(self) -> int:
        return len(self._twins)

    def knows(self, device: str) -> bool:
        """Return whether a device has ever announced itself."""
        return device in self._twins

    def adds_noise(self, device: str) -> bool:
        """Return whether a device says that it adds noise to its counts, for privacy."""
        twin = self._twins.get(device)
        birth = None if twin is None else twin.birth
        return birth is not None and bool(birth.facts.get(NOISE_FACT))

    def twin(self, device: str) -> DeviceTwin:
        """Return a device's twin; raises ``UsageError`` if it is unknown."""
        if device not in self._twins:
            raise UsageError(f"device {device!r} is unknown: it has never connected")
        return self._twins[device]

    def twins(self) -> list[DeviceTwin]:
        """Return all twins by rising name."""
        return [self._twins[name] for name in sorted(self._twins)]

    def facts(self) -> dict[str, DeviceFacts]:
        """Return what decisions are made from, by device."""
        known = self._facts
        for name, twin in self._twins.items():
            found = known.get(name)
            if found is None or found[0] is not twin:  # most have not changed since the last time
                known[name] = (twin, twin.facts())
        return {name: facts for name, (_, facts) in known.items()}

    @property
    def lease_s(self) -> float:
        """After so long a silence a device counts as unreachable."""
        if self._config.lease_s is not None:
            return self._config.lease_s
        return 3.0 * (self._wishes.telemetry_interval_s or _UNKNOWN_INTERVAL_S) + 60.0

    # What devices say.

    def forget(self, device: str) -> bool:
        """Forget a device until it is heard again; return whether it was known."""
        self._heard_unix_s.pop(device, None)
        self._repeats.pop(device, None)
        self._facts.pop(device, None)
        return self._twins.pop(device, None) is not None

    def on_event(self, event: FleetEvent, now_unix_s: float) -> list[FleetEffect]:
        """A device said something on its event topic; stale events change nothing."""
        match event:
            case Birth():
                return self._born(event, now_unix_s)
            case Death():
                return self._died(event)
            case Report():
                return self._reported(event, now_unix_s)
            case CommandResult():
                heard = self.on_heard(event.device, now_unix_s)
                return [*heard, *self._commands.on_result(event, now_unix_s)]

    def on_heard(self, device: str, now_unix_s: float) -> list[FleetEffect]:
        """Something else came from a device, so it can be reached.

        One that said farewell stays offline: what comes now was on its way before that.
        """
        twin = self._twins.get(device)
        if twin is None:
            twin = DeviceTwin(device, DeviceStatus.UNREACHABLE)
        self._heard_unix_s[device] = now_unix_s
        if twin.status is not DeviceStatus.UNREACHABLE:
            self._twins[device] = replace(twin, last_seen_unix_s=now_unix_s)
            return []
        return self._changed(
            replace(twin, status=DeviceStatus.ONLINE, last_seen_unix_s=now_unix_s), now_unix_s
        )

    def _born(self, birth: Birth, now_unix_s: float) -> list[FleetEffect]:
        twin = self._twins.get(birth.device) or DeviceTwin(birth.device, DeviceStatus.ONLINE)
        if birth.boot < twin.boot:
            return []
        self._heard_unix_s[birth.device] = now_unix_s
        twin = _in_life(twin, birth.boot)
        twin = replace(twin, status=DeviceStatus.ONLINE, birth=birth, last_seen_unix_s=now_unix_s)
        return self._changed(twin, now_unix_s)

    def _died(self, death: Death) -> list[FleetEffect]:
        twin = self._twins.get(death.device)
        if twin is None or death.boot < twin.boot:
            return []
        closed = death.reason == "closed"
        status = DeviceStatus.OFFLINE if closed else DeviceStatus.UNREACHABLE
        if twin.status is status and twin.boot == death.boot:
            return []
        twin = replace(_in_life(twin, death.boot), status=status)
        self._twins[twin.name] = twin
        return [SaveDevice(twin)]

    def _reported(self, report: Report, now_unix_s: float) -> list[FleetEffect]:
        twin = self._twins.get(report.device) or DeviceTwin(report.device, DeviceStatus.ONLINE)
        if report.boot < twin.boot:
            return []
        known = twin.report
        if known and (report.boot, report.number) <= (known.boot, known.number):
            return []
        self._heard_unix_s[report.device] = now_unix_s
        twin = _in_life(twin, report.boot)
        twin = replace(twin, status=DeviceStatus.ONLINE, report=report, last_seen_unix_s=now_unix_s)
        return [*self._changed(twin, now_unix_s), *_introduction(twin, now_unix_s)]

    # What the cloud wants.

    @property
    def wishes(self) -> FleetWishes:
        """What holds for all devices."""
        return self._wishes

    def set_wishes(self, wishes: FleetWishes, now_unix_s: float) -> list[FleetEffect]:
        """Change what holds for all devices. Call it once after a start, too."""
        self._wishes = wishes
        effects: list[FleetEffect] = []
        for twin in list(self._twins.values()):
            if wishes.applied(twin) is not twin:
                effects += self._changed(twin, now_unix_s)
        return effects

    def set_stable(self, model: str, target: Target, now_unix_s: float) -> list[FleetEffect]:
        """Let every device without an assignment for a model run this version."""
        stable = {**self._wishes.stable, model: target}
        return self.set_wishes(replace(self._wishes, stable=stable), now_unix_s)

    def set_assignment(
        self, device: str, model: str, *, assignment: Assignment | None, now_unix_s: float
    ) -> list[FleetEffect]:
        """Let a rollout decide what one device runs; ``None`` gives it back to the stable version.

        Raises:
            UsageError: The device is unknown.
        """
        twin = self.twin(device)
        assignments = {name: kept for name, kept in twin.assignments.items() if name != model}
        if assignment is not None:
            assignments[model] = assignment
        if assignments == twin.assignments:
            return []
        return self._changed(replace(twin, assignments=assignments), now_unix_s)

    def set_pin(
        self, device: str, model: str, *, target: Target | None, now_unix_s: float
    ) -> list[FleetEffect]:
        """Hold one device to a version, whatever rollouts want; ``None`` lets it go.

        Raises:
            UsageError: The device is unknown.
        """
        twin = self.twin(device)
        pins = {name: kept for name, kept in twin.pins.items() if name != model}
        if target is not None:
            pins[model] = target
        return [] if pins == twin.pins else self._changed(replace(twin, pins=pins), now_unix_s)

    def send(self, record: CommandRecord, now_unix_s: float) -> list[FleetEffect]:
        """Send a command to its devices, now or as soon as each can be reached.

        Raises:
            UsageError: One of them is unknown.
        """
        for device in record.devices:
            self.twin(device)
        return self._commands.send(record, is_online=self._is_online, now_unix_s=now_unix_s)

    def on_tick(self, now_unix_s: float) -> list[FleetEffect]:
        """Time has passed: end leases, and repeat what was not heard. Call it every second."""
        effects: list[FleetEffect] = []
        for twin in list(self._twins.values()):
            if twin.status is not DeviceStatus.ONLINE:
                continue
            if now_unix_s - self._heard_unix_s[twin.name] > self.lease_s:
                silent = replace(twin, status=DeviceStatus.UNREACHABLE)
                self._twins[twin.name] = silent
                effects.append(SaveDevice(silent))
            else:
                effects += self._repeated(twin, now_unix_s)
        return effects + self._commands.on_tick(is_online=self._is_online, now_unix_s=now_unix_s)

    # Decisions.

    def _is_online(self, device: str) -> bool:
        twin = self._twins.get(device)
        return twin is not None and twin.status is DeviceStatus.ONLINE

    def _changed(self, twin: DeviceTwin, now_unix_s: float) -> list[FleetEffect]:
        """Take over a changed twin; publish what is wanted of it if that has not been heard."""
        before = self._twins.get(twin.name)
        twin = self._wishes.applied(twin)
        self._twins[twin.name] = twin
        begun: Sequence[FleetEffect] = ()
        if before is not None and twin.boot > before.boot:
            begun = self._commands.on_new_life(twin.name, now_unix_s)
        is_new = twin.desired is not None and (before is None or before.desired != twin.desired)
        is_reborn = before is not None and before.boot != twin.boot
        if is_new or is_reborn:
            self._repeats.pop(twin.name, None)
        return [SaveDevice(twin), *begun, *self._repeated(twin, now_unix_s)]

    def _repeated(self, twin: DeviceTwin, now_unix_s: float) -> Sequence[FleetEffect]:
        """Return the desired state to publish if the device has not taken it up, and it is time."""
        if twin.desired is None or twin.reported_generation >= twin.desired_generation:
            self._repeats.pop(twin.name, None)
            return ()
        repeats = self._repeats.get(twin.name)
        if repeats is None:
            self._repeats[twin.name] = _Repeats(now_unix_s)
        elif now_unix_s >= repeats.due_unix_s(self._config):
            self._repeats[twin.name] = _Repeats(now_unix_s, repeats.times + 1)
        else:
            return ()
        return (PublishDesired(twin.name, twin.desired),)


def _introduction(twin: DeviceTwin, now_unix_s: float) -> list[FleetEffect]:
    """Ask a device for its birth if that was missed: it came when the cloud was not there.

    Nobody waits for the answer, so it is no command of the book; with the next report it is asked
    again.
    """
    if twin.report is None or (twin.birth is not None and twin.birth.boot == twin.boot):
        return []
    command_id = f"introduce-{twin.report.boot}-{twin.report.number}"
    return [SendCommand(twin.name, Command(command_id, "introduce", now_unix_s + _ASK_S))]


def _in_life(twin: DeviceTwin, boot: int) -> DeviceTwin:
    """Return the twin in a life; lives are counted as they are seen."""
    if twin.boots and boot == twin.boot:
        return twin
    return replace(twin, boot=boot, boots=twin.boots + 1)
