"""Statistics of a version for reports: a fleet with drift, and ones that are hard to draw."""

import math
from dataclasses import replace

from cloud_sync.statistics_view import (
    AlarmView,
    ClassShare,
    DeviceShareView,
    EvidenceView,
    FeatureView,
    SegmentView,
    StatisticsView,
)

__all__ = ["NOW_UNIX_S", "bare", "category_view", "feature_view", "statistics_view"]

NOW_UNIX_S = 1_800_000_000.0


def feature_view(name: str, *, shift: float = 0.0, history: int = 60) -> FeatureView:
    """A number of mean 0; ``shift`` of 1 and more is drift."""
    points = [
        EvidenceView(NOW_UNIX_S - 60.0 * (history - k), 10.0 ** (shift * 2 * k / history - 1))
        for k in range(history)
    ]
    return FeatureView(
        subject=name if name == "prediction" else f"feature:{name}",
        drifted=shift >= 1.0,
        evidence=points[-1].evidence if points else 0.0,
        ks=min(0.2 * shift, 1.0),
        psi=0.3 * shift,
        missing_fraction=0.013 if shift else 0.0,
        reference_missing_fraction=0.0,
        edges=[k / 4 - 3.0 for k in range(25)],
        reference_histogram=_bell(11.5),
        live_histogram=_bell(11.5 + 4 * shift),
        kind="number",
        rows=31_904,
        jensen_shannon=0.1 * shift,
        wasserstein=shift,
        reference_summary={"mean": 0.0, "deviation": 1.0, "low": -3.9, "high": 4.1},
        live_summary={"mean": shift, "deviation": 1.1, "low": -3.0, "high": 5.2},
        history=points,
        test="e-detector" if shift >= 1.0 else "",
    )


def category_view(name: str, *, labels: list[str]) -> FeatureView:
    """A category that drifted: the last one is new."""
    known = len(labels) - 1
    return FeatureView(
        subject=f"feature:{name}",
        drifted=True,
        evidence=12.5,
        ks=0.2,
        psi=0.4,
        missing_fraction=0.0,
        reference_missing_fraction=0.0,
        edges=[k - 0.5 for k in range(len(labels) + 1)],
        reference_histogram=[1 / known] * known + [0.0],
        live_histogram=[0.8 / known] * known + [0.2],
        kind="category",
        rows=31_904,
        jensen_shannon=0.3,
        labels=labels,
        new_fraction=0.2,
        test="ks",
    )


def statistics_view(*features: FeatureView, rows: int = 31_904) -> StatisticsView:
    """What digits 1.0.0 saw in a day on 18 devices."""
    return StatisticsView(
        name="digits",
        version="1.0.0",
        digest="sha256:aa",
        task="multiclass",
        segment="",
        since_unix_s=NOW_UNIX_S - 86_400.0,
        until_unix_s=NOW_UNIX_S,
        rows=rows,
        devices=18,
        reference_rows=1797,
        variance_inflation=1.0,
        features=features,
        classes=[ClassShare("3", 0.1, 0.18, 1), ClassShare("1", 0.1, 0.06, 0)],
        held_out={"accuracy": 0.96, "f1": 0.957},
        estimated={
            "accuracy": 0.884,
            "f1": 0.878,
            "standard_error": 0.006,
            "rows": rows,
            "note": "estimated without labels: it cannot see concept drift",
        },
        labelled={
            "accuracy": 0.871,
            "f1": 0.866,
            "rows": 2210,
            "per_class": [
                {"truths": 1400, "precision": 0.9, "recall": 0.89, "f1": 0.895},
                {"truths": 810, "precision": 0.84, "recall": 0.8, "f1": 0.819},
            ],
            "baseline": {
                "source": "two radiologists",
                "metrics": {"f1": {"baseline": 0.91, "gain": -0.044, "verdict": "worse"}},
            },
        },
        segments=[
            SegmentView("site=oslo", 6, 10_200, 0.31, "feature:left", 3.4, ["feature:left"], 0.812),
            SegmentView("lens=wide", 4, 8000, 0.12, "prediction", 0.4, [], 0.9),
            SegmentView("site=hamar", 1, 900, suppressed="withheld: they rest on 1 device"),
        ],
        device_shares=[
            DeviceShareView("cam-03", 1700, 0.4, 0.2, blamed=True),
            DeviceShareView("cam-11", 1700, 0.05, 0.0, blamed=False),
        ],
        alarms=[
            AlarmView(
                alarm_id="a1",
                model="digits",
                version="1.0.0",
                kind="drift",
                raised_unix_s=NOW_UNIX_S - 340.0,
                sentence="left of digits@1.0.0 drifted at site=oslo: KS 0.31 over 1840 rows",
                features=["feature:left"],
                devices=["cam-03"],
                evidence={"findings": {"feature:left": {"evidence": 3.4, "test": "e-detector"}}},
                segment="site=oslo",
            )
        ],
    )


def bare(view: StatisticsView) -> StatisticsView:
    """The same without everything but its features."""
    return replace(
        view, classes=(), held_out={}, estimated={}, labelled={}, segments=(), device_shares=(),
        alarms=(),
    )  # fmt: skip


def _bell(middle: float) -> list[float]:
    heights = [math.exp(-(((k - middle) / 4.0) ** 2)) for k in range(24)]
    return [height / sum(heights) for height in heights]
