import json
import math
from dataclasses import replace

import pytest

from cloud_sync.api.json_views import view_from_json, view_schemas, view_to_json
from cloud_sync.backend import (
    AlarmView,
    CommandView,
    DeviceView,
    FeatureView,
    RolloutEventView,
    RolloutView,
    StageView,
)
from edge_contract.errors import MessageError
from edge_contract.reading import Reader
from tests.support.views import alarm, device

ROLLOUT = RolloutView(
    rollout_id="r1",
    model="digits",
    version="1.1.0",
    previous="1.0.0",
    strategy="canary",
    state="running",
    sentence="canary of 10 %",
    started_unix_s=1_800_000_000.0,
    ended_unix_s=None,
    stages=(StageView("canary 10 %", 0.1, "soaking"),),
    executions={"cam-01": "succeeded"},
    devices_exposed=("cam-01",),
    events=(RolloutEventView(1_800_000_000.5, "started", {"gate": {"n": 12, "bound": 0.5}}),),
)
COMMAND = CommandView("c1", "ping", {}, 1.0, 2.0, ("cam-01",), {"cam-01": {"ok": True}})


def reader(value: object) -> Reader:
    return Reader(json.loads(json.dumps(value, allow_nan=False)), "answer", MessageError)


def test_a_rollout_survives_the_way_to_the_client_and_back() -> None:
    assert view_from_json(RolloutView, reader(view_to_json(ROLLOUT))) == ROLLOUT


def test_a_command_survives_the_way_to_the_client_and_back() -> None:
    assert view_from_json(CommandView, reader(view_to_json(COMMAND))) == COMMAND


def test_lists_come_back_as_tuples() -> None:
    back = view_from_json(AlarmView, reader(view_to_json(alarm("a1"))))

    assert back.features == ("left", "right")
    assert back.devices == ("cam-03", "cam-04")


def test_a_number_that_json_cannot_write_comes_back_as_nan() -> None:
    feature = FeatureView("left", False, math.inf, math.nan, 0.5, 0.0, 0.0)

    sent = view_to_json(feature)
    back = view_from_json(FeatureView, reader(sent))

    assert json.dumps(sent, allow_nan=False)
    assert math.isnan(back.evidence)
    assert math.isnan(back.ks)
    assert back.psi == 0.5


def test_what_a_newer_cloud_adds_is_ignored() -> None:
    sent = view_to_json(device("cam-01"))
    assert isinstance(sent, dict)

    back = view_from_json(DeviceView, reader(sent | {"mood": "good"}))

    assert back == device("cam-01")


def test_what_an_older_cloud_lacks_takes_its_default_or_is_named() -> None:
    sent = view_to_json(FeatureView("left", False, 0.1, 0.2, 0.3, 0.0, 0.0, (0.0, 1.0), (1.0,)))
    assert isinstance(sent, dict)
    without_edges = {name: value for name, value in sent.items() if name != "edges"}
    without_ks = {name: value for name, value in sent.items() if name != "ks"}

    back = view_from_json(FeatureView, reader(without_edges))

    assert back.edges == ()
    with pytest.raises(MessageError, match=r"answer\.ks is missing"):
        view_from_json(FeatureView, reader(without_ks))


def test_a_value_of_another_type_is_refused_with_its_place() -> None:
    sent = view_to_json(replace(ROLLOUT, stages=()))
    assert isinstance(sent, dict)

    with pytest.raises(MessageError, match=r"answer\.stages is 'none', expected a list"):
        view_from_json(RolloutView, reader(sent | {"stages": "none"}))


def test_schemas_describe_views_inside_views() -> None:
    schemas = view_schemas(RolloutView)

    assert set(schemas) == {"RolloutEventView", "RolloutView", "StageView"}
    assert schemas["RolloutEventView"] == {
        "type": "object",
        "description": "One line of a rollout's history, with the evidence behind it.",
        "properties": {
            "at_unix_s": {"type": ["number", "null"]},
            "sentence": {"type": "string"},
            "evidence": {"type": "object", "additionalProperties": {}},
        },
        "required": ["at_unix_s", "sentence", "evidence"],
    }
