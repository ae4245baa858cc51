"""Every estimator of scikit-learn that predicts or transforms, fitted on small data."""

import inspect
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_regressor
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import all_estimators
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

__all__ = ["Case", "Data", "cases", "names"]

Array = NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class Data:
    """What an estimator is fitted on, and rows that it has not seen."""

    train: object
    labels: object
    held_out: object

    @property
    def is_numbers(self) -> bool:
        """Whether the rows are a matrix of floating-point numbers."""
        return isinstance(self.held_out, np.ndarray) and self.held_out.dtype.kind == "f"


@dataclass(frozen=True, slots=True)
class Case:
    """A fitted estimator with its data; or why it could not be fitted."""

    name: str
    model: object
    data: Data
    problem: str = ""


_BINARY: Final = {"FixedThresholdClassifier", "TunedThresholdClassifierCV"}
_COUNTS: Final = {"TfidfTransformer", "CategoricalNB", "OneHotEncoder", "OrdinalEncoder"} | {
    "TargetEncoder"
}
_NON_NEGATIVE: Final = {"AdditiveChi2Sampler", "SkewedChi2Sampler", "ComplementNB"} | {
    *("MultinomialNB", "NMF", "MiniBatchNMF", "LatentDirichletAllocation", "BernoulliRBM"),
}
_SEARCHES: Final = {"NMF", "MiniBatchNMF", "LatentDirichletAllocation"}
"""Given float64 at any rate: rounded to float32, their sources depend on the machine, too."""
_SEVERAL_LABELS: Final = {"ClassifierChain", "MultiOutputClassifier"}
_SEVERAL_VALUES: Final = {"CCA", "PLSCanonical", "PLSRegression", "PLSSVD", "RegressorChain"} | {
    *("MultiOutputRegressor", "MultiTaskElasticNet", "MultiTaskElasticNetCV"),
    *("MultiTaskLasso", "MultiTaskLassoCV"),
}
_MARKED: Final = {"MissingIndicator", "SimpleImputer"}
"""Given rows in which -999.1, which is no float32, means a missing value."""
_TEXT: Final = {"CountVectorizer", "HashingVectorizer", "TfidfVectorizer"}
_DICTS: Final = {"DictVectorizer", "FeatureHasher"}

_SETTINGS: Final[dict[str, dict[str, object]]] = {
    "AffinityPropagation": {"damping": 0.9},
    "BernoulliRBM": {"n_components": 3, "n_iter": 3},
    "CCA": {"n_components": 2},
    "DictionaryLearning": {"n_components": 3, "max_iter": 5},
    "FactorAnalysis": {"n_components": 2},
    "FeatureAgglomeration": {"n_clusters": 2},
    "GaussianRandomProjection": {"n_components": 2},
    "GenericUnivariateSelect": {"mode": "k_best", "param": 2},
    "GridSearchCV": {"param_grid": {"C": [0.1, 1.0]}},
    "HashingVectorizer": {"n_features": 1024},
    "IncrementalPCA": {"n_components": 2},
    "KBinsDiscretizer": {"n_bins": 4, "quantile_method": "averaged_inverted_cdf"},
    "KernelPCA": {"n_components": 2, "kernel": "rbf"},
    "LocalOutlierFactor": {"novelty": True},
    "LocallyLinearEmbedding": {"n_components": 2},
    "MLPClassifier": {"hidden_layer_sizes": (8,)},
    "MLPRegressor": {"hidden_layer_sizes": (8,)},
    "MiniBatchDictionaryLearning": {"n_components": 3, "max_iter": 5},
    "MissingIndicator": {"features": "all", "missing_values": -999.1},
    "NMF": {"n_components": 2, "init": "nndsvda"},
    "MiniBatchNMF": {"n_components": 2, "init": "nndsvda"},
    "Nystroem": {"n_components": 20},
    "PCA": {"n_components": 2},
    "PLSCanonical": {"n_components": 2},
    "PLSSVD": {"n_components": 2},
    "QuantileTransformer": {"n_quantiles": 50},
    "RBFSampler": {"n_components": 12},
    "RadiusNeighborsClassifier": {"radius": 4.0},
    "RadiusNeighborsRegressor": {"radius": 2.0},
    "RandomizedSearchCV": {"param_distributions": {"C": [0.1, 1.0]}, "n_iter": 2},
    "SelectKBest": {"k": 2},
    "SequentialFeatureSelector": {"n_features_to_select": 2},
    "SimpleImputer": {"missing_values": -999.1},
    "SkewedChi2Sampler": {"n_components": 12},
    "SparseCoder": {"dictionary": np.eye(4)},
    "SparseRandomProjection": {"n_components": 2},
    "VotingClassifier": {"voting": "soft"},
}
_SMALLER: Final[dict[str, int]] = {"n_estimators": 12, "max_iter": 300, "random_state": 0}
"""Given to every estimator that knows them; ``max_iter`` only where its default is larger."""

_SENTENCES: Final = (
    "the cat sat on the mat",
    "a dog ate my homework, again",
    "cats and dogs live here",
    "no more text please!",
    "The dog's here: it sat at the caf\u00e9",
)


def names() -> list[str]:
    """Return the names of all estimators that predict or transform."""
    return [
        name
        for name, kind in all_estimators()
        if hasattr(kind, "predict") or hasattr(kind, "transform")
    ]


