"""What a fitted scikit-learn estimator is and says, before anything is converted."""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier, is_outlier_detector, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from converters.base import Rows
from converters.batch_answers import asked_together
from converters.fitted_names import fitted_names
from converters.rows import is_frame
from converters.sklearn_more.answers import as_predictor
from converters.sklearn_more.calibrated import positive_place
from converters.table import columns_of, numbers
from edge_contract.errors import UsageError
from edge_contract.package import OutputRole, Task
from edge_contract.reading import JsonObject, JsonValue

__all__ = ["Answer", "SklearnModel"]

_MAX_PARAMETER_LENGTH: Final = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """One thing that an estimator says about rows: by which method, and what it means."""

    method: str
    role: OutputRole


@dataclass(frozen=True, slots=True)
class SklearnModel:
    """A fitted estimator.

    Attributes:
        estimator: What is turned into ONNX; without a threshold around its classifier.
        source: What the caller gave, and what the conversion must repeat.
        task: What it predicts.
        answers: What it says, in the order of the ONNX outputs.
        classes: Labels of a classifier.
        threshold: Of a binary classifier that has one.
    """

    estimator: object
    source: object
    task: Task
    answers: tuple[Answer, ...]
    classes: tuple[str | int, ...] = ()
    threshold: float | None = None

    @classmethod
    def of(cls, source: object) -> Self:
        """Describe an estimator.

        Raises:
            UsageError: It is not fitted, or predicts several things at once.
        """
        try:
            check_is_fitted(source)
        except NotFittedError as error:
            raise UsageError(f"{_name(source)} is not fitted: fit it before converting") from error
        except TypeError as error:
            raise UsageError(f"{_name(source)} is no estimator: {error}") from error
        estimator, threshold = _without_threshold(source)
        if not is_classifier(source):
            return cls(as_predictor(estimator), source, *_number_answers(source))
        if _says_several_labels(source):
            all_labels = (Answer("predict", OutputRole.OTHER),)
            return cls(as_predictor(estimator), source, Task.OTHER, all_labels)
        classes = _classes(source)
        answers = [Answer("predict", OutputRole.LABEL)]
        if _has_probabilities(source):
            answers.append(Answer("predict_proba", OutputRole.PROBABILITIES))
        task = Task.BINARY if len(classes) == 2 else Task.MULTICLASS
        return cls(as_predictor(estimator), source, task, tuple(answers), classes, threshold)

    def aligned(self, rows: Rows) -> Rows:
        """Return ``rows`` with the columns that the estimator was fitted on, in its order.

        Raises:
            UsageError: Columns are missing, unknown, or of the wrong number.
        """
        names = fitted_names(self.source)
        expected = getattr(self.source, "n_features_in_", None) or None  # a loaded one may say 0
        found = [column.name for column in columns_of(rows)]
        if is_frame(rows) and names is not None:
            spelt = {name.replace(" ", "_"): name for name in found}  # as LightGBM does
            if set(names) == set(spelt) and len(spelt) == len(found):
                return rows[[spelt[name] for name in names]]
            _require_same_columns(found, names, model=_name(self.source))
            return rows[list(names)]
        if expected is not None and len(found) != expected:
            raise UsageError(
                f"{_name(self.source)} was fitted on {expected} columns, X has {len(found)}: "
                "give rows like those that it was fitted on"
            )
        return rows if names is None else _named(rows, names)

    def as_seen(self, rows: Rows) -> Self:
        """Return the description, corrected where it shows in the answers about some rows.

        Several classifiers say more than one label, if they were fitted on indicators of several,
        and do not tell otherwise.
        """
        try:
            labels = self.say(rows)[0]
        except ValueError:  # the parity check asks again, and says so
            return self
        if not self.classes or labels.ndim < 2 or labels.shape[1] == 1:
            return self
        answers = (Answer("predict", OutputRole.OTHER),)
        return replace(self, task=Task.OTHER, answers=answers, classes=(), threshold=None)

    def say(self, rows: Rows) -> list[NDArray[np.generic]]:
        """Return every answer about rows.

        Raises:
            ValueError: The estimator does not accept them.
        """
        if is_frame(rows) and fitted_names(self.source) is None:
            columns = columns_of(rows)
            if any(column.is_text for column in columns):
                rows = rows.to_numpy(dtype=object)
            else:
                rows = np.column_stack([numbers(rows, i) for i in range(len(columns))])
        try:
            parts = [self._said(some) for some in asked_together(self.source, rows)]
        except Exception as error:  # estimators of all authors raise all kinds
            first = str(error).strip().partition("\n")[0]
            raise ValueError(f"{type(error).__name__}: {first}") from error
        return (
            parts[0] if len(parts) == 1 else [np.concatenate(it) for it in zip(*parts, strict=True)]
        )

    def _said(self, rows: Rows) -> list[NDArray[np.generic]]:
        # a copy each: with copy=False, estimators write into what they are given
        said = [getattr(self.source, it.method)(copy.copy(rows)) for it in self.answers]
        return [
            _in_range(np.asarray(it.toarray() if hasattr(it, "toarray") else it)) for it in said
        ]

    @property
    def parameters(self) -> JsonObject:
        """Settings that are plain values, those of nested steps included."""
        get_params = getattr(self.source, "get_params", dict)
        found = {str(key): _plain(value) for key, value in sorted(get_params().items())}
        return {key: value for key, value in found.items() if value is not None}


