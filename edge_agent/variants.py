"""Chooses which variant of a model a device runs, and tries it before it serves."""

import enum
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from edge_agent.golden_check import check_golden, golden_inputs
from edge_agent.ports import InferenceEngine, InferenceSession
from edge_contract.errors import PackageError, UsageError
from edge_contract.package import Artifact, ArtifactRole, Manifest, Package

if TYPE_CHECKING:
    from edge_agent.ports import Tensor

__all__ = ["Loaded", "VariantPolicy", "load_variant", "quickest"]

_ROUNDS: Final = 50
_ROUND_S: Final = 0.001  # shorter than a busy device lets anybody run at a stretch
_GAIN: Final = 0.95
"""How much of the exact model's time a variant may take at most to be called quicker."""


class VariantPolicy(enum.Enum):
    """Which variant of a model to run, where a package holds several."""

    EXACT = "exact"
    """The model as it was converted."""
    SMALLEST = "smallest"
    """The one with the smallest file."""
    FASTEST = "fastest"
    """The one that answers a row soonest here: that is measured when the package is loaded."""

    @classmethod
    def of(cls, name: str) -> "VariantPolicy":
        """Return the policy of that name; raises ``UsageError`` if there is none."""
        try:
            return cls(name)
        except ValueError:
            known = ", ".join(policy.value for policy in cls)
            raise UsageError(f"variant {name!r} is unknown: choose from {known}") from None


class Loaded(NamedTuple):
    """A session and which variant it runs.

    Attributes:
        session: Has passed the variant's golden vectors.
        variant: Its name in the manifest.
        passed_over: Why not another that the policy prefers; empty if there is none.
    """

    session: InferenceSession
    variant: str
    passed_over: str = ""

    @property
    def fallback(self) -> str:
        """Why not a variant or a provider that is preferred; empty if none is."""
        return "; ".join(filter(None, (self.passed_over, self.session.fallback)))


def load_variant(package: Package, policy: VariantPolicy, engine: InferenceEngine) -> Loaded:
    """Return a session of the variant that the policy wants, tried on its golden vectors.

    A variant that cannot run here, or does not do here what its author saw it do, is passed over:
    the exact model can always serve.

    Raises:
        PackageError: The exact model cannot run here, or fails its golden vectors.
    """
    exact = package.manifest.artifact(ArtifactRole.MODEL)
    ready: list[Loaded] = []
    passed_over: list[str] = []
    for model in _wanted(package.manifest, policy):
        meant = package if model == exact else package.of_variant(model.variant)
        try:
            session = engine.load(meant)
            check_golden(meant, session)
        except PackageError as error:
            if model == exact:
                raise
            passed_over.append(f"variant {model.variant}: {error}")
            continue
        ready.append(Loaded(session, model.variant))
        if policy is not VariantPolicy.FASTEST:
            break
    chosen = ready[0]
    if len(ready) > 1:
        row = {name: values[:1] for name, values in golden_inputs(package).items()}
        chosen = ready[quickest([_calls(it.session, row) for it in ready])]
    return chosen._replace(passed_over="; ".join(passed_over))


def quickest(
    calls: Sequence[Callable[[], object]], *, clock: Callable[[], float] = time.perf_counter
) -> int:
    """Return the place of the call that takes least time; the first, unless another gains 5 %.

    They are timed in turns, so that whatever else the device does hits all of them alike.

    Args:
        calls: What to time.
        clock: Tells the seconds.
    """
    began_s = clock()
    for call in calls:
        call()
    slow_s = max((clock() - began_s) / len(calls), 1e-9)
    repeats = max(int(_ROUND_S / slow_s), 1)
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(_ROUNDS):
        for place, call in enumerate(calls):
            began_s = clock()
            for _ in range(repeats):
                call()
            times[place].append(clock() - began_s)
    alone_s = [min(found) for found in times]  # what else the device does only adds to the others
    best = min(range(len(calls)), key=alone_s.__getitem__)
    return best if alone_s[best] < _GAIN * alone_s[0] else 0


def _wanted(manifest: Manifest, policy: VariantPolicy) -> Sequence[Artifact]:
    """Return the models to try, the one that is wanted most first; the exact one is among them."""
    models = manifest.models
    match policy:
        case VariantPolicy.EXACT:
            return models[:1]
        case VariantPolicy.SMALLEST:
            by_size = sorted(models, key=lambda model: model.size)
            return by_size[: by_size.index(models[0]) + 1]
        case VariantPolicy.FASTEST:
            return models


def _calls(session: InferenceSession, row: "Mapping[str, Tensor]") -> Callable[[], object]:
    return lambda: session.run(row)
