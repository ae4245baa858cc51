"""The reference: what the model's inputs and predictions looked like when it was made.

Stands in the package as ``reference.json``. It is a :class:`Profile` like any window's, so that
live and reference statistics are compared without translation; its columns also say how devices
must count (see :func:`profile_specs`).
"""

from typing import TYPE_CHECKING, Final, Self

from edge_contract.errors import MessageError, PackageError
from edge_contract.json_text import parse_json
from edge_contract.package.calibration import Calibration
from edge_contract.package.digests import canonical_json
from edge_contract.package.interface import OutputRole, Task
from edge_contract.package.manifest import Manifest
from edge_contract.reading import JsonObject, Reader
from edge_contract.records import dataclass, field
from edge_contract.stats.agreement import AgreementSpec
from edge_contract.stats.categories import CategoriesSpec
from edge_contract.stats.class_probabilities import ClassProbabilitiesSpec
from edge_contract.stats.labels import LabelsSpec
from edge_contract.stats.moments import MomentsSpec
from edge_contract.stats.probabilities import ProbabilitiesSpec
from edge_contract.stats.profile import (
    Column,
    Profile,
    ProfileSpec,
    state_from_json,
    state_to_json,
)
from edge_contract.stats.sketch import SketchSpec

if TYPE_CHECKING:
    from edge_contract.package.strata import Strata

__all__ = [
    "EMBEDDING",
    "FEW_ROWS",
    "JOINT",
    "LATENCY",
    "PREDICTION",
    "Reference",
    "Role",
    "feature_subject",
    "label_columns",
    "profile_specs",
]

FEW_ROWS: Final = 5_000
"""Below so many reference rows alarms need larger changes; converting warns."""

PREDICTION: Final = "prediction"
LATENCY: Final = "latency_us"
JOINT: Final = "joint"
EMBEDDING: Final = "embedding"
_AGREEMENT: Final = "agreement"
_LABELS: Final = "labels"
_ERROR: Final = "error"


class Role:
    """In which role a package saw the rows of a window."""

    PRIMARY: Final = "primary"  # its predictions were served
    SHADOW: Final = "shadow"  # its predictions were compared and thrown away
    LABELS: Final = "labels"  # truths that arrived for its predictions
    ALL: Final = (PRIMARY, SHADOW, LABELS)


def feature_subject(name: str) -> str:
    """Return the subject under which a feature's statistics stand."""
    return f"feature:{name}"


@dataclass(frozen=True, slots=True)
class Reference:
    """Statistics of the rows that the author gave when converting.

    Attributes:
        rows: How many rows.
        profile: Their features and predictions; its spec is the primary role's.
        calibration: Empty if the author gave no labels or the task has no probabilities.
        variance_inflation: Tau: by how much windows of neighbouring rows vary more than
            independent rows would; 1 if rows came in random order. Alarms are slowed by it.
        strata: The same rows by hour or day; ``None`` if the author did not ask for that.
        labels: What devices would count of the truths that the author knew, as in the labels'
            role; its spec says how they count. ``None`` if no truths were given.
    """

    rows: int
    profile: Profile
    calibration: Calibration = field(default_factory=Calibration)
    variance_inflation: float = 1.0
    strata: "Strata | None" = None
    labels: Profile | None = None

    def to_bytes(self) -> bytes:
        """Return ``reference.json``."""
        return canonical_json(
            {
                "rows": self.rows,
                "variance_inflation": self.variance_inflation,
                **_profile_json(self.profile),
                "calibration": self.calibration.to_json(),
                "strata": None if self.strata is None else self.strata.to_json(),
                "labels": None if self.labels is None else _profile_json(self.labels),
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes, *, with_strata: bool = True) -> Self:
        """Read ``reference.json``.

        Args:
            data: The file.
            with_strata: Whoever only counts needs no strata, which may be most of the file.

        Raises:
            PackageError: It is no JSON, or a part breaks its invariants.
        """
        try:
            reader = Reader(parse_json(data), "reference", PackageError)
            profile = _profile(reader)
            rows = reader["rows"].integer(low=0)
            strata = None
            if with_strata and not reader["strata"].is_null:
                from edge_contract.package.strata import Strata  # devices need none

                strata = Strata.from_json(reader["strata"], spec=profile.spec, rows=rows)
            labels = None if reader["labels"].is_null else _profile(reader["labels"])
        except (MessageError, ValueError) as error:
            raise PackageError(f"reference is not readable: {error}") from error
        return cls(
            rows=rows,
            profile=profile,
            calibration=Calibration.from_json(reader["calibration"]),
            variance_inflation=reader["variance_inflation"].number(low=1.0, high=1e6),
            strata=strata,
            labels=labels,
        )


def profile_specs(manifest: Manifest, reference: Reference) -> dict[str, ProfileSpec]:
    """Return what devices count, by :class:`Role`; both sides of the wire use this function."""
    primary = reference.profile.spec
    prediction = tuple(column for column in primary.columns if column.subject == PREDICTION)
    latency = tuple(column for column in primary.columns if column.subject == LATENCY)
    agreement = Column(_AGREEMENT, AgreementSpec(len(manifest.classes)))
    labels = reference.labels
    return {
        Role.PRIMARY: primary,
        Role.SHADOW: ProfileSpec((*prediction, *latency, agreement)),
        Role.LABELS: (ProfileSpec(label_columns(manifest)) if labels is None else labels.spec),
    }


def prediction_columns(
    manifest: Manifest,
    *,
    values: SketchSpec | None = None,
    worths: ClassProbabilitiesSpec | None = None,
) -> tuple[Column, ...]:
    """Return how a model's predictions are counted.

    Args:
        manifest: A classifier that gives no probabilities is counted by class alone.
        values: Of a regression, the mapping of its predicted numbers.
        worths: Of a model of several classes, what their probabilities are worth, if that is
            counted.
    """
    if manifest.task in (Task.BINARY, Task.MULTICLASS):
        if manifest.output(OutputRole.PROBABILITIES) is None:
            return (Column(PREDICTION, CategoriesSpec(len(manifest.classes))),)
        spec = ProbabilitiesSpec.for_classes(
            max(len(manifest.classes), 1), threshold=manifest.threshold
        )
        specs = (spec,) if worths is None else (spec, worths)
        return tuple(Column(PREDICTION, each) for each in specs)
    if manifest.task is Task.REGRESSION:
        return (Column(PREDICTION, values or SketchSpec()), Column(PREDICTION, MomentsSpec()))
    return ()


def _profile_json(profile: Profile) -> JsonObject:
    return {"columns": profile.spec.to_json(), "state": state_to_json(profile.to_state())}


def _profile(reader: Reader) -> Profile:
    spec = ProfileSpec.from_json(reader["columns"].items())
    return spec.decode(state_from_json(reader["state"]))


def label_columns(manifest: Manifest, *, errors: SketchSpec | None = None) -> tuple[Column, ...]:
    """Return how truths are counted that arrive for predictions.

    Args:
        manifest: Of the model.
        errors: Of a regression, the mapping of its errors.
    """
    if manifest.task in (Task.BINARY, Task.MULTICLASS):
        return (Column(_LABELS, LabelsSpec(max(len(manifest.classes), 1))),)
    if manifest.task is Task.REGRESSION:
        return (Column(_ERROR, errors or SketchSpec()), Column(_ERROR, MomentsSpec()))
    return ()
