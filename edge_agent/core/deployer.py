"""The deployer: brings one model's slots to what the cloud wants, and back when it goes wrong.

Sans-IO. It is told what is wanted (:meth:`Deployer.on_desired`) and what came of its effects, and
moves its two slots by the table in :mod:`edge_agent.core.slots`. Rules that hold whatever happens:

* the version that serves is never touched until another one is verified and loaded;
* a version on trial has a good one behind it: ``last_good`` stays in the other slot;
* a digest that failed here is not tried again until it is cleared;
* a trial ends by calls *and* time, and needs no cloud to end either way.
"""

from dataclasses import dataclass
from typing import Final, Self

from edge_agent.core.effects import (
    DeletePackages,
    Effect,
    FetchPackage,
    LoadPackage,
    Log,
    Route,
    UnloadPackage,
)
from edge_agent.core.slots import Slot, SlotEvent, SlotState
from edge_contract.errors import PackageError
from edge_contract.messages import Assignment, ModelReport, SlotReport, Target
from edge_contract.package import short
from edge_contract.reading import JsonObject, Reader

__all__ = ["Deployer"]

_MAX_TRIAL_BOOTS: Final = 2
_REMEMBERED_FAILURES: Final = 16
_FETCH_RETRY_S: Final = 5.0
_MAX_FETCH_RETRY_S: Final = 300.0


@dataclass(slots=True)
class _Trial:
    """What the version on trial has done so far, and what it must do."""

    began_s: float
    needed_calls: int
    needed_s: float
    calls: int = 0

    @property
    def ends_at_s(self) -> float:
        return self.began_s + self.needed_s


