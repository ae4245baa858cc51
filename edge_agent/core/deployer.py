"""The deployer: brings one model's slots to what the cloud wants, and back when it goes wrong.

Sans-IO. It is told what is wanted (:meth:`Deployer.on_desired`) and what came of its effects, and
moves its two slots by the table in :mod:`edge_agent.core.slots`. Rules that hold whatever happens:

* the version that serves is never touched until another one is verified and loaded;
* a version on trial has a good one behind it, loaded, in the other slot: nothing else gets in there
  until the trial has ended;
* a version that was never confirmed good serves only if the cloud or the operator says so;
* a digest that failed here is not tried again until it is cleared;
* while the gate is closed (:mod:`edge_agent.core.update_gate`) no version takes over from one that
  serves well, and nothing is given up for that;
* a trial ends by calls *and* time, and needs no cloud to end either way.
"""

from typing import Final, Self

from edge_agent.core.effects import DeletePackages, Effect, Log
from edge_agent.core.journal import Journal
from edge_agent.core.package_jobs import PackageJobs, RunsOn
from edge_agent.core.routing import NOWHERE, needed, route_of
from edge_agent.core.slot_moves import SlotMoves
from edge_agent.core.slots import Slot, SlotEvent, SlotState
from edge_agent.core.update_gate import UpdateGate
from edge_agent.core.wording import fitting
from edge_contract.messages import Assignment, Downloads, ModelReport, Target
from edge_contract.reading import JsonObject, Reader
from edge_contract.records import dataclass

__all__ = ["Deployer"]

_MAX_RESTARTS: Final = 2
_REMEMBERED_FAILURES: Final = 16
_CALM_S: Final = 60.0  # a version that ran so long in the shadow is not why the agent restarts


@dataclass(slots=True)
class _Trial:
    """What the version on trial has done so far, and what it must do."""

    began_s: float
    needed_calls: int
    needed_s: float
    calls: int = 0

    @property
    def ends_at_s(self) -> float | None:
        """When time is all that is missing."""
        return self.began_s + self.needed_s if self.calls >= self.needed_calls else None


