"""The detector of concept drift: whether predictions are wrong more often than they were.

Inputs may look as ever while what they mean has changed. Only truths can show that: of
classifications the share of wrong predictions among those whose truth arrived, of regressions the
distribution of the errors. Both are compared with the rows whose truth the author knew, by the same
any-time-valid bets as features are, under the same budget.

More errors are no proof of another concept: harder inputs have them, too, and then features or
confidence drift as well. Without truths from the author there is no reference for errors;
:mod:`cloud_sync.core.alarms.change` then compares the fleet with its own past.
"""

from cloud_sync.core.alarms.budget import AlarmBudget
from cloud_sync.core.alarms.detector import CountsDetector
from cloud_sync.core.facts import PackageFacts
from edge_contract.package import Role
from edge_contract.reading import JsonObject

__all__ = ["ConceptDetector", "concept_detector"]


class ConceptDetector(CountsDetector):
    """Watches a version's errors; see :class:`CountsDetector` for the arguments."""

    def __init__(
        self, package: PackageFacts, budget: AlarmBudget, state: "JsonObject | None" = None
    ) -> None:
        super().__init__(package, budget, state, kind="concept", role=Role.LABELS)


def concept_detector(
    package: PackageFacts, budget: AlarmBudget, state: "JsonObject | None" = None
) -> ConceptDetector | None:
    """Return the detector of a version; ``None`` if its author gave no truths."""
    return None if package.reference.labels is None else ConceptDetector(package, budget, state)
