import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.core.analysis import views_of
from cloud_sync.core.analysis.bins import MAX_CELLS
from edge_contract.stats import (
    CategoriesSpec,
    LabelsSpec,
    MomentsSpec,
    ProbabilitiesSpec,
    Sketch,
    SketchSpec,
)

CENTRED = SketchSpec("centred", 10.0, 2.0)
VALUES = st.floats(-1e6, 1e6) | st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1e-40])


def sketch(values: list[float], spec: SketchSpec | None = None) -> Sketch:
    statistic = (spec or SketchSpec()).empty()
    for value in values:
        statistic.observe((value,))
    return statistic


@pytest.mark.parametrize("spec", [SketchSpec(), CENTRED])
@given(reference=st.lists(VALUES, max_size=200), live=st.lists(VALUES, max_size=50))
def test_every_row_falls_into_one_of_at_most_64_cells(
    spec: SketchSpec, reference: list[float], live: list[float]
) -> None:
    (view,) = views_of(sketch(reference, spec))

    counts = view.counts_of(sketch(live, spec))

    assert len(view.reference) == len(counts) <= MAX_CELLS
    assert sum(view.reference) == len(reference)
    assert sum(counts) == len(live)


@given(a=VALUES, b=VALUES, reference=st.lists(VALUES, min_size=1, max_size=100))
def test_cells_keep_the_order_of_the_values(a: float, b: float, reference: list[float]) -> None:
    (view,) = views_of(sketch(reference))

    cell_a, cell_b = (view.counts_of(sketch([value])).index(1) for value in (a, b))

    if math.isnan(a):
        assert cell_a == len(view.reference) - 1 == view.ordered
    elif not math.isnan(b) and a < b:
        assert cell_a <= cell_b


def test_cells_of_a_number_hold_about_equal_shares_of_the_reference() -> None:
    (view,) = views_of(sketch([1.0 + n / 1000 for n in range(9000)]))

    filled = [count for count in view.reference if count]

    assert len(filled) > 30
    assert max(filled) < 3 * 9000 / len(filled)


def test_zero_missing_and_infinities_have_cells_of_their_own() -> None:
    (view,) = views_of(sketch([0.0, 0.0, math.nan, math.inf, -math.inf, -2.0, 3.0]))

    assert view.zero is not None
    assert view.reference[view.zero] == 2
    assert view.reference[-1] == 1
    assert view.reference[0] == 1
    assert view.reference[view.ordered - 1] == 1


@pytest.mark.parametrize(
    ("reference", "outside", "inside"),
    [
        ([5.0, 6.0, 7.0], [-1.0, 1.0, 30.0], [5.0, 6.5, 7.0]),
        ([-7.0, -5.0], [-30.0, -1.0, 2.0], [-6.0]),
        ([-7.0, 0.0, 5.0], [-30.0, 30.0], [-1.0, 1.0, 0.0]),
        ([], [], [-1.0, 0.0, 1.0]),
    ],
)
def test_what_lies_outside_of_the_references_range_is_told_apart(
    reference: list[float], outside: list[float], inside: list[float]
) -> None:
    (view,) = views_of(sketch(reference))
    beyond = next(atom.cells for atom in view.atoms if atom.name == "out of range")

    def is_beyond(value: float) -> bool:
        return view.counts_of(sketch([value])).index(1) in beyond

    assert all(is_beyond(value) for value in outside)
    assert not any(is_beyond(value) for value in inside)
    assert not any(view.reference[cell] for cell in beyond)


def test_truths_are_right_wrong_or_unknown() -> None:
    labels = LabelsSpec(3).empty()
    for row in ((0.0, 0.0, 0.9), (0.0, 2.0, 0.9), (1.0, 1.0, 0.9), (1.0, 7.0, 0.9)):
        labels.observe(row)

    (view,) = views_of(labels)

    assert view.reference == (2, 1, 1)
    assert view.one_sided
    assert [(atom.name, atom.cells) for atom in view.atoms] == [("wrong", (1,)), ("unknown", (2,))]


def test_what_the_reference_never_held_has_a_cell_too() -> None:
    (view,) = views_of(sketch([5.0, 6.0, 7.0]))

    below, above = view.counts_of(sketch([-1.0])), view.counts_of(sketch([1e30]))

    assert below.index(1) < above.index(1)
    assert view.reference[below.index(1)] == 0


def test_rare_categories_share_a_cell_and_others_are_apart() -> None:
    reference = CategoriesSpec(200).empty()
    for index in range(200):
        reference.observe((float(index),))
    (view,) = views_of(reference)
    live = CategoriesSpec(200).empty()
    for code in (0.0, 199.0, -7.0, math.nan):
        live.observe((code,))

    counts = view.counts_of(live)

    assert len(counts) == MAX_CELLS
    assert [index for index, count in enumerate(counts) if count] == [0, 61, 62, 63]


def test_predictions_are_seen_by_confidence_and_by_class() -> None:
    reference = ProbabilitiesSpec.for_classes(3).empty()
    for predicted, probability in ((0, 0.9), (0, 0.5), (2, 0.9), (1, 7.0)):
        reference.observe((predicted, probability))

    confidence, classes = views_of(reference)

    assert (confidence.name, classes.name) == ("confidence", "class")
    assert confidence.reference == (1, 2, 1)
    assert classes.reference == (2, 0, 1, 1)


def test_a_statistic_without_a_distribution_has_no_view() -> None:
    assert views_of(MomentsSpec().empty()) == ()
