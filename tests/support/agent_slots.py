"""A device without files and sessions: carries out what the deployer asks for, and checks it."""

import json
from collections.abc import Iterable, Sequence

from edge_agent.core.deployer import Deployer
from edge_agent.core.effects import (
    DeletePackages,
    Effect,
    FetchPackage,
    LoadPackage,
    Log,
    Route,
    UnloadPackage,
)
from edge_agent.core.update_gate import UpdateGate
from edge_contract.errors import PackageError
from edge_contract.maintenance import LocalWindow
from edge_contract.messages import Assignment, Target
from edge_contract.reading import JsonObject, Reader

__all__ = ["TRIAL", "V1", "V2", "V3", "Device", "on_trial", "restored"]

TRIAL = (5, 60.0)
"""Calls and seconds that a version on trial must stand."""


def _target(number: int) -> Target:
    return Target(f"{number}.0.0", f"sha256:{number:064d}", f"rollout-{number}", *TRIAL)


V1, V2, V3 = _target(1), _target(2), _target(3)


class Device:
    """One deployer with its answers.

    Every effect is checked when it is carried out: nothing is fetched or loaded twice at a time,
    what is routed to is loaded and has not failed, what is routed to is not unloaded, and files in
    use are not deleted.

    Attributes:
        fetching: Downloads under way.
        loading: Loads under way.
        loaded: Packages with a session.
        route: Where calls go.
        routes: The same since the last start, in order.
        kept: Packages that the latest deletion left; ``None`` before the first one.
        logs: What was logged since the last start.
        fetches: Every download that was asked for.
    """

    def __init__(self, windows: Sequence[str] = (), *, download_only: bool = False) -> None:
        self.now_s = 1000.0
        self._windows = [LocalWindow.parse(text) for text in windows]
        self._download_only = download_only
        self.gate = self._new_gate()
        self.deployer = Deployer("digits", gate=self.gate)
        self.fetches: list[str] = []
        self._begin_life()
        self.carry_out(self.deployer.on_start(self.now_s))

    def _begin_life(self) -> None:
        self.fetching: set[str] = set()
        self.loading: set[str] = set()
        self.loaded: set[str] = set()
        self.route = Route("")
        self.routes: list[Route] = []
        self.kept: set[str] | None = None
        self.logs: list[str] = []

    def carry_out(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case FetchPackage(digest):
                    assert digest not in self.fetching, "fetched twice at a time"
                    self.fetching.add(digest)
                    self.fetches.append(digest)
                case LoadPackage(digest):
                    assert digest not in self.loading | self.loaded, "loaded twice"
                    self.loading.add(digest)
                case UnloadPackage(digest):
                    self.loaded.remove(digest)
                    assert digest not in self.routed, "unloaded while calls go there"
                case Route():
                    self._reroute(effect)
                case DeletePackages(keep):
                    self.kept = set(keep)
                    in_use = self.routed | self.loaded | self.loading | self.fetching
                    assert in_use <= self.kept, "files in use are deleted"
                case Log(text=text):
                    self.logs.append(text)
                case _:
                    raise AssertionError(f"unexpected {effect!r}")

    def _reroute(self, route: Route) -> None:
        assert route != self.route, "routed to where calls go already"
        self.route = route
        self.routes.append(route)
        assert self.routed <= self.loaded, "routed to what is not loaded"
        assert not self.routed & self.failed, "routed to what has failed"

    # What is seen.

    @property
    def routed(self) -> set[str]:
        return {self.route.serve, self.route.shadow, self.route.fallback} - {""}

    @property
    def failed(self) -> set[str]:
        document = json.loads(json.dumps(self.deployer.to_json()))
        return set(document["failed"])

    @property
    def states(self) -> dict[str, str]:
        """State by version of both slots, empty ones left out."""
        return {
            slot.version: slot.state.value
            for slot in self.deployer.slots
            if slot.state.value != "empty"
        }

    @property
    def serves(self) -> str:
        """Version that answers calls, as the cloud is told; empty for none."""
        return self.deployer.report().version

    # What happens.

    def want(self, serve: Target | None = None, shadow: Target | None = None) -> None:
        wanted = Assignment(serve, shadow)
        self.carry_out(self.deployer.on_desired(wanted, ":8080/packages", self.now_s))

    def fetched(self, *targets: Target) -> None:
        for target in targets:
            self.fetching.remove(target.digest)
            self.carry_out(self.deployer.on_fetched(target.digest, self.now_s))

    def not_fetched(self, target: Target, *, permanent: bool = False) -> None:
        self.fetching.remove(target.digest)
        self.carry_out(
            self.deployer.on_fetch_failed(
                target.digest, "connection lost", self.now_s, permanent=permanent
            )
        )

    def loads(self, *targets: Target) -> None:
        for target in targets:
            self.loading.remove(target.digest)
            self.loaded.add(target.digest)
            self.carry_out(self.deployer.on_loaded(target.digest, "CPU", self.now_s))

    def cannot_load(self, target: Target) -> None:
        self.loading.remove(target.digest)
        self.carry_out(self.deployer.on_load_failed(target.digest, "golden", self.now_s))

    def installs(self, *targets: Target) -> None:
        """Download and load what has been asked for."""
        for target in targets:
            self.fetched(target)
            self.loads(target)

    def answers(self, target: Target, calls: int, failures: int = 0) -> None:
        self.carry_out(self.deployer.on_calls(target.digest, calls, failures, self.now_s))

    def holds(self, reason: str = "") -> None:
        """The application lets nothing change."""
        self.gate.hold(reason)
        self.carry_out(self.deployer.on_gate(self.now_s))

    def lets_go(self, reason: str = "") -> None:
        self.gate.release(reason)
        self.carry_out(self.deployer.on_gate(self.now_s))

    def installs_update(self) -> None:
        """Somebody says that what waits shall begin."""
        self.carry_out(self.deployer.install_update(self.now_s))

    def looks_at_the_clock(self, at_unix_s: float) -> None:
        """The clock on the wall says this now."""
        self.gate.set_clock(self.now_s, at_unix_s)
        self.carry_out(self.deployer.on_timer(self.now_s))

    def _new_gate(self) -> UpdateGate:
        return UpdateGate(download_only=self._download_only, windows=self._windows)

    @property
    def waits_for(self) -> str:
        """What the cloud is told that a version waits for; empty if none waits."""
        reports = [slot for slot in self.deployer.report().slots if slot.waits]
        return "; ".join(slot.detail for slot in reports)

    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        self.carry_out(self.deployer.on_timer(self.now_s))

    def reboot(self) -> None:
        """Lose everything but the journal, written as JSON."""
        self.now_s += 100.0
        self.gate = self._new_gate()
        self.deployer = restored(json.loads(json.dumps(self.deployer.to_json())), self.gate)
        self._begin_life()
        self.carry_out(self.deployer.on_start(self.now_s))


def restored(journal: JsonObject, gate: UpdateGate | None = None) -> Deployer:
    """What a start makes of a journal; raises ``PackageError`` if it is damaged."""
    return Deployer.from_json("digits", Reader(journal, "journal", PackageError), gate=gate)


def on_trial() -> Device:
    """A device on which 1.0.0 is good and 2.0.0 is on trial."""
    device = Device()
    device.want(V1)
    device.installs(V1)
    device.want(V2)
    device.installs(V2)
    return device
