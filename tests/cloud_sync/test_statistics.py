"""What a report is told, from a real warehouse: twelve devices at two sites."""

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from cloud_sync.adapters.folder_registry import FolderRegistry
from cloud_sync.adapters.sqlite_warehouse import SqliteWarehouse
from cloud_sync.adapters.warehouse_evidence import WarehouseEvidence
from cloud_sync.alarm_desk import AlarmDesk
from cloud_sync.core.collector import Collector, CollectorConfig
from cloud_sync.core.facts import DeviceFacts, DeviceStatus
from cloud_sync.core.segment_index import SegmentIndex, SegmentRules
from cloud_sync.core.segments import TAG, Segment
from cloud_sync.feature_views import thinned
from cloud_sync.segment_views import read_segment
from cloud_sync.statistics import StatisticsDesk
from cloud_sync.statistics_view import EvidenceView, StatisticsView
from converters.observed import predicted
from converters.runtime import OnnxModel
from edge_agent.adapters.numpy_counting import count_block
from edge_contract.errors import UsageError
from edge_contract.messages import Counters, WindowEntry
from edge_contract.package import Role, layout_of
from tests.support.packages import binary
from tests.support.telemetry import batch_of, facts_of, payload_of, telemetry_topic

PACKAGE = binary().package
FACTS = facts_of(PACKAGE)
MODEL = OnnxModel(PACKAGE.model(), what="the model")
DEVICES = {f"cam-{number:02}": "oslo" if number < 4 else "bergen" for number in range(12)}


def fleet_of(sites: Mapping[str, str]) -> dict[str, DeviceFacts]:
    return {
        name: DeviceFacts(name, DeviceStatus.ONLINE, tags={"site": site})
        for name, site in sites.items()
    }


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[SqliteWarehouse]:
    with closing(SqliteWarehouse(tmp_path)) as warehouse:
        yield warehouse


@pytest.fixture
def packages(tmp_path: Path) -> Iterator[FolderRegistry]:
    with closing(FolderRegistry(tmp_path)) as registry:
        registry.put(PACKAGE, at_unix_s=time.time())
        yield registry


def window(*, shift: float, seed: int, at_unix_s: float) -> WindowEntry:
    rng = np.random.default_rng(seed)
    spec = FACTS.specs[Role.PRIMARY]
    layout = layout_of(Role.PRIMARY, FACTS.manifest, spec)
    rows = np.full((300, layout.width), np.nan, np.float32)
    rows[:, :3] = rng.normal((0.0, 0.0, shift), 1.0, size=(300, 3))
    outputs = MODEL.run({FACTS.manifest.inputs[0].name: rows[:, :3].copy()})
    rows[:, 3], rows[:, 4] = predicted(FACTS.manifest, outputs, 300)
    profile = count_block(spec, layout, rows)
    counters = Counters(rows=300, calls=300)
    return WindowEntry(
        FACTS.digest, Role.PRIMARY, at_unix_s, at_unix_s + 10.0, counters, profile.to_state()
    )


class Cloud:
    """A desk over what devices counted; ``shifts`` moves a site's third feature."""

    def __init__(
        self,
        warehouse: SqliteWarehouse,
        packages: FolderRegistry,
        *,
        sites: Mapping[str, str],
        shifts: Mapping[str, float],
        min_cohort: int = 1,
    ) -> None:
        self._warehouse = warehouse
        self._packages = packages
        self.fleet = fleet_of(sites)
        rules = SegmentRules(min_devices=max(min_cohort, 2))
        index = SegmentIndex(rules, self.fleet.values())
        evidence = WarehouseEvidence(packages, warehouse)
        self.alarms = AlarmDesk(
            warehouse,
            packages,
            evidence,
            per_month=1.0,
            grouping_s=600.0,
            members=index.devices_of,
        )
        self.desk = StatisticsDesk(
            evidence, warehouse, self.alarms, rules=rules, min_cohort=min_cohort, live_s=3600.0
        )
        self._collector = Collector(
            CollectorConfig(window_s=10, device_window_s=10),
            packages={FACTS.digest: FACTS}.get,
            marks=warehouse.marks,
            is_known=lambda _: True,
            segments=index.of,
        )
        for seq in range(3):
            self._look(seq, sites, shifts)

    def _look(self, seq: int, sites: Mapping[str, str], shifts: Mapping[str, float]) -> None:
        now_unix_s = time.time() - 240.0 + 70.0 * seq
        for number, (name, site) in enumerate(sites.items()):
            entry = window(
                shift=shifts.get(site, 0.0), seed=100 * seq + number, at_unix_s=now_unix_s
            )
            batch = batch_of(seq, entry, device=name)
            self._collector.on_telemetry(telemetry_topic(name), payload_of(batch), now_unix_s)
        commit = self._collector.take_commit()
        assert commit is not None
        self._warehouse.commit(commit)
        self._collector.committed()
        self.alarms.tick(now_unix_s)

    def view(
        self, *, segment: str = "", since_unix_s: float | None = None, brief: bool = False
    ) -> StatisticsView:
        version = self._packages.version(FACTS.manifest.name, FACTS.manifest.version)
        return self.desk.view(
            version, self.fleet, segment=segment, since_unix_s=since_unix_s, brief=brief
        )


