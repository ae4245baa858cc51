from cloud_sync.measures import measures_of_pulse
from cloud_sync.pulse import Pulse


def test_a_cloud_without_its_broker_or_with_a_stuck_thread_is_in_trouble() -> None:
    now_s = [0.0]
    pulse = Pulse(lambda: now_s[0])
    before = pulse.troubles()
    pulse.connected()
    well = pulse.troubles()
    now_s[0] = 31.0
    stuck = pulse.troubles()
    pulse.beat()
    pulse.disconnected()

    assert list(before) == ["broker"]
    assert well == {}
    assert stuck == {"conductor": "has not come round for 31 s"}
    assert list(pulse.troubles()) == ["broker"]


def test_commits_are_counted_with_their_time() -> None:
    pulse = Pulse(lambda: 0.0)
    pulse.committed(0.25)
    pulse.committed(0.5)
    pulse.commit_failed()

    found = {
        measure.name.removeprefix("edgefleet_cloud_"): dict(measure.values)
        for measure in measures_of_pulse(pulse, waiting=7)
    }

    assert found["commits_total"] == {"": 2}
    assert found["commit_seconds_total"] == {"": 0.75}
    assert found["failed_commits_total"] == {"": 1}
    assert found["waiting_messages"] == {"": 7}
