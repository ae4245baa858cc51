import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.adapters.recorder import Recorder, Stream
from edge_contract.errors import UnavailableError, UsageError
from edge_contract.messages import Counters, WindowEntry
from edge_contract.package import LATENCY, Package, Role, profile_specs
from edge_contract.stats import Moments, Profile
from tests.support.disks import files_of_at_most
from tests.support.packages import binary, with_version

Marks = Mapping[str, tuple[int, ...]]

NO_MARKS: Marks = {}


@pytest.fixture
def package() -> Package:
    return binary().package


@pytest.fixture
def recorder(tmp_path: Path, package: Package) -> Iterator[Recorder]:
    recorder = recorder_of(tmp_path, package)
    yield recorder
    recorder.close()


def recorder_of(folder: Path, *packages: Package, marks: Marks = NO_MARKS) -> Recorder:
    """What an agent makes at its start, with packages that are in its store."""
    recorder = Recorder(folder, marks, owner=7)
    for package in packages:
        recorder.knows(package.digest, package.manifest, package.reference())
    return recorder


def primary(recorder: Recorder, package: Package) -> Stream:
    return recorder.stream(package.digest, Role.PRIMARY)


def never() -> None:
    raise AssertionError("there is room enough")


def observe(stream: Stream, *values: float, calls: int = 1) -> None:
    """Put in rows whose first feature has these values."""
    stream.put(row_parts(*values), len(values), 100.0, wake=lambda: None, calls=calls)


def row_parts(*values: float) -> list[NDArray[np.float32] | float]:
    features = np.zeros((len(values), 3), np.float32)
    features[:, 0] = values
    ones = np.ones(len(values), np.float32)
    return [features, ones, ones * np.float32(0.75), 12.0]


def profile_of(package: Package, entry: WindowEntry) -> Profile:
    return profile_specs(package.manifest, package.reference())[entry.role].decode(entry.profile)


def columns_of(package: Package, subject: str) -> dict[str, int]:
    """Which columns of the primary profile a subject has, by kind."""
    spec = profile_specs(package.manifest, package.reference())[Role.PRIMARY]
    return spec.indices(subject)


def first_feature(package: Package, entry: WindowEntry) -> tuple[int, float]:
    """How many values of the first feature were counted, and their mean."""
    moments = profile_of(package, entry)[columns_of(package, "feature:x0")["moments"]]
    assert isinstance(moments, Moments)
    return moments.count, moments.mean


def test_rows_become_an_entry_once(recorder: Recorder, package: Package) -> None:
    stream = primary(recorder, package)
    observe(stream, 1.0, 2.0, 6.0)
    observe(stream, 3.0)

    (entry,), marks = recorder.collect(160.0)

    assert (entry.package, entry.role) == (package.digest, "primary")
    assert (entry.start_unix_s, entry.end_unix_s) == (100.0, 160.0)
    assert entry.counters == Counters(rows=4, calls=2)
    assert first_feature(package, entry) == (4, 3.0)
    assert marks == {stream.ring.ring_id: (4, 2, 0, 0)}
    assert recorder.collect(161.0) == ([], {})


def test_failures_and_drops_become_an_entry_without_rows(
    recorder: Recorder, package: Package
) -> None:
    primary(recorder, package).count(failures=2, dropped=5)

    (entry,), _ = recorder.collect(160.0)

    assert entry.counters == Counters(failures=2, dropped=5)
    assert (entry.start_unix_s, entry.end_unix_s, entry.profile) == (160.0, 160.0, {})


def test_a_clock_that_was_set_back_gives_no_window_that_ends_before_it_began(
    recorder: Recorder, package: Package
) -> None:
    observe(primary(recorder, package), 1.0)

    (entry,), _ = recorder.collect(50.0)

    assert (entry.start_unix_s, entry.end_unix_s) == (50.0, 50.0)


def test_the_next_window_begins_when_the_last_one_was_collected(
    recorder: Recorder, package: Package
) -> None:
    stream = primary(recorder, package)
    observe(stream, 1.0)
    _, marks = recorder.collect(160.0)
    observe(stream, 2.0)  # before the first one was saved
    recorder.release(marks)

    (entry,), _ = recorder.collect(220.0)

    assert entry.start_unix_s == 160.0