def _in_range(said: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return answers with infinity for numbers beyond float32, the element type of outputs."""
    if said.dtype != np.float64:
        return said
    numbers = said.astype(np.float64)
    beyond = np.isfinite(numbers) & (np.abs(numbers) > np.finfo(np.float32).max)
    return np.where(beyond, np.copysign(np.inf, numbers), numbers) if beyond.any() else said


def _has_probabilities(source: object) -> bool:
    """Whether a classifier has probabilities; one of Gaussian processes may have none to give."""
    if isinstance(source, GaussianProcessClassifier):
        return bool(source.n_classes_ == 2 or source.multi_class != "one_vs_one")
    if isinstance(source, Pipeline) and source.steps:
        return hasattr(source, "predict_proba") and _has_probabilities(source.steps[-1][1])
    if isinstance(source, BaseSearchCV):
        return hasattr(source, "predict_proba") and _has_probabilities(source.best_estimator_)
    return hasattr(source, "predict_proba")


def _number_answers(source: object) -> tuple[Task, tuple[Answer, ...]]:
    """Return the task and answers of an estimator that is no classifier."""
    if is_regressor(source):
        return Task.REGRESSION, (Answer("predict", OutputRole.VALUE),)
    methods = ["predict"] if hasattr(source, "predict") else ["transform"]
    if is_outlier_detector(source):
        methods.append("decision_function")
    if not hasattr(source, methods[0]):
        raise UsageError(f"{_name(source)} can neither predict nor transform")
    return Task.OTHER, tuple(Answer(method, OutputRole.OTHER) for method in methods)


def _without_threshold(source: object) -> tuple[object, float | None]:
    """Return the classifier inside a threshold and that threshold; also at a pipeline's end."""
    if isinstance(source, Pipeline) and source.steps:
        name, last = source.steps[-1]
        inner, threshold = _without_threshold(last)
        if threshold is None:
            return source, None
        return Pipeline([*source.steps[:-1], (name, inner)]), threshold
    if isinstance(source, BaseSearchCV) and hasattr(source, "best_estimator_"):
        inner, threshold = _without_threshold(source.best_estimator_)
        return (source, None) if threshold is None else (inner, threshold)
    if not isinstance(source, FixedThresholdClassifier | TunedThresholdClassifierCV):
        return source, None
    inner = getattr(source, "estimator_", source.estimator)
    uses_scores = source.response_method == "decision_function"
    if uses_scores or not hasattr(inner, "predict_proba") or not positive_place(source):
        return source, None  # a manifest's threshold is of the second class's probability
    found = getattr(source, "best_threshold_", getattr(source, "threshold", "auto"))
    return inner, 0.5 if found == "auto" else float(np.float32(found))


def _says_several_labels(source: object) -> bool:
    found = getattr(source, "classes_", None)
    return isinstance(found, list) or (isinstance(found, np.ndarray) and found.ndim != 1)


def _classes(source: object) -> tuple[str | int, ...]:
    found = getattr(source, "classes_", None)
    if not isinstance(found, np.ndarray) or found.ndim != 1:
        raise UsageError(f"{_name(source)} does not know its classes: fit it on labels")
    return tuple(_class(value, source) for value in found.tolist())


def _class(value: object, source: object) -> str | int:
    match value:
        case str():
            return value
        case bool() | int():
            return int(value)
        case float() if value.is_integer():
            return int(value)
        case _:
            raise UsageError(
                f"{_name(source)} has the class {value!r}: use whole numbers or texts as labels"
            )


def _require_same_columns(found: Sequence[str], expected: Sequence[str], *, model: str) -> None:
    missing = [name for name in expected if name not in found]
    unknown = [name for name in found if name not in expected]
    if missing or unknown:
        raise UsageError(
            f"X does not have the columns that {model} was fitted on: "
            f"missing {missing or 'none'}, not known to it {unknown or 'none'}"
        )


def _named(rows: Rows, names: Sequence[str]) -> Rows:
    try:
        import pandas as pd
    except ImportError as error:
        raise UsageError(
            f"the model was fitted on named columns ({', '.join(names[:3])}, ...): "
            "install pandas and give X as a DataFrame"
        ) from error
    return pd.DataFrame(rows, columns=list(names))


def _plain(value: object) -> JsonValue:
    """Return a value that JSON can hold, or ``None`` for one that says nothing in a manifest."""
    match value:
        case bool() | int():
            return value
        case str():
            return value[:_MAX_PARAMETER_LENGTH]
        case float():
            return value if math.isfinite(value) else str(value)
        case np.bool_() | np.integer() | np.floating():
            return _plain(value.item())
        case tuple() | list() if len(value) <= 16:
            items = [_plain(item) for item in value]
            return None if any(item is None for item in items) else items
        case _:
            return None


def _name(source: object) -> str:
    return type(source).__name__
