"""Stories of disks: full, read-only, with damaged pages, and with files that are cut short."""

import contextlib
import shutil
import sqlite3
from typing import Final

from tests.integration.processes import cli, eventually
from tests.integration.system import System
from tests.support.faults.system_world import counted, fleet, merged
from tests.support.faults.trouble import SmallDisk, damage_pages, loaded
from tests.support.faults.world import Scene, Told, story

__all__: list[str] = []

_WAREHOUSE: Final = "warehouse.sqlite3"
_STORE: Final = "agent.db"
_CANNOT_SAVE: Final = "cannot save to batch store"


@story("disk of the cloud full")
def _cloud_disk_full(scene: Scene) -> Told:
    disks: list[SmallDisk] = []
    with fleet(
        scene, before=lambda system: disks.append(SmallDisk(system.cloud.data, size_mb=64))
    ) as system:
        (disk,) = disks
        disk.fill()
        system.after(rows=20)
        eventually(
            "the cloud says so", lambda: "make room on the disk" in _log(system), within_s=30
        )
        kept = merged(system)
        system.after(rows=60)
        if scene.chance.random() < 0.5:
            system.kill_cloud()
            disk.make_room()
            system.cloud.start()
        else:
            wrong = merged(system) - kept
            assert wrong == 0, f"{wrong} rows were merged onto a full disk"
            disk.make_room()
        return counted(system, "disk of the cloud full")


@story("disk of the cloud read-only")
def _cloud_disk_read_only(scene: Scene) -> Told:
    data = scene.folder / "data"
    with loaded(scene.folder, disk=data) as latch, fleet(scene) as system:
        latch.touch()
        system.after(rows=20)
        eventually(
            "the cloud says so", lambda: "cannot use the warehouse" in _log(system), within_s=30
        )
        system.after(rows=40)
        latch.unlink()
        return counted(system, "disk of the cloud read-only")


@story("disk of a device full")
def _device_disk_full(scene: Scene) -> Told:
    disk = SmallDisk(scene.folder / "devices" / "cam-1", size_mb=16)
    with fleet(scene) as system:
        log = scene.folder / "devices" / "cam-1.log"
        disk.fill()
        before = system.cameras[0].tally.returned
        eventually(
            "it says so", lambda: "cannot save to batch store" in log.read_text(), within_s=30
        )
        eventually(
            "it goes on predicting",
            lambda: system.cameras[0].tally.returned > before + scene.chance.randint(40, 90),
            within_s=30,
        )
        disk.make_room()
        system.after(rows=30)
        return counted(system, "disk of a device full")


@story("disk of a device read-only")
def _device_disk_read_only(scene: Scene) -> Told:
    state = scene.folder / "devices" / "cam-1"
    tally = state / "tally"
    with loaded(scene.folder, disk=state) as latch, fleet(scene) as system:
        log = scene.folder / "devices" / "cam-1.log"
        latch.touch()
        before = system.cameras[0].tally.returned
        eventually(
            "it says so", lambda: "cannot save to batch store" in log.read_text(), within_s=30
        )
        eventually(
            "it goes on predicting",
            lambda: system.cameras[0].tally.returned > before + scene.chance.randint(40, 90),
            within_s=30,
        )
        latch.unlink()
        assert tally.exists()
        system.after(rows=30)
        return counted(system, "disk of a device read-only")


@story("page of the cloud's database damaged")
def _cloud_page_damaged(scene: Scene) -> Told:
    with fleet(scene) as system:
        for camera in system.cameras:
            camera.pause()
        system.settle()
        assert system.cloud.stop() == 0
        path = system.cloud.data / _WAREHOUSE
        whole = path.with_suffix(".whole")
        shutil.copy(path, whole)
        pages = damage_pages(path, scene.chance, pages=scene.chance.choice((1, 1, 3)))
        refused = ""
        try:
            system.cloud.start()
        except AssertionError:
            refused = _log(system)
        if not refused:  # what is damaged may be nothing that counts
            for camera in system.cameras:
                camera.tell("resume")
            told = counted(system, f"pages {pages} damaged, nothing that counts")
            assert "is damaged" in _log(system) or not told.wrong, (
                f"pages {pages} are damaged, and the cloud goes on: {told.wrong}"
            )
            return told
        assert "damaged" in refused[-3000:], f"pages {pages}: it ended without a word of why"
        shutil.copy(whole, path)
        for more in ("-wal", "-shm"):
            path.with_name(path.name + more).unlink(missing_ok=True)
        system.cloud.start()
        for camera in system.cameras:
            camera.tell("resume")
        return counted(system, "page of the cloud's database damaged, found, restored")


@story("page of a device's database damaged")
def _device_page_damaged(scene: Scene) -> Told:
    with fleet(scene) as system:
        camera = system.cameras[0]
        system.settle()
        camera.kill9()
        path = scene.folder / "devices" / "cam-1" / _STORE
        with contextlib.closing(sqlite3.connect(path)) as db:  # else only the first page is there
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        pages = damage_pages(path, scene.chance)
        before = camera.tally.returned
        camera.start()
        eventually(
            f"it predicts with page {pages} damaged",
            lambda: camera.tally.returned > before + 20,
            within_s=30.0,
        )
        system.cameras[1].tell("resume")
        return counted(system, "page of a device's database damaged")


@story("package cut short")
def _package_cut_short(scene: Scene) -> Told:
    with fleet(scene) as system:
        client = system.cloud.client
        blobs = system.cloud.data / "blobs" / "sha256"
        known = set(blobs.rglob("*"))
        client.push(scene.packages["1.1.0"])
        fresh = [path for path in blobs.rglob("*") if path.is_file() and path not in known]
        path = scene.chance.choice(sorted(fresh))
        whole = path.read_bytes()
        path.write_bytes(whole[: scene.chance.randrange(len(whole))])
        order = ("rollout", "start", "gate@1.1.0", "--strategy", "all-at-once", "--force")
        done = cli(*order, cloud=client.url)
        assert done.code == 0, done.err
        system.after(rows=300)
        wrong = [
            f"{device.name} runs a package that was cut short"
            for device in client.devices()
            if _version(device.models) == "1.1.0"
        ]
        path.write_bytes(whole)
        told = counted(system, f"package cut short to {path.stat().st_size} bytes")
        return Told(["package cut short"], told.observed, told.merged, [*told.wrong, *wrong])


def _version(models: object) -> str:
    report = models.get("gate") if isinstance(models, dict) else None
    return str(report.get("version", "")) if isinstance(report, dict) else ""


def _log(system: System) -> str:
    return system.cloud.log.read_text(errors="replace")