def test_every_package_and_role_has_a_stream_of_its_own(tmp_path: Path, package: Package) -> None:
    newer = with_version(package, "1.1.0")
    recorder = recorder_of(tmp_path, package, newer)
    observe(primary(recorder, package), 1.0)
    observe(primary(recorder, newer), 2.0, 3.0)
    recorder.stream(newer.digest, Role.LABELS).put(
        [np.array([[1.0, 0.0, 0.75]], np.float32)], 1, 100.0, wake=never, calls=0
    )

    entries, _ = recorder.collect(160.0)

    assert {(entry.package, entry.role): entry.counters for entry in entries} == {
        (package.digest, "primary"): Counters(rows=1, calls=1),
        (newer.digest, "primary"): Counters(rows=2, calls=1),
        (newer.digest, "labels"): Counters(rows=1),
    }
    assert recorder.rows_observed() == 3
    assert recorder.mark_of(newer.digest, Role.PRIMARY) == (2, 1, 0, 0)
    assert recorder.mark_of(newer.digest, Role.SHADOW) == (0, 0, 0, 0)
    recorder.close()


def test_after_a_restart_only_what_is_in_no_batch_is_counted(
    tmp_path: Path, package: Package
) -> None:
    first_life = recorder_of(tmp_path, package)
    observe(primary(first_life, package), 1.0, 2.0)
    _, saved = first_life.collect(160.0)
    first_life.release(saved)
    observe(primary(first_life, package), 7.0, 8.0, 9.0)
    first_life.close()

    second_life = recorder_of(tmp_path, package, marks=saved)
    (entry,), _ = second_life.collect(300.0)

    assert entry.counters == Counters(rows=3, calls=1)
    assert first_feature(package, entry) == (3, 8.0)
    assert second_life.rows_observed() == 5
    second_life.close()


def test_rows_whose_batch_was_only_in_memory_are_counted_by_the_next_life(
    tmp_path: Path, package: Package
) -> None:
    first_life = recorder_of(tmp_path, package)
    observe(primary(first_life, package), 1.0, 2.0)
    _, unsaved = first_life.collect(160.0)
    first_life.release(unsaved)  # the disk refuses the batch
    first_life.close()

    second_life = recorder_of(tmp_path, package)
    assert primary(second_life, package).ring.free == 16382  # they are not overwritten meanwhile
    (entry,), _ = second_life.collect(300.0)

    assert entry.counters == Counters(rows=2, calls=1)
    assert first_feature(package, entry) == (2, 1.5)
    second_life.close()


def test_rows_overwritten_before_their_batch_was_saved_are_counted_as_dropped(
    tmp_path: Path, package: Package
) -> None:
    first_life = recorder_of(tmp_path, package)
    for value in (1.0, 2.0):
        observe(primary(first_life, package), *[value] * 10_000)
        _, unsaved = first_life.collect(160.0)
        first_life.release(unsaved)
    first_life.close()

    second_life = recorder_of(tmp_path, package)
    (entry,), _ = second_life.collect(300.0)

    assert entry.counters == Counters(rows=16384, calls=2, dropped=3616)
    count, mean = first_feature(package, entry)
    assert count == 16384
    assert mean == pytest.approx((6384 * 1.0 + 10_000 * 2.0) / 16384)
    second_life.close()


def test_a_ring_of_a_store_that_was_deleted_is_not_counted_again(
    tmp_path: Path, package: Package
) -> None:
    first_life = recorder_of(tmp_path, package)
    observe(primary(first_life, package), 1.0, 2.0)
    first_life.close()

    with_new_store = Recorder(tmp_path, {}, owner=8)
    with_new_store.knows(package.digest, package.manifest, package.reference())

    assert with_new_store.collect(300.0) == ([], {})
    with_new_store.close()


def test_a_ring_behind_its_marks_begins_anew(tmp_path: Path, package: Package) -> None:
    first_life = recorder_of(tmp_path, package)
    observe(primary(first_life, package), 1.0, 2.0)
    name = primary(first_life, package).ring.ring_id
    first_life.close()

    after_power_cut = recorder_of(tmp_path, package, marks={name: (10, 5, 0, 0)})
    observe(primary(after_power_cut, package), 4.0)
    (entry,), marks = after_power_cut.collect(300.0)

    assert entry.counters == Counters(rows=1, calls=1)
    assert name not in marks
    after_power_cut.close()


