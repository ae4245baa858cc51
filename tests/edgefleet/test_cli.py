"""The command line in this process, against the real API on loopback."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cloud_sync.backend import CommandView, FeatureView, RolloutEventView
from edge_contract.reading import JsonObject
from tests.edgefleet.conftest import Outcome
from tests.support.memory_cloud import START_UNIX_S, MemoryCloud
from tests.support.tiny_package import tiny_package
from tests.support.views import alarm, device

Run = Callable[..., Outcome]


def put_two_versions(backend: MemoryCloud) -> None:
    for version in ("1.0.0", "1.1.0"):
        package = tiny_package("digits", version, model=version.encode())
        backend.push(package.to_archive(), by="test")


def test_a_package_is_pushed_listed_and_shown(run: Run, tmp_path: Path) -> None:
    package = tiny_package("digits", "1.0.0")
    path = tmp_path / package.file_name
    path.write_bytes(package.to_archive())

    pushed = run("model", "push", str(path), "--untried")
    listed = run("model", "list")
    shown = run("model", "show", "digits@1.0.0")

    assert (pushed.code, listed.code, shown.code) == (0, 0, 0)
    assert "digits@1.0.0 is in the registry" in pushed.out
    assert "digits" in listed.out
    assert package.digest in shown.out


def test_pushing_a_second_version_says_what_to_do_next(
    run: Run, backend: MemoryCloud, tmp_path: Path
) -> None:
    backend.push(tiny_package("digits", "1.0.0").to_archive(), by="test")
    path = tmp_path / "digits-1.1.0.modelpkg"
    path.write_bytes(tiny_package("digits", "1.1.0").to_archive())

    pushed = run("model", "push", str(path), "--untried")

    assert "next: edgefleet rollout start digits@1.1.0 --wait" in pushed.out


def test_a_version_shows_quality_and_what_drifts_most(run: Run, backend: MemoryCloud) -> None:
    put_two_versions(backend)
    view = replace(
        backend.version("digits", "1.0.0"),
        estimated={
            "accuracy": 0.91,
            "standard_errors": {"accuracy": 0.0123},
            "note": "it cannot see concept drift",
        },
        labelled={"accuracy": 0.89},
        features=[
            FeatureView("feature:left", False, 0.2, 0.1, 0.05, 0.0, 0.0),
            FeatureView("feature:right", True, 3.5, 0.4, 0.6, 0.01, 0.0),
        ],
    )
    backend.put_version(view)

    shown = run("model", "show", "digits@1.0.0").out

    assert "0.91 ± 0.012" in shown
    assert "0.89" in shown
    assert "it cannot see concept drift" in shown
    assert shown.index("feature:right") < shown.index("feature:left")


def test_a_version_says_what_is_withheld(run: Run, backend: MemoryCloud) -> None:
    put_two_versions(backend)
    why = "withheld: they rest on 1 device, and statistics of fewer than 5 are shown to nobody"
    backend.put_version(replace(backend.version("digits", "1.0.0"), suppressed=why))

    assert f"statistics are {why}" in run("model", "show", "digits@1.0.0").out


def test_devices_are_listed_with_what_they_serve(run: Run, backend: MemoryCloud) -> None:
    backend.put_device(device("cam-01", rows=12_345, version="1.1.0"))
    backend.put_device(device("cam-02", status="unreachable"))

    everything = run("fleet", "list")
    unreachable = run("fleet", "list", "--status", "unreachable")

    assert "digits@1.1.0" in everything.out
    assert "12,345" in everything.out
    assert "cam-01" not in unreachable.out
    assert "cam-02" in unreachable.out


def test_a_device_shows_its_slots(run: Run, backend: MemoryCloud) -> None:
    backend.put_device(device("cam-01"))

    shown = run("fleet", "device", "cam-01")

    assert shown.code == 0
    assert "tag site" in shown.out
    assert "active" in shown.out
    assert "48.5 °C" in shown.out


def test_a_script_gets_json(run: Run, backend: MemoryCloud) -> None:
    backend.put_device(device("cam-01"))
    backend.raise_alarm(alarm("a1"))
    put_two_versions(backend)

    (listed,) = json.loads(run("fleet", "list", "--json").out)
    shown = json.loads(run("fleet", "device", "cam-01", "--json").out)
    (raised,) = json.loads(run("alarms", "--json").out)
    (model,) = json.loads(run("model", "list", "--json").out)
    started = json.loads(run("rollout", "start", "digits@1.1.0", "--json").out)
    (rollout,) = json.loads(run("rollout", "list", "--json").out)

    assert listed == shown
    assert shown["models"]["digits"]["version"] == "1.0.0"
    assert raised["features"] == ["left", "right"]
    assert model["versions"] == ["1.1.0", "1.0.0"]
    assert rollout == started


def test_alarms_say_what_happened(run: Run, backend: MemoryCloud) -> None:
    nothing = run("alarms")
    backend.raise_alarm(alarm("a1"))
    something = run("alarms", "--model", "digits")

    assert nothing.out == "no alarms\n"
    assert "2 features of digits@1.0.0 drifted, mostly on cam-03 and cam-04" in something.out


def test_an_alarm_is_one_block_with_its_segment_evidence_and_devices(
    run: Run, backend: MemoryCloud
) -> None:
    evidence: JsonObject = {
        "findings": {"feature:left": {"test": "e-detector", "evidence": 3.4}, "prediction": {}}
    }
    backend.raise_alarm(alarm("a1"))
    backend.raise_alarm(replace(alarm("a2"), segment="site=oslo", evidence=evidence))

    lines = run("alarms").out.splitlines()

    assert lines[0].endswith("digits@1.0.0  drift, site=oslo")
    assert lines[1:7] == [
        "  2 features of digits@1.0.0 drifted, mostly on cam-03 and cam-04",
        "  evidence  left 3.4 (e-detector), prediction",
        "  devices   cam-03, cam-04",
        "  more: edgefleet report digits@1.0.0 --segment site=oslo",
        "  look after it: edgefleet alarms --acknowledge a2",
        "",
    ]
    assert lines[7].endswith("digits@1.0.0  drift")
    assert max(map(len, lines)) < 100


def test_somebody_looks_after_an_alarm(run: Run, backend: MemoryCloud) -> None:
    backend.raise_alarm(alarm("a1"))

    taken = run("alarms", "--acknowledge", "a1", "--note", "the lamp is broken")
    listed = run("alarms")
    unknown = run("alarms", "--acknowledge", "a9")
    alone = run("alarms", "--note", "hm")

    assert "  looked after by cli at 127.0.0.1 since " in taken.out
    assert ": the lamp is broken" in listed.out
    assert "--acknowledge" not in listed.out
    assert (unknown.code, "there is no alarm 'a9'" in unknown.err) == (2, True)
    assert (alone.code, "a note goes with --acknowledge ID" in alone.err) == (2, True)


def test_an_alarm_cannot_steer_the_terminal(run: Run, backend: MemoryCloud) -> None:
    backend.raise_alarm(replace(alarm("a1"), sentence="left\x1b[2J [red]drifted[/red]"))

    assert "  left\\x1b[2J [red]drifted[/red]\n" in run("alarms").out


def test_an_empty_cloud_says_what_to_do_first(run: Run) -> None:
    assert run("model", "list").out == "no models yet: edgefleet model push FILE\n"
    assert run("fleet", "list").out == "no devices yet: edgefleet agent run\n"
    assert run("rollout", "list").out == "no rollouts yet: edgefleet rollout start NAME@VERSION\n"


def test_an_order_reaches_the_cloud_as_it_was_given(run: Run, backend: MemoryCloud) -> None:
    put_two_versions(backend)

    started = run(
        *("rollout", "start", "digits@1.1.0", "--steps", "0.2, 0.6,1"),
        *("--strategy", "shadow", "--approval"),
    )

    rollout = backend.rollout("latest")
    assert started.code == 0
    assert f"watch it: edgefleet rollout watch {rollout.rollout_id}" in started.out
    assert rollout.strategy == "shadow"
    assert [stage.fraction for stage in rollout.stages] == [0.2, 0.6, 1.0]
    assert rollout.state == "awaiting_approval"
    assert rollout.events[0].sentence == "started by cli at 127.0.0.1"


def test_a_rollout_is_steered_and_shows_where_it_stands(run: Run, backend: MemoryCloud) -> None:
    put_two_versions(backend)
    run("rollout", "start", "digits@1.1.0", "--approval")

    codes = [run("rollout", action).code for action in ("approve", "pause", "resume", "rollback")]
    status = run("rollout", "status")

    assert codes == [0, 0, 0, 0]
    assert "rolled_back: rollback by cli at 127.0.0.1" in status.out
    assert "canary 10%" in status.out


def test_following_a_rollout_prints_its_history_and_fails_if_it_fails(
    run: Run, backend: MemoryCloud
) -> None:
    put_two_versions(backend)
    backend.on_start = lambda view: backend.put_rollout(
        replace(
            view,
            state="rolled_back",
            sentence="digits@1.1.0 errs more often than 1.0.0: rolled back",
            ended_unix_s=START_UNIX_S + 9.0,
            events=[*view.events, RolloutEventView(START_UNIX_S + 5.0, "safety gate failed", {})],
        )
    )

    followed = run("rollout", "start", "digits@1.1.0", "--wait")

    assert followed.code == 1
    assert "safety gate failed" in followed.out
    assert followed.out.endswith(
        "rolled_back: digits@1.1.0 errs more often than 1.0.0: rolled back\n"
    )


def test_a_rollout_that_succeeds_while_followed_ends_with_0(run: Run, backend: MemoryCloud) -> None:
    put_two_versions(backend)
    backend.on_start = lambda view: backend.put_rollout(
        replace(view, state="succeeded", ended_unix_s=START_UNIX_S + 9.0)
    )

    followed = run("rollout", "start", "digits@1.1.0", "--wait", "--json")

    assert followed.code == 0
    assert json.loads(followed.out)["state"] == "succeeded"


def test_a_command_is_sent_with_typed_arguments(run: Run, backend: MemoryCloud) -> None:
    backend.put_device(device("cam-01"))
    backend.put_device(device("cam-02"))

    sent = run(
        *("fleet", "command", "set-interval", "--no-wait", "--device", "cam-02", "--expires", "30"),
        *("--arg", "seconds=5", "--arg", "why=less load", "--arg", "now=true"),
    )

    command = backend.commands.command("c1")
    assert sent.out == "sent set-interval to 1 device as c1\n"
    assert command.arguments == {"seconds": 5, "why": "less load", "now": True}
    assert command.devices == ["cam-02"]
    assert command.expires_unix_s - command.created_unix_s == 30.0


@pytest.mark.parametrize(("ok", "code", "word"), [(True, 0, "done"), (False, 1, "failed")])
def test_waiting_for_answers_ends_with_whether_all_did_it(
    run: Run, backend: MemoryCloud, ok: bool, code: int, word: str
) -> None:
    backend.put_device(device("cam-01"))
    backend.commands.on_send = lambda view: backend.answer(
        view.command_id, "cam-01", ok=ok, detail="-"
    )

    waited = run("fleet", "command", "ping")

    assert waited.code == code
    assert word in waited.out


def test_a_device_that_does_not_answer_makes_waiting_fail(run: Run, backend: MemoryCloud) -> None:
    backend.put_device(device("cam-01"))

    waited = run("fleet", "command", "ping", "--expires", "0.05")

    assert waited.code == 1
    assert "no answer" in waited.out


def test_devices_are_listed_by_filter_and_group(run: Run, backend: MemoryCloud) -> None:
    backend.put_device(device("cam-01", tags={"site": "oslo"}))
    backend.put_device(device("cam-02", tags={"site": "bergen"}))
    made = run("fleet", "group", "set", "west", "--filter", 'tag.site == "bergen"')

    oslo = run("fleet", "list", "--filter", 'tag.site == "oslo"')
    west = run("fleet", "list", "--group", "west", "--json")
    wrong = run("fleet", "list", "--filter", "memry_mb > 3")

    assert made.out == "group west has 1 device now\n"
    assert "cam-01" in oslo.out
    assert "cam-02" not in oslo.out
    assert [one["name"] for one in json.loads(west.out)] == ["cam-02"]
    assert wrong.code == 2
    assert "column 1: field 'memry_mb' is unknown: did you mean 'memory_mb'?" in wrong.err


def test_groups_are_listed_shown_and_deleted(run: Run, backend: MemoryCloud) -> None:
    backend.put_device(device("cam-01"))
    run("fleet", "group", "set", "pilot", "--device", "cam-01", "--device", "cam-99")

    listed = run("fleet", "group", "list")
    shown = run("fleet", "group", "show", "pilot")
    deleted = run("fleet", "group", "delete", "pilot")
    gone = run("fleet", "group", "show", "pilot")
    neither = run("fleet", "group", "set", "pilot")

    assert "2 listed" in listed.out
    assert "cam-99" in shown.out
    assert "never connected" in shown.out
    assert deleted.code == 0
    assert gone.code == 2
    assert "there is no group 'pilot' (known: none yet)" in gone.err
    assert neither.code == 2
    assert "needs a filter or a list of devices, got neither" in neither.err


def test_a_command_to_a_filter_says_who_failed_and_is_listed_afterwards(
    run: Run, backend: MemoryCloud
) -> None:
    for number in range(60):
        backend.put_device(device(f"cam-{number:02}"))

    def answer_all(view: CommandView) -> None:
        for name in view.devices:
            backend.answer(view.command_id, name, ok=name != "cam-07", detail="no room")

    backend.commands.on_send = answer_all

    waited = run("fleet", "command", "report", "--filter", 'name like "cam-0*"')
    every = run("fleet", "command", "report")
    listed = run("fleet", "commands", "--json")
    failed = run("fleet", "answers", "c2", "--state", "failed")

    assert (waited.code, every.code) == (1, 1)
    assert "report: 9 done, 1 failed" in waited.out
    assert "report: 59 done, 1 failed" in every.out
    assert "cam-08" not in every.out
    assert [one["counts"]["done"] for one in json.loads(listed.out)] == [59, 9]
    assert json.loads(listed.out)[1]["audience"] == 'all devices where name like "cam-0*"'
    assert "no room" in failed.out


def test_a_device_is_held_to_a_version_and_let_go(run: Run, backend: MemoryCloud) -> None:
    put_two_versions(backend)
    backend.put_device(device("cam-01"))

    held = run("fleet", "pin", "digits@1.0.0", "--device", "cam-01")
    shown = run("fleet", "device", "cam-01")
    gone = run("fleet", "unpin", "digits", "--device", "cam-01")
    everybody = run("fleet", "pin", "digits@1.0.0")

    assert held.out == "1 device is held to digits@1.0.0\n"
    assert "held to digits" in shown.out
    assert gone.out == "1 device is held to no version of digits\n"
    assert everybody.code == 2
    assert "say which devices" in everybody.err


def test_what_is_about_devices_stands_below_fleet(run: Run) -> None:
    top, below = run("--help"), run("fleet", "--help")

    for name in ("group", "answers", "command"):
        assert f"│ {name} " not in top.out
        assert f"│ {name} " in below.out
