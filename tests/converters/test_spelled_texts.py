"""Texts that are spelled otherwise before they are counted: accents, capitals, hashes of words."""

from typing import Final

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
    strip_accents_unicode,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from edge_contract.errors import UsageError
from tests.converters.helpers import Labels, quietly_converted, says

_TEXTS: Final = np.array(
    [
        "Caf\u00e9 au lait na\u00efve",
        "\u00dcBER stra\u00dfe",
        "El Ni\u00f1o ma\u00f1ana",
        "\ufb01ne \u00bd cup \u2116 5",
        "\ud55c\uad6d\uc5b4 test",
        "plain words",
        "\u0130stanbul",
    ]
    * 3,
    dtype=object,
)
_UNSEEN: Final = np.array(
    [
        "CAFE caf\u00e9 cafe\u0301 caf",
        "NA\u00cfVE Na\u00efve",
        "",
        "  ",
        "\u00bdcup FINE \ufb01ne No5",
        "\ud55c\uad6d\uc5b4\ud55c",
        "ISTANBUL \u0130STANBUL",
        "\u213b a\x00b",
        "ni\u00f1o\U0001f600manana",
        "x" * 300 + " caf\u00e9",
        "\uff23\uff21\uff26\uff25 \u5c4b stra\u00dfe STRASSE",
    ],
    dtype=object,
)
_GREEK: Final = np.array(
    [
        "\u03bf\u03b4\u03cc\u03c2 \u03ba\u03b1\u03bb\u03ac",
        "\u03bf\u03b4\u03bf\u03c2 \u03c3 \u03b1\u03c2'\u03b1",
    ]
    * 3,
    dtype=object,
)
_GREEK_CAPITALS: Final = np.array(
    [
        "\u039f\u0394\u039f\u03a3 \u03a3 \u039f\u0394\u039f\u03a3.",
        "\u0391\u03a3'\u0391 \u0391\u03a3\u0301 \u0391\u03a3\u0301\u0392",
    ],
    dtype=object,
)
_RUSSIAN: Final = "\u0437\u0434\u0440\u0430\u0432\u0441\u0442\u0432\u0443\u0439\u0442\u0435"
_SETTINGS: Final[tuple[dict[str, object], ...]] = (
    {"strip_accents": "ascii", "ngram_range": (1, 2), "stop_words": ["cafe"]},
    {"strip_accents": "ascii", "analyzer": "char", "ngram_range": (1, 3)},
    {"strip_accents": "unicode", "lowercase": False, "token_pattern": r"\S+"},
    {"strip_accents": "unicode", "analyzer": "char_wb", "ngram_range": (2, 3)},
)


def said_of(model: BaseEstimator, texts: Labels, unseen: Labels) -> Labels:
    package = quietly_converted(model, texts)
    (found,) = says(package, {"X": unseen.reshape(-1, 1)}).values()
    return found


@pytest.mark.parametrize("settings", _SETTINGS, ids=str)
def test_letters_lose_their_accents(settings: dict[str, object]) -> None:
    model = CountVectorizer(**settings).fit(_TEXTS)

    found = said_of(model, _TEXTS[:7], _UNSEEN)

    assert found.tolist() == model.transform(_UNSEEN).toarray().tolist()


def test_accents_are_stripped_by_the_function_of_scikit_learn_itself_too() -> None:
    model = TfidfVectorizer(strip_accents=strip_accents_unicode).fit(_TEXTS)

    found = said_of(model, _TEXTS[:7], _UNSEEN)

    assert found == pytest.approx(model.transform(_UNSEEN).toarray(), rel=1e-5)


@pytest.mark.parametrize(
    "settings",
    [{}, {"analyzer": "char", "ngram_range": (1, 3)}, {"strip_accents": "unicode"}],
    ids=str,
)
def test_a_capital_sigma_becomes_small_by_its_place(settings: dict[str, object]) -> None:
    model = CountVectorizer(**settings).fit(_GREEK)

    found = said_of(model, _GREEK, _GREEK_CAPITALS)

    assert found.tolist() == model.transform(_GREEK_CAPITALS).toarray().tolist()


def test_long_words_of_other_alphabets_count_in_capitals() -> None:
    texts = np.array(
        ["\u0437\u0434\u0440\u0430\u0432\u0441\u0442\u0432\u0443\u0439\u0442\u0435"] * 3,
        dtype=object,
    )
    unseen = np.array([texts[0].upper(), texts[0].title(), texts[0] + "!", "other"], dtype=object)

    found = said_of(CountVectorizer().fit(texts), texts, np.array(unseen, dtype=object))

    assert found.tolist() == [[1], [1], [1], [0]]


@pytest.mark.parametrize(
    "settings",
    [
        {"ngram_range": (1, 2), "stop_words": ["au", "\u00fcber"]},
        {"norm": "l1", "alternate_sign": False, "ngram_range": (2, 3)},
        {"norm": None, "binary": True, "strip_accents": "unicode"},
        {"lowercase": False, "token_pattern": r"\w+", "n_features": 7},
    ],
    ids=str,
)
def test_words_are_counted_by_their_hashes(settings: dict[str, object]) -> None:
    model = HashingVectorizer(**({"n_features": 64} | settings))
    unseen = np.concatenate([_UNSEEN, _GREEK_CAPITALS])

    found = said_of(model.fit(_TEXTS), _TEXTS[:7], unseen)

    assert found == pytest.approx(model.transform(unseen).toarray(), rel=1e-5)


def test_hashes_of_words_come_before_a_classifier() -> None:
    words = HashingVectorizer(n_features=128, alternate_sign=False, norm=None)
    model = make_pipeline(words, TfidfTransformer(), LogisticRegression())
    model.fit(_TEXTS, np.arange(len(_TEXTS)) % 7 % 2)

    package = quietly_converted(model, _TEXTS)

    found = says(package, {"X": _UNSEEN.reshape(-1, 1)})
    assert found["probabilities"] == pytest.approx(model.predict_proba(_UNSEEN), abs=1e-5)
    assert package.manifest.artifacts[0].opsets["com.microsoft"] == 1


def test_texts_are_joined_by_an_operator_set_that_can() -> None:
    plain, joined = CountVectorizer(), CountVectorizer(strip_accents="ascii")

    packages = [quietly_converted(it.fit(_TEXTS), _TEXTS[:5]) for it in (plain, joined)]

    assert [it.manifest.artifacts[0].opsets[""] for it in packages] == [18, 20]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"n_features": 2**17}, "fit it with n_features=65536 or fewer"),
        ({"n_features": 64, "analyzer": "char"}, "CountVectorizer or TfidfVectorizer"),
        ({"n_features": 64, "token_pattern": r"[^ ]+"}, "token_pattern"),
        ({"n_features": 64, "preprocessor": str.upper}, "change the texts before the model"),
    ],
    ids=str,
)
def test_hashes_that_a_device_cannot_make_are_refused(
    settings: dict[str, object], reason: str
) -> None:
    with pytest.raises(UsageError, match=reason):
        quietly_converted(HashingVectorizer(**settings), _TEXTS)