def test_marks_of_rings_that_are_gone_are_stale(tmp_path: Path, package: Package) -> None:
    first_life = recorder_of(tmp_path, package)
    observe(primary(first_life, package), 1.0)
    name = primary(first_life, package).ring.ring_id
    first_life.close()

    second_life = recorder_of(tmp_path, package, marks={name: (1, 1, 0, 0), "gone": (9, 9, 0, 0)})

    assert second_life.stale_marks() == ["gone"]
    second_life.close()


def test_marks_of_a_ring_whose_package_is_damaged_are_not_stale(
    tmp_path: Path, package: Package
) -> None:
    first_life = recorder_of(tmp_path, package)
    observe(primary(first_life, package), 1.0)
    _, saved = first_life.collect(160.0)
    first_life.close()

    without_package = recorder_of(tmp_path, marks=saved)
    assert without_package.stale_marks() == []
    without_package.close()

    mended = recorder_of(tmp_path, package, marks=saved)
    assert mended.collect(300.0) == ([], {})
    mended.close()


def test_rings_of_forgotten_packages_are_removed(tmp_path: Path, package: Package) -> None:
    newer = with_version(package, "1.1.0")
    recorder = recorder_of(tmp_path, package, newer)
    observe(primary(recorder, package), 1.0)
    observe(primary(recorder, newer), 1.0)

    recorder.forget_others([newer.digest])

    assert [path.name for path in tmp_path.iterdir()] == [f"{newer.digest[7:31]}-primary.ring"]
    with pytest.raises(UsageError, match=r"package sha256:\S+ is not known here"):
        primary(recorder, package)
    with pytest.raises(UsageError, match="no longer on this device: its labels came too late"):
        recorder.package_digest(package.digest[:19])
    assert recorder.package_digest(newer.digest[:19]) == newer.digest
    recorder.close()


def test_a_ring_that_finds_no_room_lies_in_the_spare_folder_from_then_on(
    tmp_path: Path, package: Package
) -> None:
    spare = tmp_path / "spare"
    spare.mkdir()
    first_life = Recorder(tmp_path / "missing", {}, spare=spare)
    first_life.knows(package.digest, package.manifest, package.reference())
    observe(primary(first_life, package), 1.0)
    first_life.close()

    (tmp_path / "missing").mkdir()
    second_life = Recorder(tmp_path / "missing", {}, spare=spare)
    second_life.knows(package.digest, package.manifest, package.reference())

    assert primary(second_life, package).ring.path.parent == spare
    assert second_life.rows_observed() == 1
    second_life.close()


def test_without_room_for_a_ring_the_error_says_where(tmp_path: Path, package: Package) -> None:
    recorder = recorder_of(tmp_path, package)
    with files_of_at_most(1000), pytest.raises(UnavailableError, match="cannot make file"):
        primary(recorder, package)
    primary(recorder, package)  # there is room again
    recorder.close()


def test_a_ring_that_is_half_full_asks_to_be_collected(
    recorder: Recorder, package: Package
) -> None:
    stream = primary(recorder, package)
    stream.put(row_parts(*[0.0] * 8192), 8192, 100.0, wake=never)
    woken: list[bool] = []

    stream.put(row_parts(0.0), 1, 100.0, wake=lambda: woken.append(True))

    assert woken == [True]


def test_a_call_larger_than_the_ring_goes_in_by_parts_while_they_are_collected(
    recorder: Recorder, package: Package
) -> None:
    stream = primary(recorder, package)
    (latency,) = columns_of(package, LATENCY).values()
    rows = 0
    calls = 0
    latencies = 0

    def collect() -> None:
        nonlocal rows, calls, latencies
        entries, marks = recorder.collect(160.0)
        recorder.release(marks)
        for entry in entries:
            rows += entry.counters.rows
            calls += entry.counters.calls
            latencies += profile_of(package, entry)[latency].count

    stream.put(row_parts(*[1.0] * 30_000), 30_000, 100.0, wake=collect)
    collect()

    assert (rows, calls, latencies) == (30_000, 1, 1)