def test_a_shifted_site_stands_first_with_its_evidence_and_its_devices(
    warehouse: SqliteWarehouse, packages: FolderRegistry
) -> None:
    cloud = Cloud(warehouse, packages, sites=DEVICES, shifts={"oslo": 1.5})

    view = cloud.view()

    assert (view.rows, view.devices, view.suppressed) == (10_800, 12, "")
    assert view.features[0].subject == "feature:x2"
    assert view.features[0].drifted
    assert [segment.segment for segment in view.segments] == ["site=oslo", "site=bergen"]
    oslo, bergen = view.segments
    assert (oslo.devices, oslo.rows, oslo.worst) == (4, 3600, "feature:x2")
    assert "feature:x2" in oslo.drifted
    assert oslo.distance > 0.4
    assert bergen.distance < 0.2
    assert {share.device for share in view.device_shares if share.blamed} == {
        "cam-00", "cam-01", "cam-02", "cam-03",
    }  # fmt: skip


def test_evidence_comes_over_time_and_rises_with_the_drift(
    warehouse: SqliteWarehouse, packages: FolderRegistry
) -> None:
    cloud = Cloud(warehouse, packages, sites=DEVICES, shifts={"oslo": 1.5})

    first, *_ = cloud.view().features

    times = [point.at_unix_s for point in first.history]
    assert len(times) == 4  # three looks, and now
    assert times == sorted(times)
    assert first.history[-1].evidence >= 1.0


def test_a_page_learns_where_segments_stand_without_asking_for_statistics(
    warehouse: SqliteWarehouse, packages: FolderRegistry
) -> None:
    cloud = Cloud(warehouse, packages, sites=DEVICES, shifts={"oslo": 1.5})
    warehouse.close()

    oslo, bergen = cloud.desk.segments_watched(FACTS, cloud.fleet)

    assert (oslo.segment, oslo.devices, oslo.worst) == ("site=oslo", 4, "feature:x2")
    assert oslo.evidence >= 1.0
    assert (bergen.segment, bergen.devices, list(bergen.drifted)) == ("site=bergen", 8, [])


def test_long_histories_are_thinned_to_what_can_be_seen() -> None:
    history = [EvidenceView(60.0 * k, 9.0 if k == 777 else 0.1) for k in range(2880)]

    thin = thinned(history)

    assert len(thin) == 120
    assert max(point.evidence for point in thin) == 9.0
    assert [point.at_unix_s for point in thin] == sorted(point.at_unix_s for point in thin)
    assert thinned(history[:3]) == history[:3]


def test_a_segment_is_looked_at_by_itself(
    warehouse: SqliteWarehouse, packages: FolderRegistry
) -> None:
    cloud = Cloud(warehouse, packages, sites=DEVICES, shifts={"oslo": 1.5})

    oslo, bergen = cloud.view(segment="site=oslo"), cloud.view(segment="site=bergen")

    assert (oslo.segment, oslo.devices, oslo.rows) == ("site=oslo", 4, 3600)
    assert oslo.features[0].subject == "feature:x2"
    assert oslo.features[0].drifted
    assert not any(feature.drifted for feature in bergen.features)
    assert {share.device for share in bergen.device_shares} == {
        name for name, site in DEVICES.items() if site == "bergen"
    }


