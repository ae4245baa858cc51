"""The agent's core: windows, outbox and deployment behind one set of inputs.

Sans-IO. A shell feeds it what happens (time, messages, counted windows, results of effects) and
carries out the effects that come back, in order. After every input it should call
:meth:`AgentCore.on_timer` at :attr:`AgentCore.wake_at_s` at the latest.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from edge_agent.core.deployer import Deployer
from edge_agent.core.effects import (
    CollectWindows,
    Effect,
    Log,
    RingMarks,
    SaveBatches,
    SaveState,
    SendEvent,
)
from edge_agent.core.outbox import Outbox, OutboxConfig
from edge_agent.core.windows import WindowClock, batches_of, merged_entries
from edge_contract.errors import MessageError, PackageError, UsageError
from edge_contract.messages import (
    Acks,
    BatchId,
    Birth,
    CollectorState,
    Command,
    CommandResult,
    Death,
    DesiredState,
    DeviceTopics,
    FleetTopics,
    Report,
    TelemetryBatch,
    WindowEntry,
    decode,
)
from edge_contract.package import Manifest, Reference, profile_specs
from edge_contract.reading import JsonObject, JsonValue, Reader
from edge_contract.stats import ProfileSpec

__all__ = ["AgentConfig", "AgentCore"]

_REMEMBERED_COMMANDS: Final = 100
_SAVE_RETRY_S: Final = 5.0
_LONGEST_INTERVAL_S: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentConfig:
    """Who the agent is and how it behaves.

    Attributes:
        fleet: Name of the fleet.
        device: Name of the device, unique in the fleet.
        model: Name of the model it runs.
        interval_s: Length of a window, until the cloud says otherwise.
        agent_version: Version of edgefleet.
        facts: Hardware and software, for the birth message.
        tags: What the operator calls the device.
        outbox_bytes: Bound of the outbox.
        ack_timeout_s: How long to wait for the collector before sending again.
    """

    fleet: str
    device: str
    model: str
    interval_s: float = 60.0
    agent_version: str = ""
    facts: Mapping[str, JsonValue] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    outbox_bytes: int = 32_000_000
    ack_timeout_s: float = 10.0

    def __post_init__(self) -> None:
        if not 0.1 <= self.interval_s <= _LONGEST_INTERVAL_S:
            raise UsageError(
                f"telemetry interval must be from 0.1 to {_LONGEST_INTERVAL_S:.0f} s, "
                f"got {self.interval_s}"
            )


class AgentCore:
    """Everything that an agent decides.

    Args:
        config: See :class:`AgentConfig`.
        boot: Number of this life, greater than any before.
        state: What the last :class:`SaveState` wrote; ``None`` on the first start.
        restored: Batches found in the durable store.

    Raises:
        UsageError: A name in ``config`` is not allowed.
        PackageError: ``state`` is damaged.
    """

    def __init__(
        self,
        config: AgentConfig,
        boot: int,
        *,
        state: JsonObject | None = None,
        restored: Iterable[TelemetryBatch] = (),
    ) -> None:
        self.config = config
        self.boot = boot
        self.topics: DeviceTopics = FleetTopics(config.fleet).device(config.device)
        jitter = _jitter(config.device, boot)
        self._specs: dict[tuple[str, str], ProfileSpec] = {}
        self.outbox = Outbox(
            OutboxConfig(
                max_bytes=config.outbox_bytes,
                ack_timeout_s=config.ack_timeout_s,
                max_ack_timeout_s=max(300.0, config.ack_timeout_s),
                jitter=jitter,
            ),
            lambda entries: merged_entries(entries, self._specs),
            restored,
        )
        self._clock = WindowClock(config.interval_s, 0.1 * jitter * config.interval_s)
        self.generation = 0
        self._clean = True
        self._ended_cleanly = True  # the life before this one
        self.deployer = Deployer(config.model)
        if state is not None:
            self._restore(Reader(state, "agent state", PackageError))
        self._started_unix_s = 0.0
        self._next_seq = 0
        self._report_number = 0
        self._connected = False
        self._commands: list[str] = []
        self._retry_saves_at_s: float | None = None
        self._saved_state: JsonObject | None = state

    # What is known.

    @property
    def wake_at_s(self) -> float:
        """When :meth:`on_timer` is due, on the monotonic clock."""
        times = [
            self._clock.closes_at_s,
            self.outbox.wake_at_s,
            self.deployer.wake_at_s,
            self._retry_saves_at_s,
        ]
        return min(at_s for at_s in times if at_s is not None)

    @property
    def interval_s(self) -> float:
        """Length of a window."""
        return self._clock.interval_s

    @property
    def last_will(self) -> Death:
        """What the broker says when this life is lost."""
        return Death(self.config.device, self.boot, "lost")

    @property
    def farewell(self) -> Death:
        """What the agent says when it leaves on purpose."""
        return Death(self.config.device, self.boot, "closed")

    def report(self) -> Report:
        """Return the whole reported state, under the next number."""
        self._report_number += 1
        return Report(
            self.config.device,
            self.boot,
            self._report_number,
            self.generation,
            {self.config.model: self.deployer.report()},
            len(self.outbox),
        )

    # Inputs. Each returns the effects to carry out.

    def on_start(self, now_s: float, at_unix_s: float) -> Sequence[Effect]:
        """Begin a life; call it once, before anything else."""
        self._started_unix_s = at_unix_s
        self._clock.restart(now_s, at_unix_s)
        self._ended_cleanly, self._clean = self._clean, False
        return self._saved(self.deployer.on_start(now_s))

    def adopt(self, version: str, digest: str) -> Sequence[Effect]:
        """Serve a package put into the store by hand, unless one serves already."""
        return self._saved(self.deployer.adopt(version, digest))

    def on_connected(self, now_s: float) -> Sequence[Effect]:
        """The link is up and subscribed: be born, report, send what waits."""
        self._connected = True
        birth = Birth(
            self.config.device,
            self.boot,
            self._started_unix_s,
            self._ended_cleanly,
            self.config.agent_version,
            self.config.facts,
            self.config.tags,
        )
        return [SendEvent(birth), SendEvent(self.report()), *self.outbox.on_connected(now_s)]

    def on_disconnected(self) -> Sequence[Effect]:
        """The link is lost."""
        self._connected = False
        self.outbox.on_disconnected()
        return []

    def on_message(
        self, topic: str, payload: bytes, *, now_s: float, at_unix_s: float
    ) -> Sequence[Effect]:
        """A message came; one that cannot be read is logged and forgotten."""
        try:
            message = decode(payload)
        except MessageError as error:
            return [Log("warning", f"ignored a message on {topic!r}: {error}")]
        topics = self.topics
        match message:
            case Acks() if topic == topics.acks:
                return self.outbox.on_ack(message.boots, now_s)
            case CollectorState() if topic == topics.collector_state:
                return self.outbox.on_collector(now_s, listening=message.listening)
            case DesiredState() if topic == topics.desired:
                return self._on_desired(message, now_s, at_unix_s)
            case Command() if topic in (topics.commands, topics.to_all):
                return self._on_command(message, now_s, at_unix_s)
            case _:
                return [Log("warning", f"ignored {type(message).__name__} on {topic!r}")]

    def on_windows(
        self, entries: Sequence[WindowEntry], marks: RingMarks, now_s: float
    ) -> Sequence[Effect]:
        """Counted windows: the answer to :class:`CollectWindows`."""
        if not entries:
            return []
        lost_rows, self.outbox.lost_rows = self.outbox.lost_rows, 0
        first = BatchId(self.config.device, self.boot, self._next_seq)
        batches = batches_of(entries, first, lost_rows=lost_rows)
        self._next_seq += len(batches)
        return self.outbox.add(batches, marks)

    def on_saved(self, save: SaveBatches, now_s: float) -> Sequence[Effect]:
        """Batches are durable."""
        return self.outbox.on_saved(save, now_s)

    def on_save_failed(self, save: SaveBatches, reason: str, now_s: float) -> Sequence[Effect]:
        """The store refused batches: they stay in memory and are tried again."""
        self.outbox.on_save_failed(save)
        self._retry_saves_at_s = now_s + _SAVE_RETRY_S
        return [Log("warning", f"{reason}; trying again in {_SAVE_RETRY_S:.0f} s")]

    def on_fetched(self, digest: str, now_s: float) -> Sequence[Effect]:
        """All bytes of a package are in the store."""
        return self._reported(self.deployer.on_fetched(digest, now_s))

    def on_fetch_failed(
        self, digest: str, reason: str, now_s: float, *, permanent: bool
    ) -> Sequence[Effect]:
        """A download broke off."""
        return self._reported(
            self.deployer.on_fetch_failed(digest, reason, now_s, permanent=permanent)
        )

    def on_loaded(self, digest: str, provider: str, now_s: float) -> Sequence[Effect]:
        """A package is verified and its session is ready."""
        return self._reported(self.deployer.on_loaded(digest, provider, now_s))

    def on_load_failed(self, digest: str, reason: str, now_s: float) -> Sequence[Effect]:
        """A package cannot be used here."""
        return self._reported(self.deployer.on_load_failed(digest, reason, now_s))

    def on_calls(self, digest: str, calls: int, failures: int, now_s: float) -> Sequence[Effect]:
        """A package has answered more calls since the last time."""
        return self._reported(self.deployer.on_calls(digest, calls, failures, now_s))

    def on_timer(self, now_s: float, at_unix_s: float) -> Sequence[Effect]:
        """Time has passed."""
        effects: list[Effect] = []
        if now_s >= self._clock.closes_at_s:
            self._clock.restart(now_s, at_unix_s)
            effects.append(CollectWindows())
            if self._connected:
                effects.append(SendEvent(self.report()))
        if self._retry_saves_at_s is not None and now_s >= self._retry_saves_at_s:
            self._retry_saves_at_s = None
            effects += self.outbox.retry_saves()
        effects += self.outbox.on_timer(now_s)
        return [*effects, *self._reported(self.deployer.on_timer(now_s))]

    def on_close(self) -> Sequence[Effect]:
        """Leave on purpose: count and save what there is; the shell then says farewell."""
        self._clean = True
        return [CollectWindows(), *self._saved([])]

    def knows(self, digest: str, manifest: Manifest, reference: Reference) -> None:
        """Note what a package's profiles count, so that its windows can be merged."""
        for role, spec in profile_specs(manifest, reference).items():
            self._specs[digest, role] = spec

    # Decisions.

    def _on_desired(
        self, desired: DesiredState, now_s: float, at_unix_s: float
    ) -> Sequence[Effect]:
        if desired.generation < self.generation:
            return []
        self.generation = desired.generation
        if desired.telemetry_interval_s:
            self._set_interval(desired.telemetry_interval_s, now_s, at_unix_s)
        wanted = desired.models.get(self.config.model)
        effects: list[Effect] = []
        if wanted is not None:
            effects = self.deployer.on_desired(wanted, desired.packages_url, now_s)
        return [*self._saved(effects), SendEvent(self.report())]

    def _on_command(self, command: Command, now_s: float, at_unix_s: float) -> Sequence[Effect]:
        if command.command_id in self._commands:
            return []
        self._commands = [*self._commands, command.command_id][-_REMEMBERED_COMMANDS:]
        if at_unix_s > command.expires_unix_s:
            return [self._answer(command, "expired before it arrived", ok=False)]
        match command.name:
            case "ping":
                return [self._answer(command, "pong")]
            case "report":
                return [
                    CollectWindows(),
                    SendEvent(self.report()),
                    self._answer(command, "reported"),
                ]
            case "set-interval":
                return self._command_interval(command, now_s, at_unix_s)
            case "clear-bad":
                effects = self._reported(self.deployer.clear_bad(now_s))
                return [*effects, self._answer(command, "cleared")]
            case _:
                return [
                    self._answer(
                        command,
                        f"command {command.name!r} is unknown "
                        "(known: ping, report, set-interval, clear-bad)",
                        ok=False,
                    )
                ]

    def _command_interval(
        self, command: Command, now_s: float, at_unix_s: float
    ) -> Sequence[Effect]:
        match command.arguments.get("seconds"):
            case int() | float() as seconds if 0.1 <= seconds <= _LONGEST_INTERVAL_S:
                self._set_interval(float(seconds), now_s, at_unix_s)
                return [self._answer(command, f"telemetry every {seconds} s")]
            case found:
                text = f"needs seconds=0.1 to {_LONGEST_INTERVAL_S:.0f}, got {found!r}"
                return [self._answer(command, text, ok=False)]

    def _answer(self, command: Command, detail: str, *, ok: bool = True) -> SendEvent:
        return SendEvent(CommandResult(self.config.device, command.command_id, ok, detail))

    def _set_interval(self, interval_s: float, now_s: float, at_unix_s: float) -> None:
        if interval_s != self._clock.interval_s:
            jitter = _jitter(self.config.device, self.boot)
            self._clock = WindowClock(interval_s, 0.1 * jitter * interval_s)
            self._clock.restart(now_s, at_unix_s)

    def _reported(self, effects: Sequence[Effect]) -> list[Effect]:
        """Return the effects, with the new state saved before and reported after them."""
        saved = self._saved(effects)
        changed = len(saved) > len(effects)
        return [*saved, SendEvent(self.report())] if changed and self._connected else saved

    def _saved(self, effects: Sequence[Effect]) -> list[Effect]:
        """Return the effects; the journal comes first if the state has changed."""
        state = self.to_json()
        if state == self._saved_state:
            return list(effects)
        self._saved_state = state
        return [SaveState(state), *effects]

    def to_json(self) -> JsonObject:
        """Return what must survive a power cut."""
        return {
            "generation": self.generation,
            "clean": self._clean,
            "model": self.config.model,
            "deployer": self.deployer.to_json(),
        }

    def _restore(self, reader: Reader) -> None:
        model = reader["model"].text()
        if model != self.config.model:
            raise UsageError(
                f"the state of device {self.config.device!r} belongs to model {model!r}, "
                f"not {self.config.model!r}: use another state folder for it"
            )
        self.generation = reader["generation"].integer(low=0)
        self._clean = reader["clean"].flag()
        self.deployer = Deployer.from_json(model, reader["deployer"])


def _jitter(device: str, boot: int) -> float:
    """Return a number from 0 to 1 that differs between devices and lives."""
    digest = hashlib.sha256(f"{device}/{boot}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32