def test_a_ring_that_is_stuck_holds_up_one_prediction_and_no_more(
    recorder: Recorder, package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.adapters.stream._FULL_WAIT_S", 0.05)
    stream = primary(recorder, package)
    observe(stream, *[0.0] * 16384)

    began_s = time.monotonic()
    observe(stream, *[0.0] * 100)
    waited_s = time.monotonic() - began_s
    began_s = time.monotonic()
    for _ in range(20):
        observe(stream, *[0.0] * 100)
    waited_later_s = time.monotonic() - began_s

    assert waited_s >= 0.05
    assert waited_later_s < 20 * 0.05
    (entry,), marks = recorder.collect(160.0)
    assert entry.counters == Counters(rows=16384, calls=22, dropped=2100)
    recorder.release(marks)
    observe(stream, 1.0)
    (entry,), _ = recorder.collect(170.0)
    assert entry.counters == Counters(rows=1, calls=1)


def test_the_shadow_does_not_wait_for_room(recorder: Recorder, package: Package) -> None:
    stream = recorder.stream(package.digest, Role.SHADOW)
    full = np.zeros((16384, 5), np.float32)
    stream.offer([full], 16384, 100.0)

    stream.offer([full[:3]], 3, 100.0)

    (entry,), _ = recorder.collect(160.0)
    assert entry.counters == Counters(rows=16384, calls=1, dropped=3)


def test_rows_of_calls_still_under_way_at_the_end_are_counted_by_the_next_life(
    tmp_path: Path, package: Package
) -> None:
    first_life = recorder_of(tmp_path, package)
    stream = primary(first_life, package)
    observe(stream, 1.0)
    first_life.close()
    observe(stream, 3.0)

    with pytest.raises(UsageError, match="closed"):
        primary(first_life, package)
    second_life = recorder_of(tmp_path, package)
    (entry,), _ = second_life.collect(300.0)

    assert entry.counters == Counters(rows=2, calls=2)
    second_life.close()


def test_rows_for_a_ring_that_was_removed_are_not_counted_and_no_error(
    tmp_path: Path, package: Package
) -> None:
    recorder = recorder_of(tmp_path, package)
    stream = primary(recorder, package)
    observe(stream, 1.0)
    ring_id = stream.ring.ring_id
    recorder.forget_others([])

    observe(stream, 2.0)
    observe(stream, *[2.0] * 10_000)
    stream.count(failures=1)
    stream.offer(row_parts(3.0), 1, 100.0)
    stream.release({ring_id: (1,)})

    assert recorder.collect(300.0) == ([], {})
    assert list(tmp_path.iterdir()) == []
    recorder.close()


def test_eight_threads_that_predict_while_rows_are_collected_are_all_counted_once(
    recorder: Recorder, package: Package
) -> None:
    stream = primary(recorder, package)
    done = threading.Event()
    entries: list[WindowEntry] = []

    def collect_until_done() -> None:
        finished = False
        while not finished:
            finished = done.is_set()
            collected, marks = recorder.collect(160.0)
            entries.extend(collected)
            recorder.release(marks)

    def predict(worker: int) -> None:
        for call in range(300):
            observe(stream, *[float(worker)] * (call % 5 + 1))
            if call % 10 == 0:
                stream.count(failures=1)

    collector = threading.Thread(target=collect_until_done)
    collector.start()
    workers = [threading.Thread(target=predict, args=(worker,)) for worker in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    done.set()
    collector.join()

    total = Counters()
    values = 0
    weighted = 0.0
    for entry in entries:
        total = total.plus(entry.counters)
        if entry.profile:
            count, mean = first_feature(package, entry)
            values += count
            weighted += count * mean
    assert total == Counters(rows=8 * 900, calls=8 * 300, failures=8 * 30)
    assert values == 7200
    # Means leave with seven digits, in as many windows as it happened to be.
    assert weighted == pytest.approx(900 * (0 + 1 + 2 + 3 + 4 + 5 + 6 + 7), rel=1e-5)
