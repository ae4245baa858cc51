import random
from dataclasses import replace

from cloud_sync.core.analysis import rank_devices, rank_features
from cloud_sync.core.facts import CohortStatistics, PackageFacts
from edge_contract.messages import Counters
from edge_contract.package import Reference
from edge_contract.stats import Column, JointSpec, ProfileSpec, VectorsSpec
from tests.support.behaviours import FRAGILE, package_of, window

PACKAGE = package_of(FRAGILE, "1.0.0")
SUMS = ProfileSpec(
    (
        Column("joint", JointSpec(("x", "y"), (0.0, 0.0), (1.0, 1.0), ((0, 1),))),
        Column("embedding", VectorsSpec((0.0, 0.0), (1.0, 1.0))),
    )
)


def seen(*, rows: int, dirty: bool, seed: int = 1) -> CohortStatistics:
    profile = window(PACKAGE, FRAGILE, random.Random(seed), rows=rows, dirty=dirty)
    return CohortStatistics(Counters(rows, rows), profile, 1)


def test_the_devices_that_drifted_come_first_and_are_the_only_ones_blamed() -> None:
    devices = {f"cam-{n}": seen(rows=200, dirty=n in (3, 7), seed=n) for n in range(10)}

    ranked = rank_devices(PACKAGE, devices, ["feature:x", "prediction"])

    assert [share.device for share in ranked[:2]] in (["cam-3", "cam-7"], ["cam-7", "cam-3"])
    assert {share.device for share in ranked if share.blamed} == {"cam-3", "cam-7"}
    assert min(share.contribution for share in ranked[:2]) > 0.0
    assert max(share.contribution for share in ranked[2:]) < 0.0


def test_a_device_with_few_rows_is_not_blamed_for_its_luck() -> None:
    devices = {"busy": seen(rows=400, dirty=False), "new": seen(rows=3, dirty=False, seed=9)}

    ranked = rank_devices(PACKAGE, devices, ["feature:x"])

    assert not any(share.blamed for share in ranked)


def test_devices_that_saw_nothing_are_left_out() -> None:
    silent = CohortStatistics(Counters(), PACKAGE.specs["primary"].empty(), 1)

    assert rank_devices(PACKAGE, {"cam-0": silent}, ["feature:x"]) == []
    assert rank_devices(PACKAGE, {}, ["feature:x"]) == []


def test_one_device_alone_contributes_all_of_it() -> None:
    (share,) = rank_devices(PACKAGE, {"cam-0": seen(rows=100, dirty=True)}, ["feature:x"])

    assert share.contribution == share.distance > 0.5


def test_the_most_drifted_feature_comes_first() -> None:
    ranked = rank_features(PACKAGE, seen(rows=400, dirty=True))

    assert [subject for subject, _ in ranked][-1] == "feature:y"


def summed(*, rows: int, seed: int, together: float = 0.8, moved: float = 0.0) -> CohortStatistics:
    rng = random.Random(seed)
    profile = SUMS.empty()
    for _ in range(rows):
        x, other = rng.gauss(0.0, 1.0), rng.gauss(0.0, 1.0)
        profile.observe(0, (x, together * x + (1.0 - together**2) ** 0.5 * other))
        profile.observe(1, (rng.gauss(0.0, 1.0), rng.gauss(moved, 1.0)))
    return CohortStatistics(Counters(rows, rows), profile, 1)


def package_of_sums() -> PackageFacts:
    reference = Reference(5000, summed(rows=5000, seed=100).profile)
    return PackageFacts(PACKAGE.digest, replace(PACKAGE.manifest, features=()), reference)


def test_devices_whose_features_came_apart_are_blamed_for_it() -> None:
    devices = {f"cam-{n}": summed(rows=300, seed=n) for n in range(8)}
    devices["cam-5"] = summed(rows=300, seed=5, together=0.2)

    ranked = rank_devices(package_of_sums(), devices, ["joint"])

    assert [share.device for share in ranked if share.blamed] == ["cam-5"]
    assert ranked[0].device == "cam-5"
    assert ranked[0].contribution > 0.0 > ranked[-1].contribution
    assert ranked[0].rows == 300


def test_devices_whose_embedding_moved_are_blamed_if_they_saw_enough() -> None:
    devices = {f"cam-{n}": summed(rows=300, seed=n, moved=0.6 * (n == 2)) for n in range(6)}
    devices["cam-9"] = summed(rows=20, seed=9, moved=3.0)

    ranked = rank_devices(package_of_sums(), devices, ["embedding"])

    assert [share.device for share in ranked if share.blamed] == ["cam-2"]
    assert 0.0 < ranked[-1].distance < ranked[0].distance < 1.0
