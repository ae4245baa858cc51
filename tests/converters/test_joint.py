"""Which pairs of features are watched together."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from converters.joint import joint_for
from converters.watching import Watching
from edge_contract.errors import UsageError
from edge_contract.package import Feature
from edge_contract.stats import Joint, JointSpec
from tests.converters.helpers import customer_model, customers, diabetes, quietly_converted


def features(names: str) -> list[Feature]:
    return [Feature(name, 0, place) for place, name in enumerate(names)]


def test_all_pairs_are_watched_if_they_are_few() -> None:
    rows = np.random.default_rng(0).normal(5.0, 2.0, size=(1000, 4)).astype(np.float32)

    spec = joint_for(features("abc"), rows, pairs=3)

    assert spec is not None
    assert spec.features == ("a", "b", "c")
    assert spec.pairs == ((0, 1), (0, 2), (1, 2))
    assert spec.centers == pytest.approx((5.0,) * 3, abs=0.3)
    assert spec.scales == pytest.approx((2.0,) * 3, abs=0.3)


def test_else_those_that_go_together_most_whichever_way() -> None:
    rows = np.random.default_rng(0).normal(size=(1000, 6)).astype(np.float32)
    rows[:, 3] = 0.3 * rows[:, 3] - rows[:, 1]
    rows[:, 4] = 0.5 * rows[:, 4] + rows[:, 0]

    spec = joint_for(features("abcde"), rows, pairs=2)

    assert spec is not None
    assert spec.features == ("a", "b", "d", "e")
    assert spec.pairs == ((0, 3), (1, 2))


def test_columns_that_never_vary_are_in_no_pair() -> None:
    rows = np.random.default_rng(0).normal(size=(100, 6)).astype(np.float32)
    rows[:, 1], rows[:, 2] = 7.0, np.nan

    spec = joint_for(features("abcd"), rows, pairs=16)

    assert spec is not None
    assert spec.features == ("a", "d")


@pytest.mark.parametrize(
    ("names", "pairs"), [("ab", 0), ("a", 16), ("", 16)], ids=["asked for", "alone", "none"]
)
def test_there_may_be_no_pair(names: str, pairs: int) -> None:
    rows = np.random.default_rng(0).normal(size=(100, 5)).astype(np.float32)

    assert joint_for(features(names), rows, pairs=pairs) is None


@pytest.mark.parametrize("pairs", [-1, 1025])
def test_a_number_of_pairs_that_cannot_be_is_refused(pairs: int) -> None:
    with pytest.raises(UsageError, match=f"joint must be from 0 to 1024 pairs, got {pairs}"):
        joint_for(features("ab"), np.zeros((3, 5), np.float32), pairs=pairs)


def test_the_reference_knows_how_its_features_move_together() -> None:
    rows, values = diabetes()
    model = LinearRegression().fit(rows, values)

    package = quietly_converted(model, rows, values, watching=Watching(joint=1))

    joint = package.reference().profile.find("joint", "joint")
    assert isinstance(joint, Joint)
    assert joint.spec.features == ("x4", "x5")  # two kinds of cholesterol
    assert joint.count == 442
    assert joint.sums[0].total / 442 / 256 == pytest.approx(0.9, abs=0.15)


def test_categories_are_in_no_pair_and_pairs_can_be_left_out() -> None:
    rows, labels = customers()
    model = customer_model().fit(rows, labels)

    watched = quietly_converted(model, rows, labels).reference().profile.spec
    unwatched = quietly_converted(model, rows, labels, watching=Watching(joint=0))

    spec = next(column.spec for column in watched.columns if column.subject == "joint")
    assert isinstance(spec, JointSpec)
    assert spec.features == ("age", "income (EUR)", "member")
    assert unwatched.reference().profile.find("joint", "joint") is None
