"""Characters count as scikit-learn counts them: with every kind of space, and in capitals."""

from typing import Final

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from tests.converters.helpers import quietly_converted, says

_TEXTS: Final = np.array(
    ["the cat", "a  dog\tran\n\nhome", "\u00c9T\u00c9 \u00fcber", "", "x", "Stra\u00dfe 3.5"] * 3,
    dtype=object,
)
_UNSEEN: Final = np.array(
    [
        *(
            "cat",
            " the\u00a0\u2003cat ",
            "\u00e9t\u00e9 \u00c9T\u00c9",
            "\t",
            "",
            "\x00",
            "a b\rc",
            "Q",
        ),
        *("\u65e5\u672c \u00dcBER", "e\u0301", "\u212a", "aa  bb   cc"),
    ],
    dtype=object,
)


@pytest.mark.parametrize("analyzer", ["char", "char_wb"])
@pytest.mark.parametrize(
    "settings",
    [
        {"ngram_range": (1, 1)},
        {"ngram_range": (1, 3), "lowercase": False},
        {"ngram_range": (2, 5), "binary": True},
        {"ngram_range": (6, 7)},
        {"ngram_range": (1, 4), "max_features": 12},
    ],
    ids=str,
)
def test_characters_count_the_same_in_texts_that_nobody_checked(
    analyzer: str, settings: dict[str, object]
) -> None:
    model = CountVectorizer(analyzer=analyzer, **settings).fit(_TEXTS)

    package = quietly_converted(model, _TEXTS[:6])

    (found,) = says(package, {"X": _UNSEEN.reshape(-1, 1)}).values()
    assert found.tolist() == model.transform(_UNSEEN).toarray().tolist()


def test_a_batch_without_any_character_counts_nothing() -> None:
    model = TfidfVectorizer(analyzer="char_wb").fit(_TEXTS)
    empty = np.array([" ", ""], dtype=object)

    package = quietly_converted(model, _TEXTS[:6])

    (found,) = says(package, {"X": empty.reshape(-1, 1)}).values()
    assert np.count_nonzero(found) == 0


def test_a_sigma_at_the_end_of_a_word_counts_in_capitals_too() -> None:
    texts = np.array(["\u03bf\u03b4\u03bf\u03c2 a", "\u039f\u0394\u039f\u03a3 b"] * 3, dtype=object)
    model = CountVectorizer().fit(texts)

    package = quietly_converted(model, texts)

    (found,) = says(package, {"X": texts.reshape(-1, 1)}).values()
    assert found.tolist() == model.transform(texts).toarray().tolist()
