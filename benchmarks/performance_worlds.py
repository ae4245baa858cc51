"""Worlds in which models are asked how good they are: what a model says, and what is true."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_digits, make_classification
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

__all__ = ["CLASSIFIERS", "REGRESSIONS", "ClassifierWorld", "RegressionWorld", "Said"]

Numbers: TypeAlias = NDArray[np.float64]
Classes: TypeAlias = NDArray[np.int64]
Said: TypeAlias = tuple[NDArray[np.float32], Classes]
"""Probabilities of rows, and their true classes."""

_SHIFTS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class ClassifierWorld:
    """What a classifier says of rows, and what is true of them.

    Attributes:
        name: For people.
        reference: Held-out rows.
        live: Chunks of rows, drifting more and more.
    """

    name: str
    reference: Said
    live: Sequence[Said]


@dataclass(frozen=True)
class RegressionWorld:
    """What a regression says of rows: inputs, predictions, truths."""

    name: str
    reference: tuple[Numbers, Numbers, Numbers]
    live: Sequence[tuple[Numbers, Numbers, Numbers]]


def boosted(rng: np.random.Generator, rows: int, chunk: int) -> ClassifierWorld:
    """Two classes, and boosted trees whose probabilities are too extreme."""

    def world(count: int, shift: float) -> tuple[Numbers, Classes]:
        x = rng.normal(size=(count, 6))
        x[:, 0] += shift
        x[:, 1] += shift / 2
        odds = 1.2 * x[:, 0] - 0.8 * x[:, 1] + 0.6 * x[:, 0] * x[:, 2] + 0.3 * x[:, 3] - 0.5
        return x, (rng.random(count) < 1 / (1 + np.exp(-odds))).astype(np.int64)

    model = HistGradientBoostingClassifier(max_iter=60, random_state=0).fit(
        *world(min(rows, 10_000), 0.0)
    )

    def said(count: int, shift: float) -> Said:
        x, classes = world(count, shift)
        return _sharpened(model.predict_proba(x), 1.8), classes

    return _drifting("two classes, boosted trees", said, rows, chunk)


def tumours(rng: np.random.Generator, rows: int, chunk: int) -> ClassifierWorld:
    """Breast cancer, as scikit-learn has it: rows drawn again with the noise of measuring."""
    x, y = load_breast_cancer(return_X_y=True)
    order = rng.permutation(len(x))
    train, rest = order[:150], order[150:]
    model = make_pipeline(StandardScaler(), LogisticRegression(C=100.0, max_iter=2000))
    model.fit(x[train], y[train])

    def said(count: int, shift: float) -> Said:
        chosen = rng.choice(rest, count)
        noise = (0.3 + 0.5 * shift) * x.std(axis=0) * rng.normal(size=(count, x.shape[1]))
        return _sharpened(model.predict_proba(x[chosen] + noise), 1.0), y[chosen].astype(np.int64)

    return _drifting("breast cancer, logistic regression", said, rows, chunk)


def four_classes(rng: np.random.Generator, rows: int, chunk: int) -> ClassifierWorld:
    """Four classes of scikit-learn's maker; live rows come more and more from one side."""
    x, y = make_classification(
        n_samples=5000 + 3 * rows,
        n_features=12,
        n_informative=8,
        n_classes=4,
        n_clusters_per_class=2,
        class_sep=0.8,
        random_state=int(rng.integers(2**31)),
    )
    model = RandomForestClassifier(50, min_samples_leaf=8, random_state=0, n_jobs=1)
    model.fit(x[:5000], y[:5000])
    rest = np.arange(5000, len(x))
    side = (x[rest, 0] - x[rest, 0].mean()) / x[rest, 0].std()

    def said(count: int, shift: float) -> Said:
        weights = np.exp(1.5 * shift * side)
        chosen = rng.choice(rest, count, p=weights / weights.sum())
        return _sharpened(model.predict_proba(x[chosen]), 1.5), y[chosen].astype(np.int64)

    return _drifting("four classes, random forest", said, rows, chunk)


def digits(rng: np.random.Generator, rows: int, chunk: int) -> ClassifierWorld:
    """Handwritten digits, as scikit-learn has them: through dirtier and dirtier lenses."""
    images, y = load_digits(return_X_y=True)
    order = rng.permutation(len(images))
    train, rest = order[:600], order[600:]

    def seen(chosen: NDArray[np.intp], noise: float) -> Numbers:
        clean: Numbers = images[chosen]
        return clean + noise * rng.normal(size=clean.shape)

    model = make_pipeline(StandardScaler(), LogisticRegression(C=10.0, max_iter=300))
    model.fit(seen(train, 2.0), y[train])

    def said(count: int, shift: float) -> Said:
        chosen = rng.choice(rest, count)
        probabilities = model.predict_proba(seen(chosen, 2.0 + 2.0 * shift))
        return _sharpened(probabilities, 1.0), y[chosen].astype(np.int64)

    return _drifting("digits, logistic regression", said, rows, chunk)


def regression(
    name: str, noise: Callable[[Numbers], Numbers], *, curved: float = 0.0
) -> Callable[[np.random.Generator, int, int], RegressionWorld]:
    """A linear model of something that is less certain, or less linear, in some places."""

    def world(rng: np.random.Generator, rows: int, chunk: int) -> RegressionWorld:
        def drawn(count: int, shift: float) -> tuple[Numbers, Numbers]:
            x = rng.normal(size=(count, 6))
            x[:, 0] += shift
            x[:, 1] += shift / 2
            y = 2 * x[:, 0] - x[:, 1] + np.sin(2 * x[:, 2]) + curved * x[:, 0] ** 2
            return x, y + noise(x) * rng.normal(size=count)

        model = LinearRegression().fit(*drawn(5000, 0.0))

        def said(count: int, shift: float) -> tuple[Numbers, Numbers, Numbers]:
            x, y = drawn(count, shift)
            return x, model.predict(x), y

        return RegressionWorld(name, said(rows, 0.0), [said(chunk, s) for s in _SHIFTS])

    return world


def _drifting(
    name: str, said: Callable[[int, float], Said], rows: int, chunk: int
) -> ClassifierWorld:
    return ClassifierWorld(name, said(rows, 0.0), [said(chunk, shift) for shift in _SHIFTS])


def _sharpened(probabilities: Numbers, power: float) -> NDArray[np.float32]:
    """Return probabilities that are surer of themselves, and still add up to 1."""
    sharp = np.clip(probabilities, 1e-9, 1.0) ** power
    even: NDArray[np.float32] = (sharp / sharp.sum(axis=1, keepdims=True)).astype(np.float32)
    return even


CLASSIFIERS: Final = (boosted, four_classes, tumours, digits)
REGRESSIONS: Final = (
    regression("noise by one input", lambda x: 0.3 + np.abs(x[:, 0])),
    regression("a curve missed", lambda x: np.full(len(x), 0.5), curved=1.0),
    regression("noise by two inputs", lambda x: 0.3 + np.exp(0.5 * x[:, 0]) + np.abs(x[:, 1])),
    regression("noise by a product", lambda x: 0.3 + np.abs(x[:, 0] * x[:, 1])),
)
