"""What each statistic counts, on streams small enough to count by hand."""

import itertools
import math

import pytest

from edge_contract.errors import PackageError, UsageError
from edge_contract.reading import Reader
from edge_contract.stats import (
    CENTRED,
    Agreement,
    AgreementSpec,
    CalibrationBin,
    Categories,
    CategoriesSpec,
    Labels,
    LabelsSpec,
    Moments,
    Probabilities,
    ProbabilitiesSpec,
    Sketch,
    SketchSpec,
    spec_from_json,
)
from edge_contract.stats.text_hash import category_code, text_hash

NAN = math.nan


def test_a_sketch_counts_what_is_no_ordinary_number_apart() -> None:
    sketch = Sketch(SketchSpec())
    for value in (0.0, -0.0, NAN, math.inf, 1e300, -math.inf, -1e300, 1e-60, 1.0, 1.03, -1.0):
        sketch.observe((value,))

    assert (sketch.zero, sketch.missing) == (3, 1)  # 1e-60 is 0 as a float32
    assert (sketch.positive_infinity, sketch.negative_infinity) == (2, 2)
    assert sketch.counts == {2033: 2, -2033: 1}
    assert (sketch.count, sketch.finite) == (11, 6)


def test_a_sketch_lists_its_values_in_rising_order() -> None:
    sketch = Sketch(SketchSpec(integer=True))
    for value in (3.0, -2.0, 3.0, 0.0, 17.0):
        sketch.observe((value,))

    assert sketch.ordered() == [(-2.0, 1), (0.0, 1), (3.0, 2), (17.0, 1)]


def test_a_centred_sketch_tells_numbers_apart_that_lie_far_from_zero() -> None:
    centred, plain = Sketch(SketchSpec(CENTRED, 1000.0, 1.0)), Sketch(SketchSpec())
    for value in (999.0, 1000.0, 1001.0):
        centred.observe((value,))
        plain.observe((value,))

    assert centred.counts == {-17: 1, 0: 1, 16: 1}
    assert len(plain.counts) == 1


@pytest.mark.parametrize(
    "spec",
    [
        {"mapping": "quantile"},
        {"center": 0.1},  # no float32 number
        {"center": math.inf},
        {"scale": 0.0},
        {"scale": -1.0},
        {"scale": 1e31},
        {"scale": math.nan},
    ],
)
def test_a_mapping_that_cannot_count_is_refused(spec: dict[str, float | str]) -> None:
    fields = {"kind": "sketch", "mapping": "centred", "center": 0.0, "scale": 1.0, **spec}

    with pytest.raises(PackageError):
        spec_from_json(Reader({**fields, "integer": False}, "column", PackageError))


def test_moments_leave_out_what_is_not_finite() -> None:
    moments = Moments()
    for value in (1.0, NAN, 2.0, math.inf, 1e39, 6.0):
        moments.observe((value,))

    assert moments == Moments(finite=3, nonfinite=3, mean=3.0, m2=14.0, low=1.0, high=6.0)
    assert moments.variance == 7.0


def test_the_variance_of_one_number_is_unknown() -> None:
    assert math.isnan(Moments(finite=1, mean=5.0, low=5.0, high=5.0).variance)
    assert math.isnan(Moments().variance)


def test_categories_are_counted_by_code_and_unknown_ones_by_hash() -> None:
    categories = Categories(CategoriesSpec(2))
    for code in (0.0, 1.0, 1.0, 2.0, 0.5, NAN, -1.0, -8.0, -8.0):
        categories.observe((code,))

    assert categories.counts == {0: 1, 1: 2}
    assert (categories.missing, categories.other) == (1, 5)
    assert categories.hashes[:2] == (0, 7)
    assert categories.distinct_others == 4.0


def test_many_unknown_categories_are_about_as_many_as_they_are() -> None:
    categories = Categories(CategoriesSpec(0))
    for number in range(5000):
        categories.observe((category_code(f"user-{number}@example.org", {}),))

    assert len(categories.hashes) == 32
    assert 3000 < categories.distinct_others < 8000


