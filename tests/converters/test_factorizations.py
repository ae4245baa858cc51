"""Searches that end when an answer has settled: in the same round as scikit-learn's."""

from collections.abc import Callable
from typing import Final

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.datasets import load_digits
from sklearn.decomposition import NMF, LatentDirichletAllocation, MiniBatchNMF
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from edge_contract.errors import UsageError
from tests.converters.helpers import Labels, Numbers, quietly_converted, says

pytestmark = [
    pytest.mark.filterwarnings("ignore:Maximum number of iterations"),
    pytest.mark.filterwarnings("ignore:invalid value"),  # of negative rows made up by the check
]

_ROWS: Final = load_digits().data[:, 10:40:3]
_TEXTS: Final = np.array(
    ["cat dog", "sea ship sail", "dog cat mouse", "ship wind sea sea", "rain", ""] * 5, dtype=object
)
_SEARCHES: Final[dict[str, Callable[[], BaseEstimator]]] = {
    "by coordinates": lambda: NMF(3, max_iter=300),
    "by coordinates, penalized": lambda: NMF(3, max_iter=300, alpha_W=0.05, l1_ratio=0.4),
    "by coordinates, cut short": lambda: NMF(3, max_iter=4),
    "by factors": lambda: NMF(3, solver="mu", max_iter=303),
    "by factors, of Kullback and Leibler": lambda: NMF(
        3, solver="mu", beta_loss="kullback-leibler", alpha_W=0.01
    ),
    "by factors, of few": lambda: NMF(3, solver="mu", beta_loss=0.5, max_iter=13),
    "by factors, of many": lambda: NMF(3, solver="mu", beta_loss=2.5, tol=0, max_iter=20),
    "by factors, in batches": lambda: MiniBatchNMF(3, batch_size=64),
    "by factors, in batches, of Kullback and Leibler": lambda: MiniBatchNMF(
        3, batch_size=64, beta_loss="kullback-leibler", transform_max_iter=30
    ),
    "of topics": lambda: LatentDirichletAllocation(3, random_state=0, max_iter=3),
    "of topics, cut short": lambda: LatentDirichletAllocation(
        3, random_state=0, max_iter=3, max_doc_update_iter=5, doc_topic_prior=0.01
    ),
}


def said_of(
    model: BaseEstimator,
    rows: Numbers,
) -> Labels:
    package = quietly_converted(model, _ROWS[:16])
    return says(package, {"X": rows.astype(np.float32)})["variable"]


@pytest.mark.parametrize("name", _SEARCHES)
def test_a_search_ends_as_scikit_learns_does(name: str) -> None:
    model = _SEARCHES[name]().fit(_ROWS[:400])
    package = quietly_converted(model, _ROWS[:16])

    for rows in (_ROWS[500:580], _ROWS[580:581], _ROWS[600:607] * 50, _ROWS[:3] * 0):
        found = says(package, {"X": rows.astype(np.float32)})["variable"]

        expected = model.transform(rows)
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-5 * float(expected.mean()))


def test_rows_that_it_refuses_have_no_answer_and_change_no_other() -> None:
    model = NMF(2, max_iter=300).fit(_ROWS[:200])
    rows = _ROWS[300:306].copy()
    rows[1, 0], rows[3, 2], rows[5, 4] = -1, np.nan, np.inf

    found = said_of(model, rows)

    assert np.isnan(found[1::2]).all()
    assert found[::2] == pytest.approx(model.transform(rows[::2]), rel=1e-4)


def test_more_rows_than_are_checked_at_once_are_compared_as_devices_compute_them() -> None:
    model = NMF(4, max_iter=300).fit(_ROWS[:400])

    package = quietly_converted(model, _ROWS[:1100])

    assert package.manifest.evidence.parity["rows"] == 1100


@pytest.mark.parametrize("words", [TfidfVectorizer, CountVectorizer])
@pytest.mark.parametrize("topics", [lambda: NMF(2), lambda: LatentDirichletAllocation(2)])
def test_topics_of_texts_are_found_before_a_classifier(
    words: Callable[[], BaseEstimator], topics: Callable[[], BaseEstimator]
) -> None:
    model = make_pipeline(words(), topics(), LogisticRegression())
    model.fit(_TEXTS, np.arange(len(_TEXTS)) % 6 % 2)

    package = quietly_converted(model, _TEXTS)

    unseen = np.array(["cat ship", "WIND wind dog", "nothing of it"], dtype=object)
    found = says(package, {"X": unseen.reshape(-1, 1)})
    assert found["probabilities"] == pytest.approx(model.predict_proba(unseen), abs=1e-4)


def test_a_search_in_random_order_is_refused() -> None:
    model = NMF(2, shuffle=True).fit(_ROWS[:50])

    with pytest.raises(UsageError, match="shuffle=True draws lots"):
        quietly_converted(model, _ROWS[:50])


@pytest.mark.parametrize("name", ["by coordinates", "by factors, in batches", "of topics"])
def test_a_search_that_float32_decides_is_refused(name: str) -> None:
    rows = _ROWS[:50].astype(np.float32)
    model = _SEARCHES[name]().fit(rows)

    with pytest.raises(UsageError, match=r"fit it on X\.astype\('float64'\)"):
        quietly_converted(model, rows)
