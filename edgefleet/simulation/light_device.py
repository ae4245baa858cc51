"""One simulated device: the real core of the agent, its effects carried out in memory."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, assert_never

import numpy as np

from edge_agent.core.agent import AgentConfig, AgentCore
from edge_agent.core.effects import (
    CollectWindows,
    DeleteBatches,
    DeletePackages,
    Effect,
    FetchPackage,
    LoadPackage,
    Log,
    PublishBatch,
    Route,
    SaveBatches,
    SaveState,
    SendEvent,
    UnloadPackage,
)
from edge_agent.core.kept_batches import StoredBatch
from edge_contract.messages import (
    BatchId,
    CommandResult,
    Message,
    Report,
    WindowEntry,
    encode,
)
from edge_contract.package import Role
from edge_contract.reading import JsonObject
from edge_contract.trust import Seal
from edgefleet.simulation.habits import Habits
from edgefleet.simulation.observing import Observing, Serving
from edgefleet.simulation.shelf import Known
from edgefleet.simulation.surroundings import Rows, Surroundings

__all__ = ["LightDevice"]

_WATCH_S: Final = 0.5  # how often the calls of a version on trial are told
_PROVIDER: Final = "SimulatedExecutionProvider"


@dataclass(frozen=True, slots=True)
class _Stored:
    """A batch on the device's disk."""

    message: bytes
    rows: int
    lost_rows: int
    at_s: float
    is_merged: bool


