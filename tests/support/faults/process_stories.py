"""Stories of collectors, clusters and journals, told in worlds that other tests use, too."""

from collections.abc import Mapping
from typing import Final

from tests.support.brokers import BROKERS, make_broker
from tests.support.cell_world import CellWorld
from tests.support.collector_world import CollectorWorld
from tests.support.faults.world import Scene, Told, story
from tests.support.power_cut.campaign import Point, cut_everywhere, notes_of, record_story
from tests.support.power_cut.disk import Cut
from tests.support.power_cut.killing import kill_stories

__all__ = ["JOURNAL_ROUNDS"]

JOURNAL_ROUNDS: Final = 12
"""Stories of so many successive seeds cut the power at every point of the journal between them."""

_KILLS: Final = 12


@story("collectors, database and broker killed and frozen")
def _collectors(scene: Scene) -> Told:
    name = scene.chance.choice(BROKERS)
    broker = make_broker(name, scene.folder / "broker")
    with CollectorWorld(scene.folder, broker, seed=scene.chance.randrange(10**6)) as world:
        world.run(5, every_s=0.7)
        verdict = world.settle(60.0)
        happened = list(world.happened)
    wrong = [] if verdict.is_exact else [f"rows: {verdict}"]
    return Told(happened, _sum(verdict.sent_rows), _sum(verdict.merged_rows), wrong)


@story("servers of a cluster killed")
def _cluster(scene: Scene) -> Told:
    order = scene.chance.sample(range(3), 3)
    with CellWorld(scene.folder, devices=4, seed=scene.chance.randrange(10**6)) as world:
        for server in order:
            world.cluster.kill_server(server)
            world.load(scene.chance.uniform(0.5, 8.0), every_s=0.1)
            world.cluster.start_server(server)
            world.load(scene.chance.uniform(0.5, 4.0), every_s=0.1)
        verdict = world.settle(60.0)
    wrong = [] if verdict.is_exact else [f"rows: {verdict}"]
    return Told(
        [f"server {number + 1} of 3 killed" for number in order],
        _sum(verdict.sent_rows),
        _sum(verdict.merged_rows),
        wrong,
    )


@story("agent killed, and power cut, at points of its journal")
def _journal(scene: Scene) -> Told:
    (scene.folder / "recorded").mkdir()
    recording = record_story(scene.folder / "recorded")
    wrong: list[AssertionError] = []
    (scene.folder / "cut").mkdir()
    tried = cut_everywhere(
        recording,
        scene.folder / "cut",
        chance=scene.chance,
        wanted=lambda point: _number(point) % JOURNAL_ROUNDS == scene.seed % JOURNAL_ROUNDS,
        on_wrong=wrong.append,
    )
    (scene.folder / "killed").mkdir()
    kill_stories(
        recording.packages,
        scene.folder / "killed",
        notes=[note for _, note in notes_of(recording.operations)],
        kills=_KILLS,
        seed=scene.chance.randrange(10**6),
        longest_s=1.5,
        on_wrong=wrong.append,
    )
    faults = ["power cut at a write"] * sum(tried.values()) + ["agent killed in an update"] * _KILLS
    return Told(faults, wrong=[str(one) for one in wrong])


def _number(point: Point) -> int:
    """Return a number that differs among the ways to cut at one point, and from point to point."""
    way = list(Cut).index(point.cut) if isinstance(point.cut, Cut) else len(Cut)
    return point.number * (len(Cut) + 1) + way


def _sum(rows: Mapping[str, int]) -> int:
    return sum(rows.values())
