from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.core.facts import DeviceFacts, DeviceStatus
from cloud_sync.core.rollout.cohort import newcomers, quota

ON, OFF = DeviceStatus.ONLINE, DeviceStatus.UNREACHABLE


def fleet(size: int, *, unreachable: frozenset[int] = frozenset()) -> dict[str, DeviceFacts]:
    return {
        f"cam-{n:03d}": DeviceFacts(f"cam-{n:03d}", OFF if n in unreachable else ON)
        for n in range(size)
    }


def test_a_stage_has_its_share_rounded_up() -> None:
    assert [quota(0.1, devices) for devices in (0, 1, 10, 11, 20)] == [0, 1, 1, 2, 2]
    assert quota(1.0, 7) == 7
    assert quota(0.3, 10) == 3


@given(
    size=st.integers(0, 60),
    steps=st.lists(st.floats(0.01, 1.0), min_size=1, max_size=4).map(sorted),
    away=st.frozensets(st.integers(0, 60)),
)
def test_each_stage_contains_the_one_before_and_never_exceeds_its_share(
    size: int, steps: list[float], away: frozenset[int]
) -> None:
    devices = fleet(size, unreachable=away)
    members: list[str] = []

    for step in steps:
        members += newcomers(devices, members, fraction=step, salt="s")
        assert len(members) == len(set(members)) == quota(step, size)


def test_reachable_devices_come_first() -> None:
    devices = fleet(10, unreachable=frozenset(range(7)))

    chosen = newcomers(devices, [], fraction=0.3, salt="s")

    assert sorted(chosen) == ["cam-007", "cam-008", "cam-009"]


def test_another_salt_tries_other_devices_first() -> None:
    devices = fleet(100)

    chosen = {tuple(newcomers(devices, [], fraction=0.05, salt=salt)) for salt in "abcdef"}

    assert len(chosen) == 6


def test_a_late_joiner_takes_a_place_only_if_one_is_free() -> None:
    ten, eleven = fleet(10), fleet(11)
    members = newcomers(ten, [], fraction=0.5, salt="s")

    joined = newcomers(eleven, members, fraction=0.5, salt="s")

    assert len(members) == 5
    assert len(joined) == 1


def test_devices_that_left_the_fleet_free_their_places() -> None:
    devices = fleet(10)
    gone = ["old-1", "old-2"]

    assert len(newcomers(devices, gone, fraction=0.2, salt="s")) == 2