def cases(*, kind: str, offset: float = 0.0, only: frozenset[str] | None = None) -> Iterator[Case]:
    """Yield fitted estimators.

    Args:
        kind: ``float32`` or ``float64``, of rows that are numbers.
        offset: Added to numbers where no estimator needs them small; a power of two keeps them
            exact.
        only: Names; all if ``None``.
    """
    for name, estimator in all_estimators():
        if name in names() and (only is None or name in only):
            yield _fitted(name, estimator, kind, offset)


def _fitted(name: str, estimator: type, kind: str, offset: float) -> Case:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = _made(name, estimator)
    data = _data(name, model, kind, offset)
    try:
        with warnings.catch_warnings(), threadpool_limits(1):  # rows are few, threads cost time
            warnings.simplefilter("ignore")
            if data.labels is None:
                model.fit(data.train)
            else:
                model.fit(data.train, data.labels)
    except Exception as error:  # noqa: BLE001  some cannot be fitted on such data; said by name
        return Case(name, model, data, f"cannot be fitted: {str(error).splitlines()[0]}")
    return Case(name, model, data)


def _made(name: str, estimator: Callable[..., "Pipeline"]) -> "Pipeline":
    known = inspect.signature(estimator).parameters
    if name == "ColumnTransformer":
        return ColumnTransformer([("a", StandardScaler(), [0, 1]), ("b", MinMaxScaler(), [2, 3])])
    if name == "FeatureUnion":
        return FeatureUnion([("a", StandardScaler()), ("b", MinMaxScaler())])
    if name == "Pipeline":
        return Pipeline([("a", StandardScaler()), ("b", LogisticRegression())])
    settings: dict[str, object] = {
        key: value
        for key, value in _SMALLER.items()
        if key in known and (key == "random_state" or (known[key].default or 0) > value)
    }
    regresses = "Regressor" in name
    if "estimators" in known:
        settings["estimators"] = (
            [("a", Ridge()), ("b", DecisionTreeRegressor(max_depth=3))]
            if regresses
            else [("a", LogisticRegression()), ("b", DecisionTreeClassifier(max_depth=3))]
        )
    inner = known.get("estimator")
    if inner is not None and (inner.default is inspect.Parameter.empty or name.startswith("Self")):
        settings["estimator"] = Ridge() if regresses else LogisticRegression(max_iter=400)
    return estimator(**settings | _SETTINGS.get(name, {}))


def _data(name: str, model: object, kind: str, offset: float) -> Data:
    special = _special(name)
    if special is not None:
        return special
    rng = np.random.default_rng(0)
    if is_regressor(model) or name in _SEVERAL_VALUES:
        rows, labels = load_diabetes(return_X_y=True)
        rows, labels = rows[:, [2, 3, 8, 9]] * 20, labels / 50
    else:
        rows, labels = load_iris(return_X_y=True)
        rows = rows + rng.uniform(-0.04, 0.04, rows.shape)
    order = rng.permutation(len(rows))[:180]
    rows = _suitable_rows(name, rows[order], offset)
    kind = "float64" if name in _SEARCHES else kind
    rows = rows.astype(np.int64 if name in _COUNTS else kind)
    labels = _suitable_labels(name, labels[order])
    return Data(rows[:120], labels[:120], rows[120:])


def _suitable_rows(name: str, rows: NDArray[np.float64], offset: float) -> NDArray[np.float64]:
    if name in _NON_NEGATIVE:
        return np.abs(rows) / (8 if name == "BernoulliRBM" else 1)
    if name in _MARKED:
        rows = rows.copy()
        rows[np.arange(0, len(rows), 7), np.arange(0, len(rows), 7) % rows.shape[1]] = -999.1
        return rows
    if offset:
        rows = rows.astype(np.float32).astype(np.float64) + offset
    if name == "KernelCenterer":
        return rows @ rows[:120].T
    return rows[:, :1] if name == "IsotonicRegression" else rows


def _suitable_labels(name: str, labels: NDArray[np.float64]) -> Array:
    if name in _SEVERAL_VALUES:
        return np.column_stack([labels, labels[::-1]])
    if name in _SEVERAL_LABELS:
        return np.column_stack([labels > 0, labels > 1]).astype(np.int64)
    if name in _BINARY | {"SkewedChi2Sampler"}:
        return (labels > 0).astype(np.int64)
    if name == "SelfTrainingClassifier":
        return np.where(np.arange(len(labels)) % 3 == 0, -1, labels)
    return labels


def _special(name: str) -> Data | None:
    """Return data for estimators that take no matrix of numbers."""
    texts = np.array(_SENTENCES * 4, dtype=object)
    if name in _TEXT:
        return Data(texts, None, texts)
    if name in _DICTS:
        dicts = [{"a": 1.0, "b": float(number)} for number in range(10)]
        return Data(dicts, None, dicts)
    if name in {"LabelBinarizer", "LabelEncoder"}:
        labels = np.array(["no", "yes", "perhaps"] * 5, dtype=object)
        return Data(labels, None, labels)
    if name == "MultiLabelBinarizer":
        return Data([["a"], ["b", "a"], ["c"]] * 5, None, [["a"], ["c", "b"]])
    if name == "PatchExtractor":
        images = np.arange(3 * 8 * 8, dtype=np.float32).reshape(3, 8, 8)
        return Data(images, None, images)
    return None
