"""Samples wait within a quota and for a time, and survive a restart."""

import os
from pathlib import Path

from edge_agent.samples.store import KeptSample, SampleStore
from edge_contract.reading import JsonValue

DAY_S = 86_400.0


def sample(number: int, *, at_unix_s: float = 1000.0, reason: str = "drifted") -> KeptSample:
    row: JsonValue = [f"id-{number}", at_unix_s, [reason], "3", 0.5, "", "", [float(number)] * 20]
    return KeptSample("sha256:aa", "digits", at_unix_s, f"id-{number}", (reason,), row)


def store(folder: Path, *, most_bytes: int = 2**20) -> SampleStore:
    return SampleStore(folder / "samples", most_bytes=most_bytes, keep_s=7 * DAY_S)


def test_what_was_kept_is_there_after_a_restart_newest_first(tmp_path: Path) -> None:
    first = store(tmp_path)
    for number in range(5):
        assert first.add(sample(number))

    found = store(tmp_path).newest(3)

    assert [one.prediction_id for one in found] == ["id-4", "id-3", "id-2"]
    assert found[0] == sample(4)
    assert (tmp_path / "samples").stat().st_mode & 0o077 == 0


def test_the_oldest_make_room_and_the_quota_holds(tmp_path: Path) -> None:
    kept = store(tmp_path, most_bytes=8_000)
    for number in range(200):
        kept.add(sample(number))

    found = [one.prediction_id for one in kept.newest(1000)]

    assert kept.size_bytes() <= 8_000
    assert found[0] == "id-199"
    assert "id-0" not in found
    assert len(found) > 20


def test_a_sample_that_is_too_large_is_not_kept(tmp_path: Path) -> None:
    kept = store(tmp_path, most_bytes=1_000)

    assert kept.add(sample(1)) is False
    assert kept.newest(10) == []


def test_samples_go_when_their_time_is_over(tmp_path: Path) -> None:
    kept = store(tmp_path)
    kept.add(sample(1, at_unix_s=1000.0))
    kept.add(sample(2, at_unix_s=1000.0 + 6 * DAY_S))
    for path in (tmp_path / "samples").iterdir():
        os.utime(path, (1000.0 + 6 * DAY_S,) * 2)

    kept.expire(1000.0 + 6.5 * DAY_S)
    before = [one.prediction_id for one in kept.newest(10)]
    kept.expire(1000.0 + 7.5 * DAY_S)
    after = [one.prediction_id for one in kept.newest(10)]

    assert before == ["id-2", "id-1"]
    assert after == ["id-2"]


def test_only_what_is_asked_for_is_returned_and_what_was_sent_is_forgotten(tmp_path: Path) -> None:
    kept = store(tmp_path)
    kept.add(sample(1, reason="drifted"))
    kept.add(sample(2, reason="uncertain"))

    uncertain = kept.newest(10, reasons=["uncertain"])
    others = kept.newest(10, models=["gate"])
    kept.forget({"id-2"})

    assert [one.prediction_id for one in uncertain] == ["id-2"]
    assert others == []
    assert [one.prediction_id for one in kept.newest(10)] == ["id-1"]
    kept.add(sample(3))
    assert [one.prediction_id for one in store(tmp_path).newest(10)] == ["id-3", "id-1"]


def test_a_line_that_a_crash_cut_off_costs_only_itself(tmp_path: Path) -> None:
    kept = store(tmp_path)
    kept.add(sample(1))
    (path,) = (tmp_path / "samples").iterdir()
    path.write_bytes(path.read_bytes() + b'["sha256:aa","digits",10')

    again = store(tmp_path)
    again.add(sample(2))

    assert [one.prediction_id for one in again.newest(10)] == ["id-2", "id-1"]
