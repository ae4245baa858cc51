"""Which boosters convert: a list that may only grow; none wrong silently."""

import pytest

from benchmarks.conversion_boosters import BoosterOutcome, boosters_by_edgefleet
from benchmarks.conversion_sweep import Verdict

REFUSED = {
    ("LightGBM", "binary, objective of its own"): "has no probabilities: use 'binary'",
    ("XGBoost", "binary:logitraw, classifier"): "use 'binary:logistic'",
    ("CatBoost", "Logloss, set_probability_threshold"): "put FixedThresholdClassifier around it",
}
"""Objectives and options that are refused, and the way out; all others are right."""


@pytest.fixture(scope="module")
def outcomes() -> list[BoosterOutcome]:
    return boosters_by_edgefleet()


def test_every_booster_is_right_or_refused(outcomes: list[BoosterOutcome]) -> None:
    wrong = [it for it in outcomes if it.outcome.verdict is Verdict.WRONG]
    refused = {(it.library, it.what) for it in outcomes if it.outcome.verdict is Verdict.REFUSED}

    assert wrong == []
    assert refused <= set(REFUSED)


def test_what_is_refused_says_a_way_out(outcomes: list[BoosterOutcome]) -> None:
    reasons = {
        (it.library, it.what): it.outcome.reason
        for it in outcomes
        if it.outcome.verdict is Verdict.REFUSED
    }

    assert [it for it, reason in reasons.items() if REFUSED[it] not in reason] == []


def test_all_three_libraries_are_swept(outcomes: list[BoosterOutcome]) -> None:
    counts = {it: [one.library for one in outcomes].count(it) for it in ("LightGBM", "XGBoost")}

    assert counts["LightGBM"] >= 39
    assert counts["XGBoost"] >= 43
    assert len(outcomes) - sum(counts.values()) >= 46