class Deployer:
    """Two slots of one model.

    Args:
        model: Name of the model.
        journal: What an earlier life left.
        gate: Says when updates may begin; ``None`` for always.
    """

    def __init__(
        self, model: str, journal: Journal | None = None, *, gate: UpdateGate | None = None
    ) -> None:
        self.model = model
        self._gate = UpdateGate() if gate is None else gate
        self._journal = Journal() if journal is None else journal
        self._jobs = PackageJobs()
        self._trial: _Trial | None = None
        self._route = NOWHERE
        self._moves = SlotMoves(model, self._journal, self._jobs, gate=self._gate)
        self._shadow_rests = ("", "")
        self._waits = False
        self._look_again_at_s: float | None = None
        self._calm_at_s: float | None = None
        self._pruned_for = self.last_good

    # What is known.

    @property
    def slots(self) -> tuple[Slot, Slot]:
        """A and B."""
        return self._journal.slots

    @property
    def serving(self) -> Slot | None:
        """The slot whose predictions leave, or will when it is loaded; if there is one."""
        return self._journal.serving

    @property
    def last_good(self) -> str:
        """Digest of the version that serves confirmed, or that the one on trial falls back on."""
        serving = self.serving
        good = [slot for slot in self.slots if slot.good]
        if serving in good:
            return serving.digest
        return good[0].digest if good else ""

    @property
    def on_trial(self) -> bool:
        """Whether a version is on trial, so that its calls must be told soon."""
        return self._trial is not None

    @property
    def wake_at_s(self) -> float | None:
        """When :meth:`on_timer` is due."""
        trial_ends_at_s = None if self._trial is None else self._trial.ends_at_s
        times = (self._jobs.retry_at_s, trial_ends_at_s, self._look_again_at_s, self._calm_at_s)
        return min((at_s for at_s in times if at_s is not None), default=None)

    def minds(self, digest: str) -> bool:
        """Return whether a package is in a slot, or was asked for and has not come yet."""
        return self._journal.holding(digest) is not None or digest in self._jobs.running

    def kept(self) -> list[str]:
        """Return the packages whose files are needed."""
        held = [s.digest for s in self.slots if s.digest and s.state is not SlotState.BAD]
        return list(dict.fromkeys([*held, *sorted(self._jobs.running)]))

    def report(self) -> ModelReport:
        """Return what the cloud is told; what answers calls now is the truth about serving."""
        digest = self._route.serve
        routed = self._journal.holding(digest)
        runs_on = self._jobs.loaded.get(digest, RunsOn())
        return ModelReport(
            serving=digest,
            version="" if routed is None else routed.version,
            provider=runs_on.provider,
            fallback=fitting(runs_on.fallback),
            variant=runs_on.variant,
            slots=(
                *self._journal.slot_reports(self._moves.waiting(), self._shadow_rests),
                *self._journal.failure_reports(),
            ),
            downloads=self._jobs.downloads,
            updates=self._gate.in_words(),
        )

    # Inputs. Each returns the effects to carry out.

    def on_start(self, now_s: float) -> list[Effect]:
        """Resume after a start; give up a version that never gets any further."""
        effects: list[Effect] = []
        for slot in self.slots:
            before = slot.state
            if before is SlotState.SHADOW:
                slot.handle(SlotEvent.STOP_SHADOW)
            elif before is SlotState.READY and not self._waits_to_serve(slot):
                continue  # it is not touched, and not why the agent restarts
            slot.restarts += 1
            if slot.restarts > _MAX_RESTARTS and self._is_suspect(slot):
                reason = f"still {before.value} after {_MAX_RESTARTS} restarts"
                effects += self._fail(slot, reason)
        return [*effects, *self._advance(now_s)]

    def adopt(self, version: str, digest: str) -> list[Effect]:
        """Serve a package that the operator put into the store by hand, unless one serves already.

        It needs no trial and may have failed before: nobody else can vouch for it.
        """
        if self.serving is not None:
            return []
        target = Target(version, digest)
        self._journal.failed.pop(digest, None)
        self._journal.wanted = Assignment(serve=target)
        self._journal.adopted = digest
        self._moves.put(target)
        return self._moved()

    def on_desired(self, wanted: Assignment, packages_url: str, now_s: float) -> list[Effect]:
        """The cloud wants something else, or the same again."""
        if wanted.serve is None:  # keep what is there
            wanted = Assignment(self._journal.wanted.serve, wanted.shadow)
        self._journal.wanted = wanted
        self._journal.packages_url = packages_url
        self._jobs.hurry()
        return self._advance(now_s)

    def on_fetched(
        self, digest: str, now_s: float, *, spent: Downloads | None = None
    ) -> list[Effect]:
        """All bytes of a package are in the store; ``spent`` says what came for it, and how."""
        effects = self._jobs.count(self.model, digest, spent)
        slot = self._journal.holding(digest)
        if not self._jobs.end_fetch(digest):
            return effects
        if slot is not None and slot.state is SlotState.DOWNLOADING:
            slot.handle(SlotEvent.FETCHED)
            slot.detail = ""
        return [*effects, *self._advance(now_s)]

    def on_fetch_failed(
        self,
        digest: str,
        reason: str,
        now_s: float,
        *,
        permanent: bool,
        spent: Downloads | None = None,
    ) -> list[Effect]:
        """A download broke off; ``permanent`` if trying again cannot help.

        One that brought something is tried again after the shortest rest: the link is bad, but it
        gets there.
        """
        effects = self._jobs.count(self.model, digest, spent)
        slot = self._journal.holding(digest)
        if not self._jobs.end_fetch(digest):
            return effects
        if spent is not None and spent.file_bytes:
            self._jobs.got_further()
        if slot is not None and slot.state is SlotState.DOWNLOADING:
            effects += self._fail(slot, reason) if permanent else self._rest(slot, reason, now_s)
        return [*effects, *self._advance(now_s)]

    def on_loaded(
        self, digest: str, provider: str, now_s: float, *, fallback: str = "", variant: str = ""
    ) -> list[Effect]:
        """A package is verified and its session is ready; see :meth:`AgentCore.on_loaded`."""
        slot = self._journal.holding(digest)
        if not self._jobs.end_load(digest):
            return []
        self._jobs.has_loaded(digest, RunsOn(provider, fallback, variant))
        if slot is not None and slot.state is SlotState.VERIFYING:
            slot.handle(SlotEvent.VERIFIED)
        elif slot is not None and slot.state is SlotState.READY and self._waits_to_serve(slot):
            slot.restarts = 0
        return self._advance(now_s)

    def on_load_failed(self, digest: str, reason: str, now_s: float) -> list[Effect]:
        """A package is not what it should be, or cannot run here."""
        slot = self._journal.holding(digest)
        if not self._jobs.end_load(digest):
            return []
        effects: list[Effect] = []
        if slot is not None and slot.good:  # the version is not to blame: its files are damaged
            slot.handle(SlotEvent.DAMAGED)
            effects += self._rest(slot, reason, now_s)
        elif slot is not None:
            effects += self._fail(slot, reason)
        return [*effects, *self._advance(now_s)]

    def on_calls(self, digest: str, calls: int, failures: int, now_s: float) -> list[Effect]:
        """The version has answered ``calls`` more calls; ``failures`` others went wrong."""
        slot = self.serving
        if self._trial is None or slot is None or slot.digest != digest:
            return []
        self._trial.calls += calls
        if failures:
            reason = f"{failures} calls failed on trial, after {self._trial.calls} good ones"
            return [*self._fail(slot, reason), *self._advance(now_s)]
        return self._end_trial(now_s)

    def on_shadow(self, digest: str, reason: str) -> list[Effect]:
        """A candidate in the shadow rests for a while, as ``reason`` says, or does no longer."""
        slot = self._journal.holding(digest)
        if slot is None or slot.state is not SlotState.SHADOW:
            return []
        self._shadow_rests = (digest, fitting(reason)) if reason else ("", "")
        said = reason or "goes on"
        return [Log("info", f"{self.model} {slot.version} in the shadow {said}")]

    def on_timer(self, now_s: float) -> list[Effect]:
        """Time has passed: try a broken download again, end a trial."""
        is_rested = self._jobs.is_rested(now_s)
        if self._calm_at_s is not None and now_s >= self._calm_at_s:
            self._calm_at_s = None
            for slot in self.slots:
                slot.restarts = 0 if slot.state is SlotState.SHADOW else slot.restarts
        effects = self._advance(now_s) if is_rested or self._waits else []
        return [*effects, *self._end_trial(now_s)]

    def on_gate(self, now_s: float) -> list[Effect]:
        """The gate was opened or closed."""
        return self._advance(now_s)

    @property
    def update_ready(self) -> str:
        """The version that is ready and waits to serve; empty if none does."""
        waiting = self._moves.waiting()
        return "" if waiting is None else waiting[0].version

    def install_update(self, now_s: float) -> list[Effect]:
        """Let the version that waits begin, as soon as the application holds nothing."""
        waiting = self._moves.waiting()
        if waiting is not None:
            self._journal.allowed = waiting[0].digest
        return self._advance(now_s)

    def clear_bad(self, now_s: float) -> list[Effect]:
        """Forget what failed, so that it may be tried again."""
        self._journal.failed.clear()
        for slot in self.slots:
            if slot.state is SlotState.BAD:
                slot.handle(SlotEvent.CLEAR)
        return self._advance(now_s)

    # Decisions.

    def _advance(self, now_s: float) -> list[Effect]:
        self._gate.pass_time(now_s)
        effects = self._moved()
        self._waits = self._moves.waiting() is not None
        self._look_again_at_s = self._gate.look_again_at_s(now_s) if self._waits else None
        if not self._route.shadow or not any(
            slot.restarts for slot in self.slots if slot.state is SlotState.SHADOW
        ):
            self._calm_at_s = None
        elif self._calm_at_s is None:
            self._calm_at_s = now_s + _CALM_S
        slot = self.serving
        if slot is None or slot.state is not SlotState.TRIAL or self._route.serve != slot.digest:
            self._trial = None
        elif self._trial is None:
            self._trial = _Trial(now_s, self._journal.trial_calls, self._journal.trial_s)
        return effects

    def _moved(self) -> list[Effect]:
        """Move the slots, route calls as they say, and free what is not needed any more."""
        moved = self._moves.move()
        jobs, journal = self._jobs, self._journal
        route = route_of(journal, loaded=jobs.loaded, loading=jobs.loading, present=self._route)
        effects: list[Effect] = [] if route == self._route else [route]
        self._route = route
        for digest in [digest for digest in jobs.loaded if not needed(journal, digest)]:
            effects += jobs.unload(digest)
        if self._pruned_for != self.last_good:
            self._pruned_for = self.last_good
            effects.append(DeletePackages(tuple(self.kept())))
        return [*effects, *moved]

    def _waits_to_serve(self, slot: Slot) -> bool:
        wanted = self._journal.wish(self._journal.wanted.serve)
        return wanted is not None and wanted.digest == slot.digest

    def _is_suspect(self, slot: Slot) -> bool:
        """Return whether a version may be why the agent restarts, and another one could serve."""
        is_loaded_beside = slot.state in (SlotState.VERIFYING, SlotState.READY) and (
            self._journal.other(slot).serves
        )
        return not slot.good and (slot.state is SlotState.TRIAL or is_loaded_beside)

    def _end_trial(self, now_s: float) -> list[Effect]:
        serving, trial = self.serving, self._trial
        if serving is None or trial is None or trial.ends_at_s is None or now_s < trial.ends_at_s:
            return []
        return [*self._moves.confirm(serving), *self._advance(now_s)]

    def _rest(self, slot: Slot, reason: str, now_s: float) -> list[Effect]:
        wait_s = self._jobs.rest(now_s)
        slot.detail = f"{fitting(reason)}; trying again in {wait_s:.0f} s"
        return [Log("warning", f"{self.model} {slot.version}: {slot.detail}")]

    def _fail(self, slot: Slot, reason: str) -> list[Effect]:
        """Quarantine what is in a slot."""
        slot.handle(SlotEvent.FAIL)
        slot.detail = fitting(reason)
        failed = self._journal.failed
        failed[slot.digest] = slot.detail
        while len(failed) > _REMEMBERED_FAILURES:
            del failed[next(iter(failed))]
        return [Log("warning", f"{self.model} {slot.version} is bad on this device: {slot.detail}")]

    # The journal.

    def to_json(self) -> JsonObject:
        """Return what must survive a power cut."""
        return self._journal.to_json()

    @classmethod
    def from_json(cls, model: str, reader: Reader, *, gate: UpdateGate | None = None) -> Self:
        """Rebuild from :meth:`to_json`; raises the reader's error."""
        return cls(model, Journal.from_json(reader), gate=gate)
