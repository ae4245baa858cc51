"""The page as the server draws it, without a browser."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from cloud_sync.api.app import create_app
from cloud_sync.backend import RolloutEventView, RolloutOrder, SummaryView
from cloud_sync.core.rollout import RolloutPlan
from edge_contract.errors import UnavailableError
from edge_contract.reading import JsonObject
from tests.support.asgi import AppClient
from tests.support.lived_cloud import lived_cloud
from tests.support.memory_cloud import MemoryCloud
from tests.support.tiny_package import tiny_package
from tests.support.views import alarm, device


def page_of(cloud: MemoryCloud, address: str = "/") -> str:
    answer = AppClient(create_app(cloud)).get(address)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return answer.text


def part_of(page: str, name: str) -> str:
    found = re.search(rf'<section id="{name}".*?</section>', page, re.DOTALL)
    assert found is not None
    return found.group()


def test_an_empty_cloud_says_what_to_do_first(tmp_path: Path) -> None:
    page = page_of(MemoryCloud(tmp_path))

    assert "No rollout yet" in part_of(page, "rollout")
    assert "edgefleet model push FILE" in part_of(page, "versions")
    assert "No device yet" in part_of(page, "devices")


def test_a_cloud_in_the_middle_of_its_life_shows_everything(tmp_path: Path) -> None:
    page = page_of(lived_cloud(tmp_path))

    assert "<strong>19<small> / 20</small></strong>" in part_of(page, "tiles")
    assert "canary 10% is analysing: 2 devices against 18" in part_of(page, "rollout")
    assert "shadow passed: 98.8 % of 640 rows agree" in part_of(page, "rollout")
    assert "pixel_3_4 and 6 more of digits@1.0.0 drifted" in part_of(page, "alarms")
    assert "<strong>0.884</strong>" in part_of(page, "versions")
    assert "<strong>0.871</strong>" in part_of(page, "versions")
    assert "Drift of digits 1.0.0" in part_of(page, "drift")
    assert part_of(page, "drift").count('<path class="live"') == 9
    assert part_of(page, "devices").count("<tr>") == 21


def test_the_last_verdict_comes_with_each_gate_and_its_numbers(tmp_path: Path) -> None:
    rollout = part_of(page_of(lived_cloud(tmp_path)), "rollout")

    assert "estimate: inconclusive" in rollout
    assert "estimated accuracy 0.957 against 0.952 of the control: not sure yet" in rollout
    assert "<dt>control · rows</dt><dd>7,310</dd>" in rollout


def test_what_the_gates_say_is_said_once(tmp_path: Path) -> None:
    cloud = lived_cloud(tmp_path)
    reason = "3 devices ran it and are well"
    gate: JsonObject = {"gate": "safety", "verdict": "pass", "sentence": reason}
    sentence = f"canary 10% passed: safety: {reason}"
    event = RolloutEventView(1.0, sentence, {"gates": [gate]})
    cloud.put_rollout(replace(cloud.rollout("latest"), sentence=sentence, events=[event]))

    before_history = part_of(page_of(cloud), "rollout").partition("History")[0]

    assert '<p class="sentence" data-announce>canary 10% passed</p>' in before_history
    assert before_history.count(reason) == 1


@pytest.mark.parametrize(
    ("possible", "shown"),
    [
        (["abort", "approve"], ["approve", "abort"]),
        (["pause", "retry", "rollback", "abort"], ["retry", "pause", "rollback", "abort"]),
        (["an action of a newer cloud"], []),
        ([], []),
    ],
)
def test_only_buttons_for_what_can_be_done_are_shown(
    tmp_path: Path, possible: list[str], shown: list[str]
) -> None:
    cloud = lived_cloud(tmp_path)
    cloud.put_rollout(replace(cloud.rollout("latest"), actions=possible))

    rollout = part_of(page_of(cloud), "rollout")

    assert re.findall('data-action="([a-z]+)"', rollout) == shown


def test_a_rollout_that_runs_stands_before_a_newer_one_that_ended(tmp_path: Path) -> None:
    cloud = MemoryCloud(tmp_path)
    cloud.push(tiny_package("digits", "1.0.0").to_archive(), by="test")
    cloud.push(tiny_package("faces", "2.0.0").to_archive(), by="test")
    cloud.start_rollout(RolloutOrder(RolloutPlan(model="digits", version="1.0.0")), by="test")
    cloud.start_rollout(RolloutOrder(RolloutPlan(model="faces", version="2.0.0")), by="test")
    cloud.steer_rollout("latest", "abort", by="test")

    rollout = part_of(page_of(cloud), "rollout")

    assert ">digits 1.0.0</a></h2>" in rollout
    assert "faces 2.0.0" in rollout.partition("Other rollouts")[2]


def test_a_link_shows_the_drift_of_another_version(tmp_path: Path) -> None:
    cloud = lived_cloud(tmp_path)

    link = re.search(r'href="(/\?focus=digits%401\.1\.0)#drift"', page_of(cloud))
    assert link is not None

    assert "Drift of digits 1.1.0" in part_of(page_of(cloud, link.group(1)), "drift")
    assert "Drift of digits 1.0.0" in part_of(page_of(cloud, "/?focus=digits@9.9.9"), "drift")
    assert "Drift of digits 1.0.0" in part_of(page_of(cloud, "/?focus=nonsense"), "drift")


def test_devices_come_in_pages_and_by_status(tmp_path: Path) -> None:
    cloud = MemoryCloud(tmp_path)
    for number in range(120):
        status = "offline" if number % 2 else "online"
        cloud.put_device(device(f"cam-{number:03}", status=status))

    first = part_of(page_of(cloud, "/?status=offline"), "devices")
    second = part_of(page_of(cloud, "/?status=offline&after=cam-099"), "devices")

    assert 'href="/?status=offline&amp;after=cam-099#devices"' in first
    assert first.count("<tr>") == 51
    assert second.count("<tr>") == 11
    assert "Next page" not in second


def test_a_device_that_has_not_taken_up_its_orders_is_marked(tmp_path: Path) -> None:
    cloud = MemoryCloud(tmp_path)
    cloud.put_device(replace(device("cam-01"), desired_generation=9, reported_generation=8))

    assert "online, update on its way" in page_of(cloud)


def test_what_devices_and_operators_write_is_text_and_never_markup(tmp_path: Path) -> None:
    cloud = lived_cloud(tmp_path)
    evil = "<script>alert(1)</script>"
    cloud.raise_alarm(replace(alarm("a2"), sentence=evil, devices=[evil], evidence={evil: evil}))
    event = RolloutEventView(1.0, evil, {"gates": [{"gate": evil, "verdict": evil}]})
    rollout = cloud.rollout("latest")
    cloud.put_rollout(replace(rollout, sentence=evil, events=[event], previous='" onclick="x'))
    report: JsonObject = {
        "version": evil,
        "slots": [{"slot": evil, "state": evil, "detail": '"><hr>'}],
    }
    cloud.put_device(replace(device("cam-01"), models={evil: report}))

    page = page_of(cloud)

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page
    assert 'onclick="x' not in page
    assert '"><hr>' not in page


def test_reports_of_an_unknown_shape_are_shown_as_far_as_they_go(tmp_path: Path) -> None:
    cloud = MemoryCloud(tmp_path)
    cloud.put_device(replace(device("cam-01"), models={"a": 1, "b": {"slots": "none"}, "c": {}}))

    assert "cam-01" in part_of(page_of(cloud), "devices")


def test_the_page_needs_nothing_that_its_policy_forbids(tmp_path: Path) -> None:
    page = page_of(lived_cloud(tmp_path))

    addresses = re.findall(r'(?:src|href)="([^"#][^"]*)"', page)
    assert {address for address in addresses if not address.startswith("/")} == set()
    assert "<style" not in page
    assert " style=" not in page
    assert re.findall(r"<script(?! src=)", page) == []


def test_style_and_script_may_be_kept_for_ever(tmp_path: Path) -> None:
    api = AppClient(create_app(MemoryCloud(tmp_path)))
    addresses = re.findall(r'"(/static/[^"]+)"', api.get("/").text)

    kinds = {api.get(address).headers["content-type"].partition(";")[0] for address in addresses}

    assert kinds == {"text/css", "text/javascript", "image/svg+xml"}
    for address in addresses:
        assert api.get(address).headers["cache-control"] == "public, max-age=31536000, immutable"
    assert api.get("/static/../app.py").status_code == 404


def test_the_parts_are_drawn_anew_only_after_a_change(tmp_path: Path) -> None:
    asked: list[str] = []

    class CountingCloud(MemoryCloud):
        def summary(self) -> SummaryView:
            asked.append("summary")
            return super().summary()

    cloud = CountingCloud(tmp_path)
    api = AppClient(create_app(cloud))

    first, second = api.get("/parts"), api.get("/parts")
    asked_before_change = len(asked)
    cloud.put_device(device("cam-01"))
    third = api.get("/parts")

    assert first.text == second.text
    assert asked_before_change == 1
    assert "cam-01" not in second.text
    assert "cam-01" in third.text


def test_a_database_that_is_away_gives_a_page_that_tries_again(tmp_path: Path) -> None:
    class AwayCloud(MemoryCloud):
        def summary(self) -> SummaryView:
            raise UnavailableError("database is locked")

    answer = AppClient(create_app(AwayCloud(tmp_path))).get("/")

    assert answer.status_code == 503
    assert "database is locked" in answer.text
    assert answer.headers["refresh"] == "3"


def test_the_panel_of_drift_shows_the_worst_segments_and_alarms_show_theirs(tmp_path: Path) -> None:
    page = page_of(lived_cloud(tmp_path))
    drift = part_of(page, "drift")

    assert '<span class="badge tone-idle">site=oslo</span>' in part_of(page, "alarms")
    assert drift.index("site=oslo") < drift.index("lens=wide") < drift.index("hardware=aarch64")
    assert "evidence 3.40 of 1, most in pixel_0_0" in drift
    assert drift.count('class="fill-bad" width="100.0"') == 1
    assert 'class="fill-idle" width="31.0"' in drift


def test_what_is_withheld_is_said_in_place_of_the_charts(tmp_path: Path) -> None:
    cloud = lived_cloud(tmp_path)
    why = "withheld: they rest on 2 devices, and statistics of fewer than 5 are shown to nobody"
    cloud.put_version(
        replace(cloud.version("digits", "1.0.0"), features=[], segments=[], suppressed=why)
    )

    drift = part_of(page_of(cloud), "drift")

    assert f"Statistics are {why}." in drift
    assert "<svg class" not in drift
