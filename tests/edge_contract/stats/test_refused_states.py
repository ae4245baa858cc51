"""States that no stream of observations can have are refused, each with its place."""

import pytest

from edge_contract.errors import MessageError
from edge_contract.stats import (
    CENTRED,
    AgreementSpec,
    CategoriesSpec,
    LabelsSpec,
    MomentsSpec,
    ProbabilitiesSpec,
    SketchSpec,
    Spec,
)

BITS = SketchSpec()
CENTRE = SketchSpec(CENTRED)
NO_GAP = [0, 0, 0.0, 0.0, 0.0, 0.0]
TWO_GAPS = [2, 0, 0.25, 0.0, 0.25, 0.25]


@pytest.mark.parametrize(
    ("spec", "state"),
    [
        (BITS, [0, 0, 0, 0, [[-4080, 4079, 2, 4079], [1, 1, 1, 1]]]),
        (CENTRE, [0, 0, 0, 0, [[-384, 384, 383], [1, 1, 2**53 - 1]]]),
        (MomentsSpec(), [2, 1, -3.5, 0.5, -4.0, -3.0]),
        (CategoriesSpec(3), [1, 2, [[0, 2], [5, 6]], [7, 8388607]]),
        (CategoriesSpec(0), [1, 0, [[], []], []]),
        (ProbabilitiesSpec.for_classes(3), [1, [[0, 0.4, [[3], [1]]], [2, 2.0, [[63], [2]]]]]),
        (LabelsSpec(2), [1, [[0, 3], [5, 6]], [[0, 2, 0.1, 0], [15, 3, 3.0, 3]]]),
        (AgreementSpec(2), [3, [[3], [2]], TWO_GAPS]),
        (AgreementSpec(0), [0, [[], []], TWO_GAPS]),
    ],
)
def test_the_states_that_are_changed_below_are_right(spec: Spec, state: object) -> None:
    assert spec.decode(state).to_state() == state


