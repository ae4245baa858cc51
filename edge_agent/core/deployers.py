"""The deployers of a device: one per model, behind the inputs of one.

A package belongs to one model, so what is told by digest goes to the model that has it in a slot or
asked for it. Files are shared, so deletions keep what any of the models needs.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from edge_agent.core.deployer import Deployer
from edge_agent.core.effects import DeletePackages, Effect, Log, Route
from edge_agent.core.update_gate import UpdateGate
from edge_contract.errors import UsageError
from edge_contract.messages import Assignment, Downloads, ModelReport
from edge_contract.reading import JsonObject, Reader

__all__ = ["Deployers"]

_NOTHING: Final = Assignment()
_MAX_ABSENT: Final = 20
"""Starts without a model after which its versions are let go."""


class Deployers:
    """Two slots for each model.

    Args:
        models: Names of the models, at least one.
        gate: Says when updates may begin; ``None`` for always.

    Effects are those of :class:`Deployer`; a :class:`Route` says whose calls it is about.
    """

    def __init__(self, models: Sequence[str], gate: UpdateGate | None = None) -> None:
        self._gate = UpdateGate() if gate is None else gate
        self._by_model = {model: Deployer(model, gate=self._gate) for model in models}
        self._resting: dict[str, Deployer] = {}
        self._absent: dict[str, int] = {}
        self._dropped: tuple[str, ...] = ()

    # What is known.

    def __getitem__(self, model: str) -> Deployer:
        """Return the deployer of a model."""
        return self._by_model[model]

    @property
    def on_trial(self) -> bool:
        """Whether any version is on trial, so that its calls must be told soon."""
        return any(each.on_trial for each in self._by_model.values())

    @property
    def wake_at_s(self) -> float | None:
        """When :meth:`on_timer` is due."""
        times = (each.wake_at_s for each in self._by_model.values())
        return min((at_s for at_s in times if at_s is not None), default=None)

    def report(self) -> dict[str, ModelReport]:
        """Return what the cloud is told, by model."""
        return {model: each.report() for model, each in self._by_model.items()}

    # Inputs. Each returns the effects to carry out.

    def on_start(self, now_s: float) -> list[Effect]:
        """Resume after a start."""
        dropped, self._dropped = self._dropped, ()
        effects: list[Effect] = [
            Log("info", f"model {model} has not been run here for long: its versions are let go")
            for model in dropped
        ]
        for model, each in self._by_model.items():
            effects += self._of(model, each.on_start(now_s))
        return effects

    def adopt(self, model: str, version: str, digest: str) -> list[Effect]:
        """Serve a package that the operator put into the store by hand, unless one serves."""
        return self._of(model, self._by_model[model].adopt(version, digest))

    def on_desired(
        self, models: Mapping[str, Assignment], packages_url: str, now_s: float
    ) -> list[Effect]:
        """The cloud wants something else of some models, or the same again."""
        effects: list[Effect] = []
        for model, each in self._by_model.items():
            wanted = models.get(model, _NOTHING)
            effects += self._of(model, each.on_desired(wanted, packages_url, now_s))
        return effects

    def on_fetched(
        self, digest: str, now_s: float, *, spent: Downloads | None = None
    ) -> list[Effect]:
        """All bytes of a package are in the store."""
        each = self._minding(digest)
        return self._of(each.model, each.on_fetched(digest, now_s, spent=spent))

    def on_fetch_failed(
        self,
        digest: str,
        reason: str,
        now_s: float,
        *,
        permanent: bool,
        spent: Downloads | None = None,
    ) -> list[Effect]:
        """A download broke off."""
        each = self._minding(digest)
        return self._of(
            each.model,
            each.on_fetch_failed(digest, reason, now_s, permanent=permanent, spent=spent),
        )

    def on_loaded(
        self, digest: str, provider: str, now_s: float, *, fallback: str = "", variant: str = ""
    ) -> list[Effect]:
        """A package is verified and its session is ready."""
        each = self._minding(digest)
        return self._of(
            each.model,
            each.on_loaded(digest, provider, now_s, fallback=fallback, variant=variant),
        )

    def on_load_failed(self, digest: str, reason: str, now_s: float) -> list[Effect]:
        """A package cannot be used here."""
        each = self._minding(digest)
        return self._of(each.model, each.on_load_failed(digest, reason, now_s))

    def on_calls(self, digest: str, calls: int, failures: int, now_s: float) -> list[Effect]:
        """A package has answered ``calls`` more calls; ``failures`` others went wrong."""
        each = self._minding(digest)
        return self._of(each.model, each.on_calls(digest, calls, failures, now_s))

    def on_shadow(self, digest: str, reason: str) -> list[Effect]:
        """A candidate in the shadow rests for a while, or does no longer."""
        each = self._minding(digest)
        return self._of(each.model, each.on_shadow(digest, reason))

    def on_timer(self, now_s: float) -> list[Effect]:
        """Time has passed."""
        effects: list[Effect] = []
        for model, each in self._by_model.items():
            effects += self._of(model, each.on_timer(now_s))
        return effects

    def on_gate(self, now_s: float) -> list[Effect]:
        """The gate was opened or closed."""
        effects: list[Effect] = []
        for model, each in self._by_model.items():
            effects += self._of(model, each.on_gate(now_s))
        return effects

    def updates_ready(self, model: object = None) -> dict[str, str]:
        """Return the versions that wait to serve, by model; raises as :meth:`named` does."""
        return {each.model: each.update_ready for each in self.named(model) if each.update_ready}

    def install_update(self, now_s: float, model: object = None) -> list[Effect]:
        """Let what waits begin, of a model or of all."""
        effects: list[Effect] = []
        for each in self.named(model):
            effects += self._of(each.model, each.install_update(now_s))
        return effects

    def named(self, model: object) -> list[Deployer]:
        """Return the deployer of the model that a command names, or all if it names none.

        Raises:
            UsageError: There is no such model here.
        """
        if model is None:
            return list(self._by_model.values())
        if not isinstance(model, str) or model not in self._by_model:
            known = ", ".join(self._by_model)
            raise UsageError(f"model {model!r:.80} is none of this device's (known: {known})")
        return [self._by_model[model]]

    def clear_bad(self, now_s: float, model: object = None) -> list[Effect]:
        """Forget what failed of a model, or of all, so that it may be tried again."""
        effects: list[Effect] = []
        for each in self.named(model):
            effects += self._of(each.model, each.clear_bad(now_s))
        return effects

    # The journal.

    def to_json(self) -> JsonObject:
        """Return what must survive a power cut."""
        resting = {
            model: {**each.to_json(), "absent": self._absent[model]}
            for model, each in self._resting.items()
        }
        return {**{model: each.to_json() for model, each in self._by_model.items()}, **resting}

    def restore(self, reader: Reader, *, device: str) -> None:
        """Take up what an earlier life left.

        Models that are not run this time rest: their versions are kept for so many starts, in case
        this is but an errand.

        Raises:
            UsageError: It left none of the models that are named: this is another device's state.
            PackageError: It is damaged.
        """
        found = reader.fields()
        if found and not found.keys() & self._by_model.keys():
            raise UsageError(
                f"the state of device {device!r} belongs to {_listed(found)}, "
                f"not {', '.join(map(repr, self._by_model))}: use another state folder for it"
            )
        dropped: list[str] = []
        for model, journal in found.items():
            if model in self._by_model:
                self._by_model[model] = Deployer.from_json(model, journal, gate=self._gate)
                continue
            absent = journal.get("absent")
            self._absent[model] = 1 + (0 if absent is None else absent.integer(low=0))
            if self._absent[model] > _MAX_ABSENT:
                dropped.append(model)
            else:
                self._resting[model] = Deployer.from_json(model, journal)
        self._dropped = tuple(dropped)

    # Inside.

    def _minding(self, digest: str) -> Deployer:
        """Return whose package that is; the first one's if nobody minds it any more."""
        all_of_them = list(self._by_model.values())
        return next((each for each in all_of_them if each.minds(digest)), all_of_them[0])

    def _of(self, model: str, effects: Iterable[Effect]) -> list[Effect]:
        """Return a model's effects as the whole device has to carry them out."""
        found: list[Effect] = []
        for effect in effects:
            match effect:
                case Route():
                    found.append(replace(effect, model=model))
                case DeletePackages(keep):
                    found.append(DeletePackages(tuple(dict.fromkeys([*keep, *self._kept()]))))
                case _:
                    found.append(effect)
        return found

    def _kept(self) -> tuple[str, ...]:
        """Return the packages whose files some model needs."""
        needing = (*self._by_model.values(), *self._resting.values())
        return tuple(digest for each in needing for digest in each.kept())


def _listed(models: Iterable[str]) -> str:
    names = [repr(model) for model in models]
    return f"model {names[0]}" if len(names) == 1 else f"models {', '.join(names)}"