class LightDevice:
    """One device over all its lives.

    Args:
        config: Who it is.
        habits: How it behaves.
        around: The simulation.
        chance: Decides.
        publish: Hands a message to the broker, and returns whether it is on its way.
    """

    def __init__(
        self,
        config: AgentConfig,
        habits: Habits,
        *,
        around: Surroundings,
        chance: np.random.Generator,
        publish: Callable[[str, bytes], bool],
    ) -> None:
        self._config = config
        self.habits = habits
        self._around = around
        self._chance = chance
        self._publish = publish
        self._observing = Observing(habits, around.find, chance)
        self._state: JsonObject | None = None
        self._stored: dict[BatchId, _Stored] = {}
        self._reported: set[str] = set()
        self._boot = -1
        self.rows = Rows()
        self.core = self._new_core(around.unix_s(0.0))

    # Inputs.

    def begin(self, now_s: float) -> None:
        """Begin the first life."""
        self._observing.begin(now_s, self._chance.random())
        self._carry_out(self.core.on_start(now_s, self._clock(now_s)), now_s)

    def restart(self, now_s: float) -> None:
        """End a life as ``kill -9`` does; the next one has what was saved."""
        self.core = self._new_core(self._around.unix_s(now_s))
        self.begin(now_s)

    def on_connected(self, now_s: float) -> None:
        """Its link is up."""
        self._carry_out(self.core.on_connected(now_s), now_s)

    def on_disconnected(self, now_s: float) -> None:
        """Its link is down."""
        self._carry_out(self.core.on_disconnected(), now_s)

    def on_message(self, topic: str, payload: bytes, now_s: float) -> None:
        """A message came; a slow device takes it up later, acknowledgements aside."""
        if self.habits.reaction_s and topic != self.core.topics.acks:
            core = self.core
            self._around.later(
                self.habits.reaction_s,
                lambda then_s: self._take_up(core, topic, payload, then_s),
            )
        else:
            self._take_up(self.core, topic, payload, now_s)

    def on_package(self, digest: str, known: Known | None, reason: str, now_s: float) -> None:
        """A package was fetched, or cannot be had now."""
        if known is None:
            failed = self.core.on_fetch_failed(digest, reason, now_s, permanent=False)
            self._carry_out(failed, now_s)
            return
        self._carry_out(self.core.on_fetched(digest, now_s), now_s)

    def on_time(self, now_s: float) -> None:
        """Time has passed."""
        self._watch(now_s)
        if now_s >= self.core.wake_at_s:
            self._carry_out(self.core.on_timer(now_s, self._clock(now_s)), now_s)

    def close(self, now_s: float) -> None:
        """Count and save what there is, and send it; nothing more is observed."""
        self._carry_out(self.core.on_close(), now_s)
        self._observing.end()

    def say_farewell(self) -> None:
        """Tell the cloud that it leaves on purpose."""
        self._publish(self.core.topics.events, encode(self.core.farewell))

    def wake_at_s(self, now_s: float) -> float:
        """When :meth:`on_time` is due."""
        if self.core.deployers.on_trial:
            return min(self.core.wake_at_s, now_s + _WATCH_S)
        return self.core.wake_at_s

    @property
    def waiting_batches(self) -> int:
        """Batches that no collector has acknowledged."""
        return len(self._stored)

    # What the core asks for.

    def _take_up(self, core: AgentCore, topic: str, payload: bytes, now_s: float) -> None:
        if core is self.core:  # it has not died meanwhile
            message = Seal.stripped(payload)
            self._watch(now_s)
            effects = core.on_message(topic, message, now_s=now_s, at_unix_s=self._clock(now_s))
            self._carry_out(effects, now_s)

    def _watch(self, now_s: float) -> None:
        digest = self._observing.serves
        calls, failures = self._observing.pass_time(now_s)
        if (calls or failures) and self.core.deployers.on_trial:
            self._carry_out(self.core.on_calls(digest, calls, failures, now_s), now_s)

    def _carry_out(self, effects: Iterable[Effect], now_s: float) -> None:
        for effect in effects:
            self._carry_out_one(effect, now_s)

    def _carry_out_one(self, effect: Effect, now_s: float) -> None:  # noqa: C901, PLR0912  one case each
        match effect:
            case CollectWindows():
                self._collect(now_s)
            case SaveBatches():
                self._save(effect, now_s)
            case DeleteBatches(batch_ids):
                self._forget(batch_ids, now_s)
            case PublishBatch(message=message):
                self._publish(self.core.topics.telemetry, message)
            case SendEvent(message):
                self._send(message)
            case SaveState(state):
                self._state = state
            case FetchPackage(digest, url):
                core = self.core
                self._around.later(
                    self.habits.load_s, lambda _then_s: self._fetch(core, digest, url)
                )
            case LoadPackage(digest):
                core = self.core
                self._around.later(0.0, lambda then_s: self._load(core, digest, then_s))
            case Route(serve, shadow):
                self._observing.route(Serving(serve, shadow), now_s)
                self.rows.serving = serve
                self.rows.served |= {serve} - {""}
            case UnloadPackage() | DeletePackages():
                pass  # packages are those of all devices
            case Log(level, text):
                if level == "warning":
                    self._around.tally.warnings[text] += 1
            case _:
                assert_never(effect)

    def _collect(self, now_s: float) -> None:
        entries = self._observing.windows(now_s, self._clock(now_s), self._around.elapsed_s(now_s))
        rows = _served(entries)
        self.rows.observed += rows
        self._around.tally.rows += rows
        self._carry_out(self.core.on_windows(entries, {}, now_s), now_s)

    def _save(self, save: SaveBatches, now_s: float) -> None:
        for batch_id in save.replaces:
            self._stored.pop(batch_id, None)
        for batch in save.batches:
            if batch.batch_id not in self._stored:
                self._around.tally.batches += 1
            message = self.core.outbox.message_of(batch.batch_id) or encode(batch)
            self._stored[batch.batch_id] = _Stored(
                message, _served(batch.entries), batch.lost_rows, now_s, batch.span > 1
            )
        self._carry_out(self.core.on_saved(save, now_s), now_s)

    def _forget(self, batch_ids: Sequence[BatchId], now_s: float) -> None:
        tally = self._around.tally
        for batch_id in batch_ids:
            stored = self._stored.pop(batch_id, None)
            if stored is None:
                continue
            tally.acked_batches += 1
            tally.acked_rows += stored.rows
            tally.lost_rows += stored.lost_rows
            self.rows.acked += stored.rows
            self.rows.lost += stored.lost_rows
            if not stored.is_merged:
                tally.merging.add(now_s - stored.at_s)

    def _send(self, message: Message) -> None:
        is_sent = self._publish(self.core.topics.events, encode(message))
        match message:
            case CommandResult() if is_sent:
                self._around.tally.commands += 1
            case Report(models=models) if is_sent:
                for model in models.values():
                    slot = model.slot_of(model.serving) if model.serving else None
                    is_active = slot is not None and slot.state == "active"
                    if is_active and model.serving not in self._reported:
                        self._reported.add(model.serving)
                        self._around.serves(model.serving)
            case _:
                pass

    def _fetch(self, core: AgentCore, digest: str, url: str) -> None:
        if core is self.core:
            self._around.want(digest, url)

    def _load(self, core: AgentCore, digest: str, now_s: float) -> None:
        if core is not self.core:
            return
        known = self._around.find(digest)
        if known is None:  # after a restart: it is on the disk, but nobody has read it yet
            self._carry_out(core.on_load_failed(digest, "it is not here", now_s), now_s)
        elif self.habits.refuses(known.manifest.version):
            text = "the simulated golden check failed"
            self._carry_out(core.on_load_failed(digest, text, now_s), now_s)
        else:
            core.knows(digest, known.manifest, known.reference)
            self._carry_out(core.on_loaded(digest, _PROVIDER, now_s), now_s)

    def _clock(self, now_s: float) -> float:
        return self._around.unix_s(now_s) + self.habits.skew_s

    def _new_core(self, at_unix_s: float) -> AgentCore:
        # As a real agent does: a later life has a greater number, also after its disk was lost.
        by_clock = (int(at_unix_s) & 0x1FFFFFFFF) << 20 | int(self._chance.integers(1 << 20))
        self._boot = max(by_clock, self._boot + 1)
        restored = [StoredBatch(name, stored.message) for name, stored in self._stored.items()]
        return AgentCore(self._config, self._boot, state=self._state, restored=restored)


def _served(entries: Iterable[WindowEntry]) -> int:
    return sum(entry.counters.rows for entry in entries if entry.role == Role.PRIMARY)
