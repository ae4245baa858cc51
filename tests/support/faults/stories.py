"""Stories of processes, networks and clocks: a fleet comes up, something breaks, all is counted."""

import os
import signal

from tests.support.faults.system_world import counted, fleet
from tests.support.faults.trouble import Clock, cut_off, loaded
from tests.support.faults.world import Scene, Told, story

__all__: list[str] = []


@story("agents killed with -9")
def _agents_killed(scene: Scene) -> Told:
    with fleet(scene) as system:
        for _ in range(3):
            camera = scene.chance.choice(system.cameras)
            camera.kill9()
            system.after(rows=scene.chance.randint(1, 30))
            camera.start()
            system.after(rows=scene.chance.randint(1, 30))
        return counted(system, *["agent killed with -9"] * 3)


@story("cloud and collector killed with -9")
def _cloud_killed(scene: Scene) -> Told:
    with fleet(scene) as system:
        for _ in range(2):
            system.kill_cloud()
            system.after(rows=scene.chance.randint(1, 40))
            system.cloud.start()
            system.after(rows=scene.chance.randint(1, 30))
        return counted(system, *["cloud killed with -9"] * 2)


@story("broker killed with -9")
def _broker_killed(scene: Scene) -> Told:
    with fleet(scene) as system:
        for _ in range(2):
            system.kill_broker()
            system.after(rows=scene.chance.randint(1, 40))
        return counted(system, *["broker killed with -9"] * 2)


@story("everything killed at once")
def _all_killed(scene: Scene) -> Told:
    with fleet(scene) as system:
        system.kill_cloud()
        for camera in system.cameras:
            camera.kill9()
        for camera in system.cameras:
            camera.start()
        system.after(rows=scene.chance.randint(1, 40))
        system.cloud.start()
        return counted(system, "cloud, broker and agents killed with -9")


@story("network cut")
def _network_cut(scene: Scene) -> Told:
    with fleet(scene) as system:
        port = int(system.cloud.broker_url.rpartition(":")[2])
        for _ in range(2):
            with cut_off(port):
                system.after(rows=scene.chance.randint(20, 240))
            system.after(rows=scene.chance.randint(20, 60))
        return counted(system, *["network cut"] * 2)


@story("clocks jump")
def _clocks_jump(scene: Scene) -> Told:
    clock = Clock(scene.folder / "clock")
    with loaded(scene.folder, clock=clock), fleet(scene) as system:
        for _ in range(3):
            clock.set(scene.chance.choice((-1, 1)) * 10 ** scene.chance.uniform(0.0, 7.5))
            system.after(rows=scene.chance.randint(20, 60))
            if scene.chance.random() < 0.5:
                camera = scene.chance.choice(system.cameras)
                camera.kill9()
                camera.start()
        return counted(system, *["clocks jump"] * 3)


@story("clock of a device wrong")
def _device_clock_wrong(scene: Scene) -> Told:
    clock = Clock(scene.folder / "clock")
    with fleet(scene) as system:
        clock.set(scene.chance.choice((-1, 1)) * 10 ** scene.chance.uniform(3.0, 8.9))
        camera = scene.chance.choice(system.cameras)
        camera.kill9()
        with loaded(scene.folder, clock=clock):
            camera.start()
            system.after(rows=40)
            clock.set(0.0)
            system.after(rows=40)
        return counted(system, "clock of a device wrong, then right")


@story("frozen for a while")
def _frozen(scene: Scene) -> Told:
    with fleet(scene) as system:
        pids = [system.cloud.pid, system.cloud.broker_pid or 0, system.cameras[0].pid]
        pid = scene.chance.choice(pids)
        os.kill(pid, signal.SIGSTOP)
        system.after(rows=60)
        os.kill(pid, signal.SIGCONT)
        return counted(system, "a process frozen")
