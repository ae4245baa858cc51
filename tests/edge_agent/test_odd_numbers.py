"""Numbers that are hard on statistics, from the author's rows to a device's window."""

import math
import warnings
from collections.abc import Mapping
from contextlib import closing
from functools import cache

import numpy as np
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeClassifier

from edge_agent.adapters.sqlite_store import SqliteBatchStore
from edge_agent.agent import Agent
from edge_contract.package import Package, Role, feature_subject, profile_specs
from edge_contract.stats import CENTRED, Joint, Moments, Profile, Sketch
from edgefleet.converting import convert
from tests.edge_agent.conftest import MakeAgent

ROWS = 50
LARGE_ID = 2**24


@cache
def table() -> pd.DataFrame:
    """Fifty rows; only ``signal`` matters to the model."""
    chance = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "signal": chance.normal(size=ROWS),
            "number": LARGE_ID + 8 * chance.integers(0, 1000, ROWS),
            "whole": chance.integers(-5, 6, ROWS),
            "constant": np.full(ROWS, 7.0),
            "tiny": chance.integers(1, 100, ROWS) * 1e-42,
            "far": 1e6 + chance.normal(size=ROWS),
        }
    )


@cache
def package() -> Package:
    rows = table()
    model = DecisionTreeClassifier(max_depth=1).fit(rows, rows["signal"] > 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return convert(model, rows, (rows["signal"] > 0).astype(int), name="odd", version="1.0.0")


def live(agent: Agent) -> Profile:
    """What the agent counted; it has left then."""
    agent.close(drain_s=0.0)
    with closing(SqliteBatchStore(agent.state / "agent.db", wait_s=0.0)) as store:
        (entry,) = [entry for batch in store.batches() for entry in batch.entries]
    spec = profile_specs(package().manifest, package().reference())[Role.PRIMARY]
    return spec.decode(entry.profile)


def sketch(profile: Profile, name: str) -> Sketch:
    found = profile.find(feature_subject(name), "sketch")
    assert isinstance(found, Sketch)
    return found


def moments(profile: Profile, name: str) -> Moments:
    found = profile.find(feature_subject(name), "moments")
    assert isinstance(found, Moments)
    return found


def test_fifty_rows_are_warned_about_and_all_that_is_said_of_them_is_a_number() -> None:
    rows = table()
    model = DecisionTreeClassifier(max_depth=1).fit(rows, rows["signal"] > 0)

    with pytest.warns(UserWarning, match="the reference has 50 rows, below 5000: only larger"):
        small = convert(model, rows, name="odd", version="1.0.0")

    reference = small.reference()
    assert reference.rows == 50
    assert reference.variance_inflation == 1.0
    assert b"NaN" not in small.files["reference.json"]
    assert b"Infinity" not in small.files["reference.json"]
    joint = reference.profile.find("joint", "joint")
    assert isinstance(joint, Joint)
    assert "constant" not in joint.spec.features
    assert all(sums.count == 50 for sums in joint.sums)


@pytest.mark.parametrize("kind", ["frame", "columns", "float64", "lists"])
def test_a_device_counts_what_the_author_gave_whatever_it_comes_in(
    make_agent: MakeAgent, kind: str
) -> None:
    rows = table()
    given: Mapping[str, object] = {
        "frame": rows,
        "columns": {name: rows[name].tolist() for name in rows.columns},
        "float64": rows.to_numpy(np.float64),
        "lists": rows.to_numpy().tolist(),
    }
    agent = make_agent(package())
    agent.predict(given[kind])  # type: ignore[arg-type]

    found, reference = live(agent), package().reference().profile
    for name in rows.columns:
        assert sketch(found, name) == sketch(reference, name), name
    joint, expected = found.find("joint", "joint"), reference.find("joint", "joint")
    assert joint is not None
    assert expected is not None
    assert joint.to_state() == expected.to_state()


def test_whole_numbers_are_reported_as_such_also_where_floats_have_gaps(
    make_agent: MakeAgent,
) -> None:
    agent = make_agent(package())
    agent.predict(table())

    found = live(agent)
    small, large = sketch(found, "whole"), sketch(found, "number")
    assert small.spec.integer
    assert large.spec.integer
    values, counts = np.unique(table()["whole"].to_numpy(np.float64), return_counts=True)
    assert small.ordered() == list(zip(values.tolist(), counts.tolist(), strict=True))
    assert all(value.is_integer() for value, _ in large.ordered())
    assert all(abs(value - LARGE_ID - 4000) < 8000 for value, _ in large.ordered())
    assert moments(found, "number").mean == pytest.approx(table()["number"].mean(), rel=1e-9)


def test_a_small_spread_far_from_zero_is_told_apart(make_agent: MakeAgent) -> None:
    agent = make_agent(package())
    agent.predict(table())

    far = sketch(live(agent), "far")

    assert far.spec.mapping == CENTRED
    assert len(far.counts) > 10


def test_constants_and_numbers_near_nothing_are_counted(make_agent: MakeAgent) -> None:
    agent = make_agent(package())
    agent.predict(table())

    found = live(agent)
    constant, tiny = sketch(found, "constant"), sketch(found, "tiny")
    assert list(constant.counts.values()) == [50]
    assert moments(found, "constant").m2 == 0.0
    assert tiny.zero == 0
    assert tiny.finite == 50


def test_what_no_float32_holds_is_counted_apart(make_agent: MakeAgent) -> None:
    rows = table().head(4).astype(np.float64)
    rows["far"] = [1e300, -1e300, math.inf, math.nan]
    agent = make_agent(package())
    agent.predict(rows.to_numpy())

    found = live(agent)
    far = sketch(found, "far")
    assert (far.positive_infinity, far.negative_infinity, far.missing, far.finite) == (2, 1, 1, 0)
    assert (moments(found, "far").finite, moments(found, "far").nonfinite) == (0, 4)
    joint = found.find("joint", "joint")
    assert isinstance(joint, Joint)
    place = joint.spec.features.index("far")
    for pair, sums in zip(joint.spec.pairs, joint.sums, strict=True):
        assert sums.count == (0 if place in pair else 4)


def test_one_row_is_a_window_and_none_is_no_window(make_agent: MakeAgent) -> None:
    agent = make_agent(package())
    agent.predict(table().head(1))

    found = live(agent)

    assert sketch(found, "whole").count == 1
    assert moments(found, "whole").m2 == 0.0
    assert math.isnan(moments(found, "whole").variance)
    idle = make_agent(package(), folder="idle")
    idle.close(drain_s=0.0)
    with closing(SqliteBatchStore(idle.state / "agent.db", wait_s=0.0)) as store:
        assert store.batches() == []


def test_a_feature_that_a_window_lacks_is_an_empty_one() -> None:
    spec = package().reference().profile.spec
    window = spec.empty()
    window.observe(0, (1.0,))

    received = spec.decode(window.to_state())

    assert sketch(received, "far").count == 0
    assert sketch(received.merged(spec.empty()), "far").count == 0
    assert sketch(received.merged(package().reference().profile), "far").count == 50
