"""Slot moves: the next step of each slot towards what is wanted. Knows no time and no outside."""

from edge_agent.core.effects import Effect, FetchPackage, Log
from edge_agent.core.journal import Journal
from edge_agent.core.package_jobs import PackageJobs
from edge_agent.core.slots import Slot, SlotEvent, SlotState
from edge_agent.core.update_gate import UpdateGate
from edge_contract.messages import Target
from edge_contract.package import short

__all__ = ["SlotMoves"]


class SlotMoves:
    """Moves two slots, one step at a time.

    Args:
        model: Name of the model.
        journal: The slots and what is wanted.
        jobs: What is being fetched or loaded.
        gate: Says whether one version may take over from another.
    """

    def __init__(
        self, model: str, journal: Journal, jobs: PackageJobs, *, gate: UpdateGate
    ) -> None:
        self._model = model
        self._journal = journal
        self._jobs = jobs
        self._gate = gate

    def move(self) -> list[Effect]:
        """Do the next thing towards what is wanted; nothing if it is reached or under way."""
        journal = self._journal
        serve, shadow = journal.wish(journal.wanted.serve), journal.wish(journal.wanted.shadow)
        effects = [*self._load_serving(), *self._carry_on(shadow)]
        if serve is not None:
            effects += self._advance_serve(serve)
        serving = journal.serving
        if shadow is not None and serving is not None and serving.state is SlotState.ACTIVE:
            settled = serve is None or serve.digest == serving.digest
            effects += self._advance_shadow(shadow) if settled else []
        # A download may take hours, and a shell may do one job at a time.
        return sorted(effects, key=lambda effect: isinstance(effect, FetchPackage))

    def waiting(self) -> tuple[Slot, str] | None:
        """Return the slot that is ready to serve and may not begin, and why; often none."""
        wanted = self._journal.wish(self._journal.wanted.serve)
        slot = None if wanted is None else self._journal.holding(wanted.digest)
        if slot is None or slot.state not in (SlotState.READY, SlotState.SHADOW):
            return None
        objection = self._objection(slot)
        return (slot, objection) if objection else None

    def put(self, target: Target) -> None:
        """Make a slot hold a package whose bytes are all here; none if none can be spared."""
        slot = self._journal.holding(target.digest) or self._free_slot()
        if slot is None:
            return
        if slot.digest != target.digest or slot.state in (SlotState.DOWNLOADING, SlotState.BAD):
            _fill(slot, target)
            slot.handle(SlotEvent.FETCHED)

    def confirm(self, slot: Slot) -> list[Effect]:
        """Let a slot serve for good."""
        if slot.state is SlotState.SHADOW:
            slot.handle(SlotEvent.STOP_SHADOW)
        slot.handle(SlotEvent.CONFIRM)
        return [Log("info", f"{self._model} {slot.version} serves ({short(slot.digest)})")]

    def _load_serving(self) -> list[Effect]:
        """Load what serves, and first what it falls back on; that is due after a restart."""
        serving = self._journal.serving
        if serving is None:
            return []
        behind = self._journal.other(serving)
        falls_back = serving.state is SlotState.TRIAL and behind.state is SlotState.READY
        effects = self._jobs.load(behind.digest) if falls_back and behind.good else []
        return [*effects, *self._jobs.load(serving.digest)]

    def _carry_on(self, shadow: Target | None) -> list[Effect]:
        """Do what the slots wait for; a good one serves if nothing else does."""
        effects: list[Effect] = []
        for slot in self._journal.slots:
            keeps = self._journal.may_serve(slot) or self._journal.wants(slot.digest)
            match slot.state:
                case SlotState.SHADOW if shadow is None or slot.digest != shadow.digest:
                    slot.handle(SlotEvent.STOP_SHADOW)
                case SlotState.DOWNLOADING if not keeps:
                    slot.handle(SlotEvent.CLEAR)
                case SlotState.VERIFYING if not keeps and not self._jobs.is_loading(slot.digest):
                    slot.handle(SlotEvent.CLEAR)
                case SlotState.DOWNLOADING:
                    effects += self._jobs.fetch(slot.digest, self._journal.packages_url)
                case SlotState.VERIFYING:
                    effects += self._jobs.load(slot.digest)
                case SlotState.READY | SlotState.SHADOW if (
                    self._journal.may_serve(slot) and self._journal.serving is None
                ):
                    is_loaded = slot.digest in self._jobs.loaded
                    effects += self.confirm(slot) if is_loaded else self._jobs.load(slot.digest)
        return effects

    def _advance_serve(self, target: Target) -> list[Effect]:
        slot = self._journal.holding(target.digest)
        if slot is None:
            return self._begin(target)
        if slot.state not in (SlotState.READY, SlotState.SHADOW):
            return []
        if target.digest not in self._jobs.loaded:
            return self._jobs.load(target.digest)
        return [] if self._objection(slot) else self._take_over(slot, target)

    def _objection(self, slot: Slot) -> str:
        """Return why a slot may not take over yet; where none serves, any may."""
        if self._journal.serving is None:
            return ""
        return self._gate.objection(slot, self._journal.allowed)

    def _advance_shadow(self, target: Target) -> list[Effect]:
        slot = self._journal.holding(target.digest)
        if slot is None:
            return self._begin(target)
        if slot.state is not SlotState.READY:
            return []
        if target.digest not in self._jobs.loaded:
            return self._jobs.load(target.digest)
        slot.handle(SlotEvent.START_SHADOW)
        return [Log("info", f"{self._model} {slot.version} runs in the shadow")]

    def _begin(self, target: Target) -> list[Effect]:
        """Fetch into the slot that can be spared; if there is none, wait until there is."""
        effects: list[Effect] = []
        serving = self._journal.serving
        if serving is not None and serving.state is SlotState.TRIAL:
            effects += self._end_unwanted_trial(serving)
        slot = self._free_slot()
        if slot is None:
            return effects
        _fill(slot, target)
        return [*effects, *self._jobs.fetch(target.digest, self._journal.packages_url)]

    def _end_unwanted_trial(self, serving: Slot) -> list[Effect]:
        """Go back to the good version: the one on trial is to make room for another."""
        behind = self._journal.other(serving)
        if not behind.good or behind.digest not in self._jobs.loaded or self._gate.is_held:
            return []
        serving.handle(SlotEvent.RETIRE)
        text = f"{self._model} {serving.version} is not wanted any more: its trial ends"
        return [Log("info", text), *self.confirm(behind)]

    def _take_over(self, slot: Slot, target: Target) -> list[Effect]:
        """Let a verified and loaded slot serve: one step, and the old one stays behind it."""
        old = self._journal.serving
        if old is not None:
            old.handle(SlotEvent.RETIRE)
        self._journal.allowed = ""
        has_terms = target.trial_calls > 0 or target.trial_s > 0
        if slot.good or not has_terms or not self._journal.other(slot).good:
            return self.confirm(slot)  # good before, taken as good, or nothing to fall back on
        slot.handle(SlotEvent.START_TRIAL)
        self._journal.trial_calls = target.trial_calls
        self._journal.trial_s = target.trial_s
        return [Log("info", f"{self._model} {slot.version} serves on trial")]

    def _free_slot(self) -> Slot | None:
        """Return a slot that can be spared, an empty one first."""
        is_safe = any(slot.state is SlotState.ACTIVE for slot in self._journal.slots)
        free = [
            slot
            for slot in self._journal.slots
            if not slot.serves
            and not self._jobs.is_loading(slot.digest)
            and (is_safe or not slot.good)
        ]
        return min(free, key=lambda slot: slot.state is not SlotState.EMPTY, default=None)


def _fill(slot: Slot, target: Target) -> None:
    """Make a slot that of another package, of which nothing is here yet."""
    if slot.state is not SlotState.EMPTY:
        slot.handle(SlotEvent.CLEAR)
    slot.handle(SlotEvent.DOWNLOAD)
    slot.version, slot.digest = target.version, target.digest
