"""A cloud in the middle of its life: twenty cameras, a canary under way, a drift alarm."""

import math
import time
from dataclasses import replace
from pathlib import Path

from cloud_sync.backend import (
    AlarmView,
    FeatureView,
    RolloutEventView,
    RolloutView,
    SegmentView,
    StageView,
    VersionView,
)
from edge_contract.reading import JsonObject
from tests.support.memory_cloud import MemoryCloud
from tests.support.tiny_package import tiny_package
from tests.support.views import device

__all__ = ["lived_cloud"]

_GATES: list[JsonObject] = [
    {
        "gate": "safety",
        "verdict": "pass",
        "sentence": "2 devices ran it and are well; 0 of 812 calls failed",
        "evidence": {"executed": 2, "unhealthy": [], "rows": 812, "failing_share_at_least": 0.0},
    },
    {
        "gate": "drift",
        "verdict": "pass",
        "sentence": "predictions differ by at most 0.021, allowed are 0.10",
        "evidence": {
            "distance": 0.0123,
            "at_most": 0.0211,
            "control": {"devices": 18, "rows": 7310},
        },
    },
    {
        "gate": "estimate",
        "verdict": "inconclusive",
        "sentence": "estimated accuracy 0.957 against 0.952 of the control: not sure yet",
        "evidence": {"loss": -0.005, "loss_at_least": -0.021, "loss_at_most": 0.011},
    },
]


def lived_cloud(folder: Path) -> MemoryCloud:
    """The cloud; its packages lie in ``folder``."""
    now_unix_s = time.time()
    cloud = MemoryCloud(folder, fleet="harbour")
    for version in ("1.0.0", "1.1.0"):
        package = tiny_package("digits", version, model=version.encode() * 40_000)
        cloud.push(package.to_archive(), by="test")
        view = cloud.version("digits", version)
        cloud.put_version(_seen(replace(view, pushed_unix_s=now_unix_s - 4000.0), version))
    for number in range(1, 21):
        on_candidate = number in (7, 12)
        camera = device(
            f"cam-{number:02}",
            status="unreachable" if number == 20 else "online",
            rows=1234 + 97 * number,
            version="1.1.0" if on_candidate else "1.0.0",
        )
        seen_unix_s = now_unix_s - (900.0 if number == 20 else number / 3)
        cloud.put_device(replace(camera, last_seen_unix_s=seen_unix_s))
    cloud.raise_alarm(
        AlarmView(
            alarm_id="a1",
            model="digits",
            version="1.0.0",
            kind="drift",
            raised_unix_s=now_unix_s - 340.0,
            sentence="pixel_3_4 and 6 more of digits@1.0.0 drifted: KS 0.31 over 1840 rows "
            "(e-detector, evidence 3.4 times the threshold); most from cam-03, cam-04, cam-05",
            features=["feature:pixel_3_4", "feature:pixel_4_4"],
            devices=["cam-03", "cam-04", "cam-05"],
            evidence={"features": {"feature:pixel_3_4": {"ks": 0.31, "evidence": 3.4}}},
            segment="site=oslo",
        )
    )
    cloud.put_rollout(_canary(now_unix_s))
    return cloud


def _seen(view: VersionView, version: str) -> VersionView:
    if version == "1.1.0":
        estimated: JsonObject = {"accuracy": 0.957, "standard_error": 0.006, "rows": 812}
        return replace(
            view, devices=2, rows=812, estimated=estimated, features=_features(drift=0.0)
        )
    return replace(
        view,
        devices=18,
        rows=31_904,
        estimated={"accuracy": 0.884, "standard_error": 0.002, "rows": 31_904},
        labelled={"accuracy": 0.871, "rows": 2210},
        features=_features(drift=1.0),
        segments=[
            SegmentView(
                "site=oslo",
                6,
                10_200,
                worst="feature:pixel_0_0",
                evidence=3.4,
                drifted=["feature:pixel_0_0"],
            ),
            SegmentView("lens=wide", 4, 8000, worst="prediction", evidence=0.31),
            SegmentView("hardware=aarch64", 9, 16_000, worst="feature:pixel_0_3", evidence=0.02),
        ],
    )


def _features(*, drift: float) -> list[FeatureView]:
    found = []
    for index in range(12):
        shift = drift * max(0.0, 3.0 - 0.8 * index)
        reference, live = _bell(24, 11.0, 4.0), _bell(24, 11.0 - shift, 4.0 + shift / 3)
        found.append(
            FeatureView(
                subject="prediction" if index == 1 else f"feature:pixel_{index // 4}_{index % 4}",
                drifted=shift > 1.0,
                evidence=shift * 1.15,
                ks=shift * 0.11,
                psi=shift * 0.2,
                missing_fraction=0.012 if index == 2 else 0.0,
                reference_missing_fraction=0.0,
                edges=[index_ / 1.5 for index_ in range(25)],
                reference_histogram=reference,
                live_histogram=live,
            )
        )
    return found


def _bell(bins: int, middle: float, width: float) -> list[float]:
    heights = [math.exp(-(((index - middle) / width) ** 2)) for index in range(bins)]
    return [height / sum(heights) for height in heights]


def _canary(now_unix_s: float) -> RolloutView:
    return RolloutView(
        rollout_id="r20270115-4be1f0",
        model="digits",
        version="1.1.0",
        previous="1.0.0",
        strategy="canary",
        state="running",
        sentence="canary 10% is analysing: 2 devices against 18, the estimate needs more rows",
        started_unix_s=now_unix_s - 190.0,
        ended_unix_s=None,
        stages=[
            StageView("shadow", 0.1, "passed"),
            StageView("canary 10%", 0.1, "analysing"),
            StageView("canary 50%", 0.5, "waiting"),
            StageView("canary 100%", 1.0, "waiting"),
        ],
        executions={"cam-07": "succeeded", "cam-12": "succeeded", "cam-20": "notified"},
        devices_exposed=["cam-07", "cam-12"],
        events=[
            RolloutEventView(now_unix_s - 190.0, "started by cli at 127.0.0.1", {}),
            RolloutEventView(now_unix_s - 130.0, "shadow passed: 98.8 % of 640 rows agree", {}),
            RolloutEventView(now_unix_s - 20.0, "canary 10% is not sure yet", {"gates": _GATES}),
        ],
        actions=["pause", "rollback", "abort"],
    )
