"""When telemetry cannot leave or nobody takes it, it waits, shrinks if it must, and arrives."""

from pathlib import Path

from tests.integration.processes import Cameras, CloudProcess, eventually
from tests.integration.system import System, read_ledger


def test_a_collector_that_stands_still_for_a_while_misses_nothing(system: System) -> None:
    system.film(["cam-1", "cam-2", "cam-3"])

    with system.cloud.standing_still():
        system.after(rows=300)

    told = system.settle()
    ledger = read_ledger(system.cloud.data)
    assert told.failed == 0
    assert (ledger.rows, ledger.device_rows) == (told.returned, told.returned)
    assert ledger.batches == system.batches_saved()


def test_a_full_outbox_makes_windows_longer_and_loses_no_row(
    tmp_path: Path, packages: dict[str, Path]
) -> None:
    cloud = CloudProcess(tmp_path)
    cameras = Cameras(
        tmp_path / "devices",
        ["cam-1"],
        broker=cloud.broker_url,
        model=str(packages["1.0.0"]),
        rate_hz=100.0,
        interval_s=0.1,
        outbox_bytes=6_000,
    )
    with cameras:
        eventually("it predicts without a cloud", lambda: cameras.tally.returned > 250)
        with cloud:
            cloud.client.push(packages["1.0.0"])
            cameras.pause()
            told = cameras.tally
            eventually(
                "all rows",
                lambda: cloud.client.summary().rows_merged >= told.returned,
                within_s=45.0,  # a link that failed often waits up to half a minute
            )

            summary = cloud.client.summary()
            ledger = read_ledger(cloud.data)
    assert told.failed == 0
    assert (summary.rows_merged, ledger.rows) == (told.returned, told.returned)
    assert ledger.lost_rows == 0
    windows = told.returned / 10
    assert ledger.batches < windows / 2