def test_a_category_becomes_its_index_or_a_salted_hash() -> None:
    known = {"red": 0, "green": 1}

    assert category_code("green", known) == 1.0
    assert category_code("mauve", known) == -1.0 - text_hash("mauve")
    assert category_code("mauve", known, salt="fleet") != category_code("mauve", known)
    assert text_hash("ab", salt="c") != text_hash("b", salt="ca")


def test_probabilities_are_counted_in_bins_that_start_where_a_class_is_predicted() -> None:
    probabilities = Probabilities(ProbabilitiesSpec.for_classes(2, threshold=0.25))
    for row in ((1.0, 0.25), (1.0, 1.0), (1.0, 1.0001), (0.0, 0.75), (0.0, 0.77), (1.0, 0.249)):
        probabilities.observe(row)

    assert probabilities.counts == {1: {0: 2, 63: 2}, 0: {0: 1, 1: 1}}
    assert probabilities.sums == {1: 0.25 + 1.0 + 1.0 + 0.249, 0: 0.75 + 0.77}


@pytest.mark.parametrize(
    "row", [(2.0, 0.5), (-1.0, 0.5), (0.5, 0.5), (NAN, 0.5), (0.0, NAN), (0.0, 1.1), (0.0, -0.1)]
)
def test_what_is_no_prediction_is_counted_as_invalid(row: tuple[float, float]) -> None:
    probabilities = Probabilities(ProbabilitiesSpec())
    probabilities.observe(row)

    assert probabilities == Probabilities(ProbabilitiesSpec(), invalid=1)


def test_the_middle_of_a_probability_bin_lies_between_its_edges() -> None:
    spec = ProbabilitiesSpec.for_classes(4)

    assert spec.lows == (0.25,) * 4
    assert spec.edges_of(2, 0)[0] == 0.25
    assert spec.edges_of(2, 63)[1] == 1.0
    assert [spec.bin_of(2, spec.middle_of(2, index)) for index in range(64)] == [*range(64)]


def test_probability_bins_meet_and_are_narrowest_below_1() -> None:
    spec = ProbabilitiesSpec.for_classes(2, threshold=0.3)

    edges = [spec.edges_of(1, index) for index in range(64)]

    assert all(high == low for (_, high), (low, _) in itertools.pairwise(edges))
    assert edges[63][0] > 0.999999
    assert edges[0][1] - edges[0][0] == pytest.approx(0.0288, abs=1e-4)


@pytest.mark.parametrize("lows", [(), (0.5, 1.0), (-0.1,), (NAN,)])
def test_probability_bins_need_room(lows: tuple[float, ...]) -> None:
    with pytest.raises(UsageError, match=r"must be from 0 to 0\.999"):
        ProbabilitiesSpec(lows)


def test_labels_count_confusion_and_calibration() -> None:
    labels = Labels(LabelsSpec(2))
    for row in ((1.0, 1.0, 0.95), (1.0, 0.0, 0.97), (0.0, 0.0, NAN), (2.0, 0.0, 0.9)):
        labels.observe(row)

    assert labels.confusion == {3: 1, 2: 1, 0: 1}
    assert labels.calibration == {15: CalibrationBin(2, 0.95 + 0.97, 1)}
    assert (labels.unknown, labels.correct, labels.count) == (1, 2, 4)


def test_agreement_counts_class_pairs_and_the_gap_between_scores() -> None:
    agreement = Agreement(AgreementSpec(2))
    for row in ((1.0, 0.5, 1.0, 0.75), (0.0, 0.5, 1.0, 1.0), (NAN, 0.5, 1.0, 0.5)):
        agreement.observe(row)

    assert agreement.pairs == {3: 1, 1: 1}
    assert (agreement.agreed, agreement.unknown, agreement.count) == (1, 1, 3)
    assert (agreement.gap.mean, agreement.gap.low, agreement.gap.high) == (0.375, 0.25, 0.5)


def test_agreement_of_models_that_predict_a_number_has_only_the_gap() -> None:
    agreement = Agreement(AgreementSpec(0))
    agreement.observe((NAN, 20.0, NAN, 21.5))

    assert agreement.to_state() == [0, [[], []], [1, 0, 1.5, 0.0, 1.5, 1.5]]
    assert agreement.count == 1