@pytest.mark.parametrize(
    ("spec", "state", "why"),
    [
        (BITS, [-1, 0, 0, 0, [[], []]], r"sketch\[0\] is -1, expected a whole number from 0"),
        (BITS, [0, -1, 0, 0, [[], []]], r"sketch\[1\] is -1"),
        (BITS, [0, 0, -1, 0, [[], []]], r"sketch\[2\] is -1"),
        (BITS, [0, 0, 0, -1, [[], []]], r"sketch\[3\] is -1"),
        (BITS, [0, 0, 0, 0, [[5], [-1]]], r"sketch\[4\]\[1\] is \[-1\]"),
        (BITS, [0, 0, 0, 0, [[5], [0]]], r"sketch\[4\]\[1\] is \[0\]"),
        (BITS, [0, 0, 0, 0, [[5], []]], "expected rising keys and one count for each"),
        (BITS, [0, 0, 0, 0, [[5, 0], [1, 1]]], "expected rising keys"),
        (BITS, [0, 0, 0, 0, [[5, -1], [1, 1]]], "expected rising keys"),
        (BITS, [0, 0, 0, 0, [[4081], [1]]], "expected keys from -4080 to 4080"),
        (BITS, [0, 0, 0, 0, [[-4081], [1]]], "whole numbers from -4080"),
        (BITS, [0, 0, 0, 0, [[0], [1]]], "no bucket 0, because zeros are counted apart"),
        (BITS, [0, 0, 0, 0, [[-1, 1], [1, 1]]], "no bucket 0"),
        (BITS, [0, 0, 0, 0, {"5": 1}], r"sketch\[4\] is \{'5': 1\}, expected a list"),
        (BITS, [0, 0, 0, 0], r"sketch\[4\] is missing"),
        (CENTRE, [0, 0, 0, 0, [[384], [1]]], "expected keys from -384 to 383"),
        (CENTRE, [0, 0, 0, 0, [[-385], [1]]], "whole numbers from -384"),
        (MomentsSpec(), [-1, 0, 0.0, 0.0, 0.0, 0.0], r"moments\[0\] is -1"),
        (MomentsSpec(), [1, -1, 0.0, 0.0, 0.0, 0.0], r"moments\[1\] is -1"),
        (MomentsSpec(), [1, 0, 4e38, 0.0, 0.0, 0.0], r"moments\[2\] is 4e\+38"),
        (MomentsSpec(), [1, 0, 0.0, -0.5, 0.0, 0.0], r"moments\[3\] is -0\.5"),
        (MomentsSpec(), [1, 0, 0.0, 0.0, 1.0, 0.5], "a lowest value that is not above the highest"),
        (MomentsSpec(), [0, 3, 1.0, 0.0, 0.0, 0.0], "zeros where there is no finite value"),
        (MomentsSpec(), [0, 3, 0.0, 1.0, 0.0, 0.0], "zeros where there is no finite value"),
        (MomentsSpec(), [0, 3, 0.0, 0.0, 1.0, 1.0], "zeros where there is no finite value"),
        (CategoriesSpec(3), [-1, 0, [[], []], []], r"categories\[0\] is -1"),
        (CategoriesSpec(3), [0, -1, [[], []], []], r"categories\[1\] is -1"),
        (CategoriesSpec(3), [0, 0, [[3], [1]], []], "expected keys from 0 to 2"),
        (CategoriesSpec(3), [0, 0, [[-1], [1]], []], "whole numbers from 0"),
        (CategoriesSpec(0), [0, 0, [[0], [1]], []], "a list of at most 0 whole numbers"),
        (CategoriesSpec(3), [0, 1, [[], []], [4, 5]], r"categories\[1\] is 1, .* from 2"),
        (CategoriesSpec(3), [0, 2, [[], []], [5, 4]], "rising hashes below 8388608"),
        (CategoriesSpec(3), [0, 2, [[], []], [4, 4]], "rising hashes"),
        (CategoriesSpec(3), [0, 1, [[], []], [8388608]], "rising hashes below 8388608"),
        (CategoriesSpec(3), [0, 33, [[], []], list(range(33))], "a list of at most 32"),
        (ProbabilitiesSpec(), [-1, []], r"probabilities\[0\] is -1"),
        (ProbabilitiesSpec(), [0, [[2, 0.5, [[0], [1]]]]], r"probabilities\[1\]\[0\]\[0\] is 2"),
        (ProbabilitiesSpec(), [0, [[0, 0.5, [[64], [1]]]]], "expected keys from 0 to 63"),
        (ProbabilitiesSpec(), [0, [[0, 1.5, [[0], [1]]]]], "finite number from 0.0 to 1"),
        (ProbabilitiesSpec(), [0, [[0, 0.5, [[9], [1]]]] * 2], r"\[1\]\[0\] is 0, .* from 1 to 1"),
        (LabelsSpec(2), [-1, [[], []], []], r"labels\[0\] is -1"),
        (LabelsSpec(2), [0, [[4], [1]], []], "expected keys from 0 to 3"),
        (LabelsSpec(2), [0, [[0], [1]], [[0, 1, 0.1, 2]]], r"labels\[2\]\[0\]\[3\] is 2, .* to 1"),
        (LabelsSpec(2), [0, [[0], [1]], [[0, 1, 1.1, 1]]], r"\[2\] is 1\.1, .* from 0\.0 to 1"),
        (LabelsSpec(2), [0, [[0], [1]], [[16, 1, 0.1, 1]]], r"\[0\] is 16, .* from 0 to 15"),
        (LabelsSpec(2), [0, [[0], [2]], [[3, 1, 0.2, 1]] * 2], r"\[0\] is 3, .* from 4 to 15"),
        (LabelsSpec(2), [0, [[0], [1]], [[0, 0, 0.0, 0]]], r"\[1\] is 0, .* from 1"),
        (AgreementSpec(2), [-1, [[], []], NO_GAP], r"agreement\[0\] is -1"),
        (AgreementSpec(2), [0, [[4], [2]], TWO_GAPS], "expected keys from 0 to 3"),
        (AgreementSpec(2), [0, [[3], [1]], TWO_GAPS], "one score gap for each row"),
        (AgreementSpec(0), [0, [[0], [2]], TWO_GAPS], "a list of at most 0 whole numbers"),
        (AgreementSpec(0), [1, [[], []], TWO_GAPS], "one score gap for each row"),
    ],
)
def test_an_impossible_state_is_refused(spec: Spec, state: object, why: str) -> None:
    with pytest.raises(MessageError, match=why):
        spec.decode(state)


def test_sums_of_squares_that_lie_do_not_become_infinite_when_merged() -> None:
    lie = MomentsSpec().decode([2, 0, 0.0, 1.7e308, -1.0, 1.0])

    assert lie.merged(lie).to_state() == [4, 0, 0.0, 1.7976931348623157e308, -1.0, 1.0]