def test_what_was_counted_before_is_left_out(
    warehouse: SqliteWarehouse, packages: FolderRegistry
) -> None:
    cloud = Cloud(warehouse, packages, sites=DEVICES, shifts={})

    later = cloud.view(since_unix_s=time.time() - 130.0)
    never = cloud.view(since_unix_s=time.time() - 1.0)

    assert later.rows == 3600
    assert (never.rows, never.devices, never.suppressed) == (0, 0, "")


def test_a_page_is_told_the_same_without_a_look_at_single_devices(
    warehouse: SqliteWarehouse, packages: FolderRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seen(view: StatisticsView) -> list[tuple[str, float, bool]]:
        return [(feature.subject, feature.ks, feature.drifted) for feature in view.features]

    cloud = Cloud(warehouse, packages, sites=DEVICES, shifts={"oslo": 1.5})
    monkeypatch.setattr("cloud_sync.statistics._BRIEF_DEVICES", 3)

    whole, brief = cloud.view(), cloud.view(brief=True)
    part = cloud.view(segment="site=bergen", brief=True)

    assert seen(brief) == seen(whole)
    assert [segment.segment for segment in brief.segments] == ["site=oslo", "site=bergen"]
    assert (brief.device_shares, brief.device_note) == ((), "")
    assert (part.devices, part.rows, part.segments) == (3, 2700, ())
    assert part.device_note == "drawn from 3 of its 8 devices"
    assert seen(part) == seen(cloud.view(segment="site=bergen", brief=True))


def test_statistics_of_too_few_devices_are_withheld(
    warehouse: SqliteWarehouse, packages: FolderRegistry
) -> None:
    cloud = Cloud(warehouse, packages, sites=DEVICES, shifts={"oslo": 1.5}, min_cohort=5)

    everybody, oslo = cloud.view(), cloud.view(segment="site=oslo")

    assert everybody.suppressed == ""
    assert everybody.features
    assert "site=oslo" not in {segment.segment for segment in everybody.segments}
    assert everybody.device_shares == ()
    assert everybody.device_note.startswith("withheld: what single devices count")
    assert oslo.suppressed == (
        "withheld: they rest on 4 devices, and statistics of fewer than 5 are shown to nobody"
    )
    assert not oslo.features
    assert not oslo.classes
    assert not oslo.segments
    assert (oslo.estimated, oslo.labelled) == ({}, {})


def test_a_segment_that_leaves_few_devices_out_is_withheld_like_these(
    warehouse: SqliteWarehouse, packages: FolderRegistry
) -> None:
    sites = {name: "oslo" if number < 2 else "bergen" for number, name in enumerate(DEVICES)}
    cloud = Cloud(warehouse, packages, sites=sites, shifts={}, min_cohort=3)

    bergen = cloud.view(segment="site=bergen")
    (listed,) = (one for one in cloud.view().segments if one.segment == "site=bergen")

    why = (
        "withheld: all devices but 2 are in it, and the difference to the whole fleet "
        "would rest on fewer than 3"
    )
    assert (bergen.suppressed, listed.suppressed) == (why, why)
    assert not bergen.features


def test_a_segment_nobody_is_in_is_refused(
    warehouse: SqliteWarehouse, packages: FolderRegistry
) -> None:
    cloud = Cloud(warehouse, packages, sites=DEVICES, shifts={})

    with pytest.raises(UsageError, match="no device is in segment 'site=hamar'"):
        cloud.view(segment="site=hamar")


@pytest.mark.parametrize("text", ["oslo", "=oslo", "site="])
def test_a_segment_is_written_as_a_tag_and_its_value(text: str) -> None:
    with pytest.raises(UsageError, match="write it like site=oslo"):
        read_segment(text)


def test_a_segment_may_be_written_as_its_key() -> None:
    assert (
        read_segment("site=oslo") == read_segment("tag:site=oslo") == Segment(f"{TAG}site", "oslo")
    )
    assert read_segment("hardware=aarch64").title == "hardware=aarch64"
