import math
import random

import pytest

from cloud_sync.core.analysis import class_shares, column_views
from cloud_sync.core.analysis.histogram import DISPLAY_BINS, histograms
from cloud_sync.core.facts import PackageFacts
from edge_contract.package import Feature, Manifest, Reference, Task, feature_subject
from edge_contract.stats import CategoriesSpec, Column, MomentsSpec, ProfileSpec, SketchSpec
from tests.support.behaviours import FRAGILE, PREDICTION_COLUMN, package_of, window

PACKAGE = package_of(FRAGILE, "1.0.0")


def test_histograms_share_their_edges_and_hold_all_rows() -> None:
    live = window(PACKAGE, FRAGILE, random.Random(5), rows=400, dirty=True)

    views = column_views(PACKAGE, live, evidence={"feature:x": 2.5}, drifted={"feature:x"})

    assert [view.subject for view in views] == ["feature:x", "feature:y", "prediction"]
    for view in views:
        assert len(view.edges) <= DISPLAY_BINS + 1
        assert list(view.edges) == sorted(view.edges)
        assert sum(view.reference_histogram) == pytest.approx(1.0)
        assert sum(view.live_histogram) == pytest.approx(1.0)


def test_a_drifted_feature_shows_its_distances_and_its_evidence() -> None:
    live = window(PACKAGE, FRAGILE, random.Random(5), rows=400, dirty=True)

    x, y, _ = column_views(PACKAGE, live, evidence={"feature:x": 2.5}, drifted={"feature:x"})

    assert (x.drifted, x.evidence) == (True, 2.5)
    assert x.ks > 0.5
    assert x.psi > 1.0
    assert (y.drifted, y.evidence) == (False, 0.0)
    assert y.ks < 0.1


def test_without_live_rows_the_reference_still_shows() -> None:
    views = column_views(PACKAGE, PACKAGE.specs["primary"].empty(), evidence={})

    assert all(view.live_histogram == [] for view in views)
    assert all(sum(view.reference_histogram) == pytest.approx(1.0) for view in views)
    assert all(view.ks == 0.0 for view in views)


def whole_and_category() -> PackageFacts:
    manifest = Manifest(
        name="m", version="1.0.0", created="", task=Task.OTHER, inputs=(), outputs=(),
        features=(Feature("n", 0, 0), Feature("c", 0, 1, is_category=True, categories=("a", "b"))),
    )  # fmt: skip
    spec = ProfileSpec(
        (
            Column(feature_subject("n"), SketchSpec(integer=True)),
            Column(feature_subject("c"), CategoriesSpec(2)),
        )
    )
    profile = spec.empty()
    for value, code in ((0.0, 0.0), (1.0, 0.0), (2.0, 1.0), (math.nan, -5.0)):
        profile.observe(0, (value,))
        profile.observe(1, (code,))
    return PackageFacts("sha256:0", manifest, Reference(4, profile))


def test_whole_numbers_and_categories_have_a_bin_each() -> None:
    facts = whole_and_category()

    number, category = column_views(facts, facts.reference.profile, evidence={})

    assert number.edges == [-0.5, 0.5, 1.5, 2.5]
    assert number.live_histogram == pytest.approx([1 / 3, 1 / 3, 1 / 3])
    assert number.missing_fraction == number.reference_missing_fraction == 0.25
    assert category.edges == [-0.5, 0.5, 1.5, 2.5]
    assert category.live_histogram == pytest.approx([0.5, 0.25, 0.25])


def test_categories_are_named_and_the_rare_ones_stand_together() -> None:
    names = [f"c{index}" for index in range(40)]
    reference, live = CategoriesSpec(40).empty(), CategoriesSpec(40).empty()
    for index in range(40):
        reference.observe((float(index),))
    for code in (0.0, 0.0, 39.0, -7.0, math.nan):
        live.observe((code,))

    shown = histograms(reference, live, categories=names)

    assert list(shown.labels) == [*names[:20], "(others)", "(new)"]
    assert shown.reference == [1 / 40] * 20 + [0.5, 0.0]
    assert shown.live == [0.5] + [0.0] * 19 + [0.25, 0.25]


def test_a_number_comes_with_all_distances_and_its_moments() -> None:
    spec = ProfileSpec((Column("feature:n", SketchSpec()), Column("feature:n", MomentsSpec())))
    reference, live = spec.empty(), spec.empty()
    for profile, values in ((reference, (1.0, 2.0, 3.0, 4.0)), (live, (3.0, 4.0, 5.0, 6.0))):
        for value in values:
            profile.observe(0, (value,))
            profile.observe(1, (value,))
    manifest = Manifest(
        name="m", version="1.0.0", created="", task=Task.OTHER, inputs=(), outputs=(),
        features=(Feature("n", 0, 0),),
    )  # fmt: skip

    [view] = column_views(
        PackageFacts("sha256:0", manifest, Reference(4, reference)), live, evidence={}
    )

    assert (view.kind, view.rows, view.ks) == ("number", 4, 0.5)
    assert view.wasserstein == pytest.approx(2.0, abs=0.2)
    assert 0.0 < view.jensen_shannon < 1.0
    assert view.reference_summary == {
        "mean": 2.5, "deviation": pytest.approx(1.29, abs=0.01), "low": 1.0, "high": 4.0,
    }  # fmt: skip
    assert view.live_summary["mean"] == 4.5


def test_the_class_that_is_predicted_more_or_less_often_than_before_comes_first() -> None:
    reference, live = PACKAGE.reference.profile, PACKAGE.specs["primary"].empty()
    for row in ((0.0, 0.9), (0.0, 0.9), (0.0, 0.9), (1.0, 0.9)):
        live.observe(PREDICTION_COLUMN, row)

    shares = class_shares(PACKAGE, live)

    assert (shares[0].name, shares[0].index, shares[0].live) == ("0", 0, 0.75)
    assert {share.index for share in shares} == {0, 1, 2, 3}
    assert sum(share.reference for share in shares) == pytest.approx(1.0)
    assert all(share.live == 0.0 for share in class_shares(PACKAGE, reference.spec.empty()))
