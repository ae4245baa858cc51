import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.adapters.outputs import Decoded
from edge_agent.prediction import Answer, Origin, Prediction, parse_id
from edge_contract.errors import UsageError

DIGEST = "sha256:" + "0123456789abcdef" * 4


def prediction(*pairs: tuple[float, float], digest: str = DIGEST) -> Prediction:
    """Predictions of these classes with these scores."""
    classes = np.array([pair[0] for pair in pairs], np.float32)
    scores = np.array([pair[1] for pair in pairs], np.float32)
    labels = classes.astype(np.int64)
    answer = Answer(Decoded(labels, None, None, classes, scores))
    return Prediction(answer, Origin("gate@1", digest))


def test_the_identifier_of_a_call_says_package_classes_and_scores() -> None:
    parsed = parse_id(prediction((1.0, 0.5), (0.0, 0.75)).id)

    assert parsed.package == "sha256:0123456789ab"
    assert parsed.classes.tolist() == [1.0, 0.0]
    assert parsed.scores.tolist() == [0.5, 0.75]


def test_identifiers_of_rows_are_those_of_the_call_one_by_one() -> None:
    call = prediction((1.0, 0.5), (0.0, 0.75))

    whole, first, second = parse_id(call.id), *map(parse_id, call.ids)

    assert len(call) == 2
    assert (first.number, second.number) == (whole.number, whole.number + 1)
    assert (first.classes.tolist(), second.scores.tolist()) == ([1.0], [0.75])


def test_every_call_has_a_number_of_its_own_and_keeps_it() -> None:
    calls = [prediction((1.0, 0.5)) for _ in range(100)]
    assert len({parse_id(call.id).number for call in calls}) == 100
    assert calls[0].id == calls[0].id


@given(st.lists(st.tuples(st.floats(width=32), st.floats(width=32)), min_size=1, max_size=20))
def test_any_number_survives_in_an_identifier(pairs: list[tuple[float, float]]) -> None:
    call = prediction(*[(0.0, score) for _, score in pairs])
    assert np.array_equal(parse_id(call.id).scores, [score for _, score in pairs], equal_nan=True)


@pytest.mark.parametrize("length", [0, 5, 12, 13, 14, 20, 40])
def test_an_identifier_that_is_cut_off_is_refused(length: int) -> None:
    with pytest.raises(UsageError, match="is no prediction id"):
        parse_id(prediction((1.0, 0.5), (0.0, 0.75)).id[:length])


@given(place=st.integers(0, 44), letter=st.sampled_from("09afAZ-_"))
def test_an_identifier_with_another_letter_is_refused_or_says_the_same(
    place: int, letter: str
) -> None:
    name = prediction((1.0, 0.5)).id
    changed = name[:place] + letter + name[place + 1 :]
    body, _, changed_body = name[13:], *changed.partition(".")[1:]
    if changed.count(".") == 1 and changed[:13] == name[:13] and same_bytes(body, changed_body):
        assert parse_id(changed).scores.tolist() == [0.5]  # only in bits that stand for nothing
    else:
        with pytest.raises(UsageError, match="is no prediction id"):
            parse_id(changed)


def same_bytes(one: str, other: str) -> bool:
    return base64.urlsafe_b64decode(one + "==") == base64.urlsafe_b64decode(other + "==")


@pytest.mark.parametrize("text", ["", ".", "no id", "0123456789ab.", "0123456789ab.é", "\ud800.AA"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no prediction id"):
        parse_id(text)


def test_a_prediction_itself_is_no_identifier() -> None:
    with pytest.raises(UsageError, match=r"is no prediction id: give prediction\.id"):
        parse_id(prediction((1.0, 0.5)))  # type: ignore[arg-type]


def test_a_prediction_shows_its_answer_and_who_gave_it() -> None:
    assert repr(prediction((1.0, 0.5))) == "Prediction(array([1]), model='gate@1')"
