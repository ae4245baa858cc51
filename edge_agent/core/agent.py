"""The agent's core: telemetry, deployment and commands behind one set of inputs.

Sans-IO. A shell feeds it what happens (time, messages, counted windows, results of effects) and
carries out the effects that come back, in order. After every input it should call
:meth:`AgentCore.on_timer` at :attr:`AgentCore.wake_at_s` at the latest.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from edge_agent.core.agent_config import AgentConfig
from edge_agent.core.commands import Action, Commands, Done, Moment
from edge_agent.core.deployers import Deployers
from edge_agent.core.effects import (
    CollectWindows,
    Effect,
    Log,
    RingMarks,
    SaveBatches,
    SaveState,
    SendEvent,
)
from edge_agent.core.kept_batches import StoredBatch
from edge_agent.core.outbox import Outbox
from edge_agent.core.reach import Reach
from edge_agent.core.telemetry import Telemetry
from edge_contract.errors import MessageError, PackageError, UsageError
from edge_contract.messages import (
    Acks,
    CollectorState,
    Command,
    Death,
    DesiredState,
    DeviceTopics,
    Downloads,
    FleetTopics,
    Report,
    Resources,
    TelemetryBatch,
    WindowEntry,
    decode,
)
from edge_contract.package import Manifest, Reference
from edge_contract.reading import JsonObject, JsonValue, Reader

__all__ = ["AgentConfig", "AgentCore"]

_SAVE_RETRY_S: Final = 5.0
_CALM_S: Final = 5.0  # an application may hold updates and let go many times a second


class AgentCore:
    """Everything that an agent decides.

    Args:
        config: See :class:`AgentConfig`.
        boot: Number of this life, greater than any before.
        state: What the last :class:`SaveState` wrote; ``None`` on the first start.
        restored: Batches found in the durable store.
        more_commands: Gives what this device knows beside the core's own commands; asked for when
            one of them comes.

    Raises:
        UsageError: A name, tag or fact in ``config`` is not allowed, ``boot`` is not greater than
            the lives in ``restored``, or ``state`` belongs to another model.
        PackageError: ``state`` is damaged.
    """

    def __init__(
        self,
        config: AgentConfig,
        boot: int,
        *,
        state: JsonObject | None = None,
        restored: Iterable[TelemetryBatch | StoredBatch] = (),
        more_commands: Callable[[], Mapping[str, Action]] = dict,
    ) -> None:
        self.config = config
        self.boot = boot
        self.topics: DeviceTopics = FleetTopics(config.fleet).device(config.device)
        self._telemetry = Telemetry(
            config.device,
            boot,
            interval_s=config.interval_s,
            outbox_bytes=config.outbox_bytes,
            ack_timeout_s=config.ack_timeout_s,
            restored=restored,
            unsent_since=_unsent_since(state),
        )
        self._reach = Reach(boot, _unsent_since(state))
        self._commands = Commands(
            config.device,
            {
                "ping": lambda _arguments, _moment: Done("pong"),
                "introduce": self._command_introduce,
                "report": self._command_report,
                "set-interval": self._command_interval,
                "clear-bad": self._command_clear,
                "install-update": self._command_install,
            },
            more_commands,
        )
        self._gate = config.update_gate()
        self.deployers = Deployers(config.models, self._gate)
        self.generation = 0
        self._clean = True
        if state is not None:
            self._restore(Reader(state, "agent state", PackageError))
        self._birth = config.birth(boot, started_unix_s=0.0, clean=self._clean)
        self._report_number = 0
        self._resources = Resources()
        self._told = self.deployers.report()
        self._told_at_s = -_CALM_S
        self._tell_at_s: float | None = None
        self._saved_state: JsonObject | None = state
        self._save_again_at_s: float | None = None

    # What is known.

    @property
    def wake_at_s(self) -> float:
        """When :meth:`on_timer` is due, on the monotonic clock."""
        times = (
            self._telemetry.wake_at_s,
            self.deployers.wake_at_s,
            self._save_again_at_s,
            self._tell_at_s,
            self._reach.joins_at_s if self._save_again_at_s is None else None,
        )
        return min(at_s for at_s in times if at_s is not None)

    @property
    def outbox(self) -> Outbox:
        """Batches that the collector has not acknowledged."""
        return self._telemetry.outbox

    @property
    def interval_s(self) -> float:
        """Length of a window."""
        return self._telemetry.interval_s

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
            self.deployers.report(),
            len(self.outbox),
            self._resources,
        )

    def knows(self, digest: str, manifest: Manifest, reference: Reference) -> None:
        """Note what a package's profiles count, so that its windows can be merged."""
        self._telemetry.knows(digest, manifest, reference)

    # Inputs. Each returns the effects to carry out.

    def on_start(self, now_s: float, at_unix_s: float) -> Sequence[Effect]:
        """Begin a life; call it once, before anything else."""
        ended_cleanly, self._clean = self._clean, False
        started_unix_s = max(at_unix_s, 0.0)  # a clock may say anything
        self._birth = self.config.birth(
            self.boot, started_unix_s=started_unix_s, clean=ended_cleanly
        )
        self._telemetry.on_start(now_s, at_unix_s)
        self._gate.set_clock(now_s, at_unix_s)
        self._reach.on_start(now_s)
        return self._journaled(self.deployers.on_start(now_s))

    def adopt(self, model: str, version: str, digest: str) -> Sequence[Effect]:
        """Serve a package put into the store by hand, unless one of its model serves already."""
        return self._journaled(self.deployers.adopt(model, version, digest))

    def on_connected(self, now_s: float) -> Sequence[Effect]:
        """The link is up and subscribed: be born, report, send what waits."""
        sends = self._reach.on_connected(now_s)
        return [
            *self._saved([]),
            SendEvent(self._birth),
            self._send_report(),
            *(self.outbox.on_connected(now_s) if sends else ()),
        ]

    def on_disconnected(self) -> Sequence[Effect]:
        """The link is lost."""
        self._reach.on_disconnected()
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
        moment = Moment(now_s, at_unix_s)
        self._gate.set_clock(now_s, at_unix_s)
        match message:
            case Acks() if topic == topics.acks:
                return self.outbox.on_ack(message.boots, now_s)
            case CollectorState() if topic == topics.collector_state:
                return self.outbox.on_collector(now_s, listening=message.listening)
            case DesiredState() if topic == topics.desired:
                return self._on_desired(message, moment)
            case Command() if topic in (topics.commands, topics.to_all):
                return self._commands.on_command(message, moment)
            case _:
                return [Log("warning", f"ignored {type(message).__name__} on {topic!r}")]

    def on_windows(
        self, entries: Sequence[WindowEntry], marks: RingMarks, now_s: float
    ) -> Sequence[Effect]:
        """Counted windows: the answer to :class:`CollectWindows`."""
        self._reach.on_window(now_s)
        return [*self._saved([]), *self._telemetry.on_windows(entries, marks, now_s)]

    def on_resources(self, resources: Resources) -> Sequence[Effect]:
        """Somebody has measured the device; the next report tells it."""
        self._resources = resources
        return []

    def on_saved(self, save: SaveBatches, now_s: float) -> Sequence[Effect]:
        """Batches are durable."""
        return self.outbox.on_saved(save, now_s)

    def on_save_failed(self, save: SaveBatches, reason: str, now_s: float) -> Sequence[Effect]:
        """The store refused batches: they stay in memory and are tried again."""
        return self._telemetry.on_save_failed(reason, now_s)

    def on_state_save_failed(self, reason: str, now_s: float) -> Sequence[Effect]:
        """The store refused the journal: it is written again soon."""
        self._save_again_at_s = now_s + _SAVE_RETRY_S
        return [Log("warning", f"{reason}; trying again in {_SAVE_RETRY_S:.0f} s")]

    def on_fetched(
        self, digest: str, now_s: float, *, spent: Downloads | None = None
    ) -> Sequence[Effect]:
        """All bytes of a package are in the store; ``spent`` says what came for it, and how."""
        return self._journaled(self.deployers.on_fetched(digest, now_s, spent=spent))

    def on_fetch_failed(
        self,
        digest: str,
        reason: str,
        now_s: float,
        *,
        permanent: bool,
        spent: Downloads | None = None,
    ) -> Sequence[Effect]:
        """A download broke off."""
        return self._journaled(
            self.deployers.on_fetch_failed(digest, reason, now_s, permanent=permanent, spent=spent)
        )

    def on_loaded(
        self, digest: str, provider: str, now_s: float, *, fallback: str = "", variant: str = ""
    ) -> Sequence[Effect]:
        """A package is verified and its session is ready.

        Args:
            digest: Of the package.
            provider: Execution provider that runs it.
            now_s: Now.
            fallback: Why it, or the variant, is not one that was preferred; empty if it is.
            variant: Which variant of the model was loaded.
        """
        return self._journaled(
            self.deployers.on_loaded(digest, provider, now_s, fallback=fallback, variant=variant)
        )

    def on_load_failed(self, digest: str, reason: str, now_s: float) -> Sequence[Effect]:
        """A package cannot be used here."""
        return self._journaled(self.deployers.on_load_failed(digest, reason, now_s))

    def on_calls(self, digest: str, calls: int, failures: int, now_s: float) -> Sequence[Effect]:
        """A package has answered ``calls`` more calls; ``failures`` others went wrong."""
        return self._journaled(self.deployers.on_calls(digest, calls, failures, now_s))

    def on_shadow(self, digest: str, reason: str, now_s: float) -> Sequence[Effect]:
        """A candidate in the shadow rests for a while, as ``reason`` says, or does no longer."""
        return self._journaled(self.deployers.on_shadow(digest, reason))

    def add_command(self, name: str, action: Action) -> None:
        """Know one more command; raises ``UsageError`` if its name is none, or is taken."""
        self._commands.add(name, action)

    def on_command_done(self, command_id: str, *, ok: bool, answer: str) -> Sequence[Effect]:
        """A command that was taken up is done, or failed as ``answer`` says."""
        return self._commands.finish(command_id, ok=ok, answer=answer)

    def on_timer(self, now_s: float, at_unix_s: float) -> Sequence[Effect]:
        """Time has passed."""
        joined: Sequence[Effect] = ()
        if self._save_again_at_s is None and self._reach.joins(now_s):
            joined = self.outbox.on_connected(now_s)
        if self._save_again_at_s is not None and now_s >= self._save_again_at_s:
            self._save_again_at_s = self._saved_state = None
        if self._tell_at_s is not None and now_s >= self._tell_at_s:
            self._tell_at_s = None
        self._gate.set_clock(now_s, at_unix_s)
        effects = self._telemetry.on_timer(now_s, at_unix_s)
        if CollectWindows() in effects:
            effects.append(self._send_report())
        return [*joined, *effects, *self._journaled(self.deployers.on_timer(now_s))]

    def on_hold(self, reason: str, now_s: float) -> Sequence[Effect]:
        """The application lets no version take over from another; to be called as often as it does.

        When the effects are carried out, none does until as many calls of :meth:`on_release`.

        Args:
            reason: For people; may be empty.
            now_s: Now.
        """
        self._gate.hold(reason)
        return self._calmly(self.deployers.on_gate(now_s), now_s)

    def on_release(self, reason: str, now_s: float) -> Sequence[Effect]:
        """The application lets go of what it held; raises ``UsageError`` if it did not."""
        self._gate.release(reason)
        return self._calmly(self.deployers.on_gate(now_s), now_s)

    def install_update(self, now_s: float, model: str | None = None) -> Sequence[Effect]:
        """Let versions begin that are ready and wait, of one model or of all.

        It passes the maintenance window and ``download_only``, and not what the application holds:
        then they begin when it lets go. Raises ``UsageError`` for a model that is not run here.
        """
        return self._journaled(self.deployers.install_update(now_s, model))

    def on_close(self) -> Sequence[Effect]:
        """Leave on purpose: count and save what there is; the shell then says farewell."""
        self._clean = True
        return [CollectWindows(), *self._journaled([])]

    # Decisions.

    def _on_desired(self, desired: DesiredState, moment: Moment) -> Sequence[Effect]:
        if desired.generation < self.generation:
            return []
        self.generation = desired.generation
        logs: list[Effect] = []
        if desired.telemetry_interval_s:
            try:
                self._telemetry.set_interval(
                    desired.telemetry_interval_s, now_s=moment.now_s, at_unix_s=moment.at_unix_s
                )
            except UsageError as error:
                logs.append(Log("warning", f"ignored a part of the desired state: {error}"))
        effects = self.deployers.on_desired(desired.models, desired.packages_url, moment.now_s)
        return [*logs, *self._saved(effects), self._send_report()]

    def _command_introduce(self, arguments: Mapping[str, JsonValue], moment: Moment) -> Done:
        return Done("introduced", [SendEvent(self._birth)])

    def _command_report(self, arguments: Mapping[str, JsonValue], moment: Moment) -> Done:
        return Done("reported", [CollectWindows(), self._send_report()])

    def _command_interval(self, arguments: Mapping[str, JsonValue], moment: Moment) -> Done:
        match arguments.get("seconds"):
            case float() | int() as seconds if not isinstance(seconds, bool):
                self._telemetry.set_interval(
                    float(seconds), now_s=moment.now_s, at_unix_s=moment.at_unix_s
                )
                return Done(f"telemetry every {seconds} s")
            case found:
                raise UsageError(f"command 'set-interval' needs seconds as a number, got {found!r}")

    def _command_clear(self, arguments: Mapping[str, JsonValue], moment: Moment) -> Done:
        model = arguments.get("model")
        return Done("cleared", self._journaled(self.deployers.clear_bad(moment.now_s, model)))

    def _command_install(self, arguments: Mapping[str, JsonValue], moment: Moment) -> Done:
        model = arguments.get("model")
        ready = self.deployers.updates_ready(model)
        if not ready:
            raise UsageError("no version waits to serve")
        effects = self._journaled(self.deployers.install_update(moment.now_s, model))
        names = ", ".join(f"{name} {version}" for name, version in ready.items())
        if self._gate.is_held:
            return Done(f"{names} begins to serve when the application lets go", effects)
        return Done(f"{names} begins to serve", effects)

    # What goes out.

    def _send_report(self) -> SendEvent:
        self._told = self.deployers.report()
        return SendEvent(self.report())

    def _calmly(self, effects: Sequence[Effect], now_s: float) -> list[Effect]:
        """Return the effects with what has changed, and tell mere words not too often."""
        if not effects and now_s < self._told_at_s + _CALM_S:
            self._tell_at_s = self._told_at_s + _CALM_S
            return self._saved(effects)
        self._told_at_s = now_s
        return self._journaled(effects)

    def _journaled(self, effects: Sequence[Effect]) -> list[Effect]:
        """Return the effects, with what has changed saved before and reported after them."""
        saved = self._saved(effects)
        return saved if self.deployers.report() == self._told else [*saved, self._send_report()]

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
            "unsent_since": self._reach.unsent_since,
            "models": self.deployers.to_json(),
        }

    def _restore(self, reader: Reader) -> None:
        self.deployers.restore(reader["models"], device=self.config.device)
        self.generation = reader["generation"].integer(low=0)
        self._clean = reader["clean"].flag()


def _unsent_since(state: JsonObject | None) -> int | None:
    if state is None:
        return None
    found = Reader(state, "agent state", PackageError)["unsent_since"]
    return None if found.is_null else found.integer(low=0)
