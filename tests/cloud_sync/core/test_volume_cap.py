"""One device cannot fill what alarms take of the fleet."""

from cloud_sync.core.increments import PackageRole
from cloud_sync.core.volume_cap import VolumeCap

SUBJECT = PackageRole("sha256:" + "a" * 64, "primary")
DEVICES = [f"cam-{number}" for number in range(8)]


def taken(cap: VolumeCap, device: str, minute: int, rows: int) -> bool:
    return cap.takes(device, SUBJECT, at_unix_s=60 * minute, rows=rows)


def test_a_device_that_counts_a_hundred_times_as_much_is_left_out_and_named() -> None:
    cap = VolumeCap(60)
    for minute in range(5):
        for device in DEVICES:
            assert taken(cap, device, minute, 100)

    assert not taken(cap, "taken", 5, 10_000)
    assert all(taken(cap, device, 5, 100) for device in DEVICES)
    assert not taken(cap, "taken", 6, 10_000)
    assert cap.left_out(SUBJECT.package) == {"taken": 2}
    assert cap.left_out("sha256:other") == {}


def test_its_share_of_a_window_stays_a_third_however_it_cuts_what_it_sends() -> None:
    cap = VolumeCap(60)
    for device in DEVICES:
        taken(cap, device, 0, 100)

    rows = sum(10 for _ in range(1000) if taken(cap, "cam-0", 1, 10))

    assert rows == 350  # half of what the seven others counted
    assert 350 / (350 + 700) == 1 / 3


def test_what_was_left_out_gives_nobody_more_room() -> None:
    cap = VolumeCap(60)
    for device in DEVICES:
        taken(cap, device, 0, 100)
    for device in DEVICES:
        taken(cap, device, 1, 100)
    assert not taken(cap, "a", 1, 10**9)

    assert not taken(cap, "b", 2, 500)
    assert taken(cap, "b", 2, 400)


def test_a_device_that_is_twice_as_busy_is_taken_whole() -> None:
    cap = VolumeCap(60)

    found = [
        taken(cap, device, minute, 200 if device == "cam-0" else 100)
        for minute in range(20)
        for device in DEVICES
    ]

    assert all(found)


def test_small_fleets_and_windows_after_a_silence_are_not_bounded() -> None:
    cap = VolumeCap(60)
    assert all(taken(cap, "cam-0", minute, 10**6) for minute in range(3))
    for device in DEVICES:
        assert taken(cap, device, 10, 100)

    assert taken(cap, "cam-0", 12, 10**6)


def test_memory_is_bounded_however_many_windows_devices_name() -> None:
    cap = VolumeCap(60)

    for minute in range(400_000):
        taken(cap, "cam-0", minute * 7, 1)

    assert len(cap._windows) <= 300_002
