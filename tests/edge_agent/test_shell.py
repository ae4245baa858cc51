"""The shell with its real store, packages, engine and rings; broker and registry are in memory."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_agent.ports import PackageStore
from edge_contract.errors import UnavailableError
from edge_contract.messages import (
    Acks,
    Birth,
    BootAck,
    Death,
    Report,
    TelemetryBatch,
)
from edge_contract.package import ArtifactRole, Package
from tests.support.agent_device import Device, MoodyEngine, Shelf
from tests.support.links import wait_until
from tests.support.packages import altered, digits, reversed_digits, touchy_digits

LATER = digits("1.1.0").package


@pytest.fixture
def shelf() -> Shelf:
    return Shelf([digits().package, LATER])


@pytest.fixture
def engine() -> MoodyEngine:
    return MoodyEngine()


@pytest.fixture
def make(tmp_path: Path, shelf: Shelf, engine: MoodyEngine) -> Iterator[Callable[..., Device]]:
    devices: list[Device] = []

    def make_device(*, cloud: bool = True) -> Device:
        device = Device(tmp_path, shelf if cloud else None, engine)
        devices.append(device)
        return device

    yield make_device
    for device in devices:
        device.let_go()


@pytest.fixture
def device(make: Callable[..., Device]) -> Device:
    return make()


def test_rows_leave_in_batches_until_the_collector_has_them(device: Device) -> None:
    device.start(digits().package)
    device.wait_for_version("1.0.0")
    device.link.connect()
    device.predict(calls=5)

    wait_until(lambda: device.rows_sent() == 5)
    assert device.shell.waiting_batches() > 0
    last = device.link.said(TelemetryBatch)[-1].batch_id
    device.link.deliver(device.core.topics.acks, Acks((BootAck(last.boot, floor=last.seq + 1),)))

    wait_until(lambda: device.store.batches() == [])
    assert device.link.said(Birth)[0].device == "cam-7"
    assert device.link.said(Report)[-1].models["digits"].version == "1.0.0"


def test_closing_saves_everything_and_says_farewell(device: Device) -> None:
    device.start(digits().package)
    device.wait_for_version("1.0.0")
    device.predict(calls=3)

    device.close()

    assert device.rows_in_batches() == 3
    assert device.shell.switches["digits"].routing is None
    topic, message = device.link.farewell or ("", None)
    assert topic == device.core.topics.events
    assert isinstance(message, Death)
    assert message.reason == "closed"
    assert device.store.state() is not None


def test_closing_does_not_wait_for_a_collector_that_cannot_be_reached(device: Device) -> None:
    device.start(digits().package)
    device.wait_for_version("1.0.0")
    device.predict()
    began_s = time.monotonic()
    device.close(drain_s=30.0)
    assert time.monotonic() - began_s < 5.0
    assert device.shell.waiting_batches() == 1


def test_closing_gives_the_collector_a_while(device: Device) -> None:
    device.start(digits().package)
    device.wait_for_version("1.0.0")
    device.link.connect()
    device.predict()
    began_s = time.monotonic()
    device.close(drain_s=0.2)
    assert 0.2 <= time.monotonic() - began_s < 5.0
    assert len(device.link.said(TelemetryBatch)) == 1


def test_a_disk_that_is_full_for_a_while_costs_no_row_and_no_prediction(device: Device) -> None:
    device.start(digits().package)
    device.wait_for_version("1.0.0")
    device.store.full = True
    for _ in range(3):
        device.predict(calls=10)
        device.shell.collect_soon()
        wait_until(lambda: device.shell.waiting_batches() > 0)
    assert device.store.batches() == []

    device.store.full = False
    device.predict(calls=10)
    device.close()

    assert device.rows_in_batches() == 40
    assert device.store.batches_saved() == len(device.store.batches())


def test_a_journal_that_cannot_be_saved_keeps_no_version_from_serving(device: Device) -> None:
    device.store.full = True
    device.start(digits().package)
    device.wait_for_version("1.0.0")
    assert device.store.state() is None

    device.store.full = False
    device.close()
    state = device.store.state()
    assert state is not None
    assert state["clean"] is True


def test_a_batch_that_cannot_be_deleted_does_not_stop_the_others(device: Device) -> None:
    device.start(digits().package)
    device.wait_for_version("1.0.0")
    device.link.connect()
    device.predict()
    wait_until(lambda: len(device.link.said(TelemetryBatch)) == 1)
    device.store.full = True
    ack = Acks((BootAck(device.core.boot, floor=1),))
    device.link.deliver(device.core.topics.acks, ack)
    wait_until(lambda: device.shell.waiting_batches() == 0)

    device.store.full = False
    device.predict()
    wait_until(lambda: len(device.link.said(TelemetryBatch)) == 2)


def test_a_wanted_version_is_fetched_and_serves(device: Device, shelf: Shelf) -> None:
    device.start()
    device.link.connect()
    device.desire(1, digits().package)
    device.wait_for_version("1.0.0")
    device.desire(2, LATER)
    device.wait_for_version("1.1.0")
    assert shelf.fetched == [digits().package.digest, LATER.digest]


def test_the_last_good_version_serves_after_a_restart_without_any_network(
    make: Callable[..., Device], shelf: Shelf
) -> None:
    first = make()
    first.start()
    first.link.connect()
    first.desire(1, digits().package)
    first.wait_for_version("1.0.0")
    first.let_go()
    shelf.fetched.clear()

    second = make()
    second.start()
    second.wait_for_version("1.0.0")

    assert shelf.fetched == []
    assert second.core.boot > first.core.boot


def test_a_damaged_good_version_is_fetched_again(
    make: Callable[..., Device], shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.core.package_jobs._RETRY_S", 0.1)
    first = make()
    first.start()
    first.link.connect()
    first.desire(1, digits().package)
    first.wait_for_version("1.0.0")
    first.let_go()
    model = tmp_path / "packages" / digits().package.digest.replace(":", "-") / "model.onnx"
    model.write_bytes(b"rust")

    second = make()
    second.start()
    second.wait_for_version("1.0.0")

    assert shelf.fetched == [digits().package.digest] * 2


def test_without_a_cloud_a_package_that_is_damaged_is_told(
    make: Callable[..., Device], tmp_path: Path
) -> None:
    first = make(cloud=False)
    first.start(digits().package)
    first.wait_for_version("1.0.0")
    first.let_go()
    folder = tmp_path / "packages" / digits().package.digest.replace(":", "-")
    (folder / "model.onnx").write_bytes(b"rust")

    second = make(cloud=False)
    second.start()
    wait_until(lambda: "model.onnx" in second.shell.trouble)
    assert second.version == ""


def test_a_version_whose_golden_vectors_are_wrong_never_serves(
    device: Device, shelf: Shelf
) -> None:
    other_model = reversed_digits().package.model()
    wrong = altered(LATER, ArtifactRole.MODEL, lambda _: other_model)
    shelf.packages.append(wrong)
    device.start(digits().package)
    device.wait_for_version("1.0.0")
    device.link.connect()

    device.desire(1, wrong)

    wait_until(lambda: device.states().get("1.1.0") == "bad")
    assert device.version == "1.0.0"
    assert "golden vectors" in device.shell.trouble


@pytest.mark.parametrize("trouble", [UnavailableError("the line is cut"), KeyError("a defect")])
def test_a_download_that_fails_is_tried_again(
    device: Device, shelf: Shelf, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    monkeypatch.setattr("edge_agent.core.package_jobs._RETRY_S", 0.05)
    shelf.trouble = [trouble]
    device.start()
    device.link.connect()
    device.desire(1, digits().package)
    device.wait_for_version("1.0.0")
    assert len(shelf.fetched) == 2


def test_a_defect_while_loading_is_told_and_the_good_version_goes_on(
    device: Device, engine: MoodyEngine
) -> None:
    device.start(digits().package)
    device.wait_for_version("1.0.0")
    engine.trouble = [IndexError("out of range")]
    device.link.connect()

    device.desire(1, LATER)

    wait_until(lambda: device.states().get("1.1.0") == "bad")
    assert "defect: IndexError('out of range')" in device.shell.trouble
    device.predict()
    assert device.version == "1.0.0"


def on_trial(
    device: Device, package: Package, *, trial_calls: int = 0, trial_s: float = 0.0
) -> None:
    """Serve digits 1.0.0 for good and then another version on trial."""
    device.start(digits().package)
    device.wait_for_version("1.0.0")
    device.link.connect()
    device.desire(1, package, trial_calls=trial_calls, trial_s=trial_s)
    device.wait_for_version("1.1.0")


def test_a_trial_ends_well_by_calls(device: Device) -> None:
    on_trial(device, LATER, trial_calls=3)
    routing = device.shell.switches["digits"].routing
    assert routing is not None
    assert routing.fallback is not None
    assert routing.fallback.manifest.version == "1.0.0"

    device.predict(calls=3)

    wait_until(lambda: device.states()["1.1.0"] == "active")
    assert device.version == "1.1.0"


def test_the_very_first_failure_ends_a_trial(device: Device, shelf: Shelf) -> None:
    touchy = touchy_digits("1.1.0")
    shelf.packages.append(touchy)
    on_trial(device, touchy, trial_calls=1000)
    bad = digits().rows[:1].copy()
    bad[0, 0] = 100.0
    routing = device.shell.switches["digits"].routing
    assert routing is not None

    with pytest.raises(UnavailableError):
        routing.serve.serve(bad, wake=device.shell.collect_soon)

    device.wait_for_version("1.0.0")
    assert device.states()["1.1.0"] == "bad"


def test_when_no_version_is_left_calls_go_nowhere(device: Device, shelf: Shelf) -> None:
    device.start()
    device.link.connect()
    shelf.packages = []
    device.desire(1, digits().package)
    wait_until(lambda: device.states().get("1.0.0") == "bad")
    assert device.shell.switches["digits"].routing is None
    assert "does not exist in the registry" in device.shell.trouble


def test_a_pruned_version_s_ring_goes_when_its_description_does(
    device: Device, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.adapters.folder_packages._KEPT_DESCRIPTIONS", 0)
    third = digits("1.2.0").package
    shelf.packages.append(third)
    device.start(digits().package)
    device.wait_for_version("1.0.0")
    device.predict(calls=2)
    device.link.connect()
    for generation, package in enumerate((LATER, third), 1):
        device.desire(generation, package)
        device.wait_for_version(package.manifest.version)
        device.predict(calls=2)

    kept = {LATER.digest[7:31], third.digest[7:31]}
    wait_until(lambda: {path.name[:24] for path in device.rings.iterdir()} == kept)
    device.close()
    assert device.rows_in_batches() == 6


class HeldShelf(Shelf):
    """A registry that never answers."""

    def fetch(self, digest: str, url: str, store: PackageStore) -> None:
        self.fetched.append(digest)
        time.sleep(5.0)
        raise UnavailableError("too late")


def test_closing_leaves_a_download_behind_that_does_not_end(
    tmp_path: Path, engine: MoodyEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.package_worker._LEAVE_S", 0.1)
    shelf = HeldShelf()
    device = Device(tmp_path, shelf, engine)
    device.start()
    device.link.connect()
    device.desire(1, digits().package)
    wait_until(lambda: bool(shelf.fetched))

    began_s = time.monotonic()
    device.let_go()

    assert time.monotonic() - began_s < 3.0
