import math
import random

import pytest

from cloud_sync.core.analysis import column_views
from cloud_sync.core.analysis.histogram import DISPLAY_BINS
from cloud_sync.core.facts import PackageFacts
from edge_contract.package import Feature, Manifest, Reference, Task, feature_subject
from edge_contract.stats import CategoriesSpec, Column, ProfileSpec, SketchSpec
from tests.support.behaviours import FRAGILE, package_of, window

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