class Deployer:
    """Two slots of one model.

    Args:
        model: Name of the model.
    """

    def __init__(self, model: str) -> None:
        self.model = model
        self.slots = (Slot("A"), Slot("B"))
        self.last_good = ""
        self.provider = ""
        self._wanted = Assignment()
        self._packages_url = ""
        self._failed: dict[str, str] = {}
        self._loaded: set[str] = set()
        self._busy: set[str] = set()  # digests that a fetch or load is under way for
        self._trial: _Trial | None = None
        self._trial_boots = 0
        self._trial_terms = (0, 0.0)  # calls and seconds that the version on trial must stand
        self._retry_at_s: float | None = None
        self._fetch_failures = 0
        self._route = Route("")

    # What is known.

    @property
    def serving(self) -> Slot | None:
        """The slot whose predictions leave, if there is one."""
        return next((slot for slot in self.slots if slot.serves), None)

    @property
    def on_trial(self) -> bool:
        """Whether a version is on trial, so that its calls must be told soon."""
        return self._trial is not None

    @property
    def wake_at_s(self) -> float | None:
        """When :meth:`on_timer` is due."""
        times = [self._retry_at_s] if self._retry_at_s is not None else []
        if self._trial is not None:
            times.append(self._trial.ends_at_s)
        return min(times, default=None)

    def report(self) -> ModelReport:
        """Return what the cloud is told."""
        serving = self.serving
        routed = serving is not None and self._route.serve == serving.digest
        slots = [
            SlotReport(slot.name, slot.state.value, slot.version, slot.digest, slot.detail)
            for slot in self.slots
        ]
        for target in (self._wanted.serve, self._wanted.shadow):
            known = target is None or any(slot.digest == target.digest for slot in slots)
            if target is not None and not known and target.digest in self._failed:
                reason = self._failed[target.digest]
                slots.append(SlotReport("-", "bad", target.version, target.digest, reason))
        return ModelReport(
            serving=serving.digest if serving is not None and routed else "",
            version=serving.version if serving is not None and routed else "",
            provider=self.provider,
            slots=tuple(slots),
        )

    # Inputs. Each returns the effects to carry out.

    def on_start(self, now_s: float) -> list[Effect]:
        """Resume after a start: load what serves; give up a trial that keeps crashing."""
        serving = self.serving
        for slot in self.slots:
            if slot.state is SlotState.VERIFYING or slot.state is SlotState.DOWNLOADING:
                slot.handle(SlotEvent.CLEAR)  # its files are kept and found again
            elif slot.state is SlotState.SHADOW:
                slot.handle(SlotEvent.STOP_SHADOW)
        effects: list[Effect] = []
        if serving is not None and serving.state is SlotState.TRIAL:
            self._trial_boots += 1
            if self._trial_boots > _MAX_TRIAL_BOOTS:
                effects += self._fail(serving, f"still on trial after {_MAX_TRIAL_BOOTS} restarts")
            else:
                self._trial = _Trial(now_s, *self._trial_terms)
                effects += self._load(self.last_good)
        serving = self.serving
        return [*effects, *(self._load(serving.digest) if serving is not None else [])]

    def adopt(self, version: str, digest: str) -> list[Effect]:
        """Serve a package that the operator put into the store by hand, unless one serves already.

        It counts as good: nobody else can vouch for it.
        """
        if self.serving is not None:
            return []
        slot = self._slot_for(digest)
        slot.handle(SlotEvent.DOWNLOAD)
        slot.version, slot.digest = version, digest
        slot.handle(SlotEvent.FETCHED)
        self._wanted = Assignment(serve=Target(version, digest))
        return self._load(digest)

    def on_desired(self, wanted: Assignment, packages_url: str, now_s: float) -> list[Effect]:
        """The cloud wants something else, or the same again."""
        if wanted.serve is None:  # keep what is there
            wanted = Assignment(self._wanted.serve, wanted.shadow)
        self._wanted = wanted
        self._packages_url = packages_url
        self._retry_at_s = None
        self._fetch_failures = 0
        return self._advance(now_s)

    def on_fetched(self, digest: str, now_s: float) -> list[Effect]:
        """All bytes of a package are in the store."""
        self._busy.discard(digest)
        self._fetch_failures = 0
        slot = self._holding(digest)
        if slot is None or slot.state is not SlotState.DOWNLOADING:
            return self._advance(now_s)
        slot.handle(SlotEvent.FETCHED)
        slot.detail = ""
        return self._load(digest)

    def on_fetch_failed(
        self, digest: str, reason: str, now_s: float, *, permanent: bool
    ) -> list[Effect]:
        """A download broke off; ``permanent`` if trying again cannot help."""
        self._busy.discard(digest)
        slot = self._holding(digest)
        if slot is None or slot.state is not SlotState.DOWNLOADING:
            return self._advance(now_s)
        if permanent:
            return self._fail(slot, reason)
        self._fetch_failures += 1
        wait_s = min(_FETCH_RETRY_S * 2.0 ** (self._fetch_failures - 1), _MAX_FETCH_RETRY_S)
        self._retry_at_s = now_s + wait_s
        slot.detail = f"{reason}; trying again in {wait_s:.0f} s"
        return [Log("warning", f"download of {self.model} {slot.version}: {slot.detail}")]

    def on_loaded(self, digest: str, provider: str, now_s: float) -> list[Effect]:
        """A package is verified and its session is ready."""
        self._busy.discard(digest)
        self._loaded.add(digest)
        slot = self._holding(digest)
        if slot is None:
            return self._advance(now_s)
        self.provider = provider
        if slot.state is SlotState.VERIFYING:
            slot.handle(SlotEvent.VERIFIED)
        return self._advance(now_s)

    def on_load_failed(self, digest: str, reason: str, now_s: float) -> list[Effect]:
        """A package is not what it should be, or cannot run here."""
        self._busy.discard(digest)
        slot = self._holding(digest)
        if slot is None or slot.state is SlotState.BAD:
            return self._advance(now_s)
        effects = self._fail(slot, reason)
        if digest == self.last_good:  # it was good before: its files are damaged, not the version
            self._failed.pop(digest, None)
            slot.handle(SlotEvent.CLEAR)
            effects.append(self._pruned())
        return [*effects, *self._advance(now_s)]

    def on_calls(self, digest: str, calls: int, failures: int, now_s: float) -> list[Effect]:
        """The version has answered ``calls`` more calls, of which ``failures`` went wrong."""
        slot = self._holding(digest)
        if slot is None or slot.state is not SlotState.TRIAL or self._trial is None:
            return []
        self._trial.calls += calls
        if failures:
            return self._fail(slot, f"{failures} of {calls} calls failed on trial")
        return self._end_trial(now_s)

    def on_timer(self, now_s: float) -> list[Effect]:
        """Time has passed: try a broken download again, end a trial."""
        if self._retry_at_s is not None and self._retry_at_s <= now_s:
            self._retry_at_s = None
            return self._advance(now_s)
        return self._end_trial(now_s)

    def clear_bad(self, now_s: float) -> list[Effect]:
        """Forget what failed, so that it may be tried again."""
        self._failed.clear()
        for slot in self.slots:
            if slot.state is SlotState.BAD:
                slot.handle(SlotEvent.CLEAR)
        return self._advance(now_s)

    # Decisions.

    def _advance(self, now_s: float) -> list[Effect]:
        """Do the next thing towards what is wanted; nothing if it is reached or under way."""
        serve, shadow = self._wanted.serve, self._wanted.shadow
        effects: list[Effect] = []
        if serve is not None and serve.digest not in self._failed:
            effects += self._advance_serve(serve, now_s)
        settled = serve is None or serve.digest in self._failed or self._serves(serve.digest)
        if settled:
            effects += self._advance_shadow(shadow)
        return [*effects, *self._routed()]

    def _advance_serve(self, target: Target, now_s: float) -> list[Effect]:
        slot = self._holding(target.digest)
        if slot is None:
            return self._begin(target)
        match slot.state:
            case SlotState.DOWNLOADING:
                return self._fetch(target.digest)
            case SlotState.READY | SlotState.SHADOW if target.digest not in self._loaded:
                return self._load(target.digest)
            case SlotState.READY | SlotState.SHADOW:
                return self._take_over(slot, target, now_s)
            case _:
                return []

    def _take_over(self, slot: Slot, target: Target, now_s: float) -> list[Effect]:
        """Let a verified and loaded slot serve: one step, and the old one stays behind it."""
        old = self.serving
        if old is not None:
            old.handle(SlotEvent.RETIRE)
        slot.rollout = target.rollout
        self._trial = None
        known_good = slot.digest == self.last_good
        if slot.state is SlotState.READY and (old is None or known_good):
            slot.handle(SlotEvent.CONFIRM)  # nothing to fall back on, or good before
            return self._confirmed(slot)
        slot.handle(SlotEvent.START_TRIAL)
        self._trial_terms = (target.trial_calls, target.trial_s)
        self._trial = _Trial(now_s, *self._trial_terms)
        self._trial_boots = 0
        return [
            Log("info", f"{self.model} {slot.version} serves on trial"),
            *self._end_trial(now_s),
        ]

    def _end_trial(self, now_s: float) -> list[Effect]:
        slot, trial = self.serving, self._trial
        if slot is None or slot.state is not SlotState.TRIAL or trial is None:
            return []
        if trial.calls < trial.needed_calls or now_s < trial.ends_at_s:
            return []
        slot.handle(SlotEvent.CONFIRM)
        self._trial = None
        return self._confirmed(slot)

    def _confirmed(self, slot: Slot) -> list[Effect]:
        self.last_good = slot.digest
        text = f"{self.model} {slot.version} serves ({short(slot.digest)})"
        return [Log("info", text), self._pruned()]

    def _pruned(self) -> DeletePackages:
        return DeletePackages(
            tuple(s.digest for s in self.slots if s.digest and s.state is not SlotState.BAD)
        )

    def _advance_shadow(self, target: Target | None) -> list[Effect]:
        effects: list[Effect] = []
        for slot in self.slots:
            other = target is None or slot.digest != target.digest
            if slot.state is SlotState.SHADOW and other:
                slot.handle(SlotEvent.STOP_SHADOW)
        if target is None or target.digest in self._failed:
            return effects
        found = self._holding(target.digest)
        if found is None:
            return self._begin(target)
        if found.state is SlotState.DOWNLOADING:
            return self._fetch(target.digest)
        if found.state is SlotState.READY:
            if target.digest not in self._loaded:
                return self._load(target.digest)
            found.rollout = target.rollout
            found.handle(SlotEvent.START_SHADOW)
            effects.append(Log("info", f"{self.model} {found.version} runs in the shadow"))
        return effects

    def _begin(self, target: Target) -> list[Effect]:
        slot = self._slot_for(target.digest)
        if slot.serves or slot.digest in self._busy:
            return []  # both slots are taken for now; tried again when something changes
        effects: list[Effect] = []
        if slot.state is not SlotState.EMPTY:
            if slot.digest in self._loaded:
                self._loaded.discard(slot.digest)
                effects.append(UnloadPackage(slot.digest))
            slot.handle(SlotEvent.CLEAR)
        slot.handle(SlotEvent.DOWNLOAD)
        slot.version, slot.digest, slot.rollout = target.version, target.digest, target.rollout
        return [*self._routed(), *effects, *self._fetch(target.digest)]

    def _fail(self, slot: Slot, reason: str) -> list[Effect]:
        """Quarantine what is in a slot; the other one serves if this one did."""
        served = slot.serves
        slot.handle(SlotEvent.FAIL)
        slot.detail = reason
        self._failed[slot.digest] = reason
        while len(self._failed) > _REMEMBERED_FAILURES:
            del self._failed[next(iter(self._failed))]
        self._trial = None
        effects: list[Effect] = [
            Log("warning", f"{self.model} {slot.version} is bad on this device: {reason}")
        ]
        back = next((other for other in self.slots if other is not slot), slot)
        if served and back.state is SlotState.READY:
            back.handle(SlotEvent.CONFIRM)
            effects.append(Log("info", f"{self.model} went back to {back.version}"))
            if back.digest not in self._loaded:
                effects += self._load(back.digest)
        effects += self._routed()
        if slot.digest in self._loaded:
            self._loaded.discard(slot.digest)
            effects.append(UnloadPackage(slot.digest))
        return effects

    def _routed(self) -> list[Effect]:
        """Route calls as the slots say, if that has changed and can be done."""
        serving = self.serving
        if serving is None or serving.digest not in self._loaded:
            return []
        shadow = next((s.digest for s in self.slots if s.state is SlotState.SHADOW), "")
        behind = self.last_good if self.last_good != serving.digest else ""
        fallback = behind if behind in self._loaded else ""
        route = Route(serving.digest, shadow, fallback)
        if route == self._route:
            return []
        self._route = route
        return [route]

    def _fetch(self, digest: str) -> list[Effect]:
        if digest in self._busy or self._retry_at_s is not None:
            return []
        self._busy.add(digest)
        return [FetchPackage(digest, self._packages_url)]

    def _load(self, digest: str) -> list[Effect]:
        if not digest or digest in self._busy or digest in self._loaded:
            return []
        self._busy.add(digest)
        return [LoadPackage(digest)]

    def _holding(self, digest: str) -> Slot | None:
        return next((slot for slot in self.slots if digest and slot.digest == digest), None)

    def _serves(self, digest: str) -> bool:
        serving = self.serving
        return serving is not None and serving.digest == digest

    def _slot_for(self, digest: str) -> Slot:
        empty = next((slot for slot in self.slots if slot.state is SlotState.EMPTY), None)
        return self._holding(digest) or empty or next(s for s in self.slots if not s.serves)

    # The journal.

    def to_json(self) -> JsonObject:
        """Return what must survive a power cut."""
        return {
            "slots": [
                [slot.state.value, slot.version, slot.digest, slot.rollout, slot.detail]
                for slot in self.slots
            ],
            "last_good": self.last_good,
            "trial_boots": self._trial_boots,
            "trial_terms": list(self._trial_terms),
            "wanted": [
                None if target is None else target.to_body()
                for target in (self._wanted.serve, self._wanted.shadow)
            ],
            "packages_url": self._packages_url,
            "failed": dict(self._failed),
        }

    @classmethod
    def from_json(cls, model: str, reader: Reader) -> Self:
        """Rebuild from :meth:`to_json`; raises the reader's error."""
        deployer = cls(model)
        deployer.slots = (
            _restored("A", reader["slots"][0]),
            _restored("B", reader["slots"][1]),
        )
        deployer.last_good = reader["last_good"].text()
        deployer._trial_boots = reader["trial_boots"].integer(low=0)
        deployer._trial_terms = (
            reader["trial_terms"][0].integer(low=0),
            reader["trial_terms"][1].number(low=0.0),
        )
        serve, shadow = reader["wanted"][0], reader["wanted"][1]
        deployer._wanted = Assignment(
            None if serve.is_null else Target.from_body(serve),
            None if shadow.is_null else Target.from_body(shadow),
        )
        deployer._packages_url = reader["packages_url"].text()
        deployer._failed = {k: v.text() for k, v in reader["failed"].fields().items()}
        return deployer


def _restored(name: str, item: Reader) -> Slot:
    try:
        slot = Slot(name, SlotState(item[0].text()))
    except ValueError as error:
        raise PackageError(f"slot {name!r} in the agent's journal: {error}") from error
    slot.version, slot.digest = item[1].text(), item[2].text()
    slot.rollout, slot.detail = item[3].text(), item[4].text()
    return slot
