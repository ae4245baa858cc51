"""What lies in ``docs/deploy`` fits the program."""

import json
import re
import tomllib
from pathlib import Path

from cloud_sync.api.app import create_app
from cloud_sync.measures import measures_of_pulse
from cloud_sync.pulse import Pulse
from edgefleet.commands.cloud.config_file import KEYS
from tests.support.asgi import AppClient
from tests.support.memory_cloud import MemoryCloud

DEPLOY = Path(__file__).parents[2] / "docs" / "deploy"


def test_the_configuration_names_every_key_with_its_default() -> None:
    text = (DEPLOY / "cloud.toml").read_text("utf-8")

    written = re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE)
    found = tomllib.loads(written)

    names = {
        f"{name}.{inner}" if isinstance(value, dict) else name
        for name, value in found.items()
        for inner in (value if isinstance(value, dict) else [""])
    }
    assert names == set(KEYS)


def test_the_dashboard_of_grafana_asks_for_figures_that_there_are(tmp_path: Path) -> None:
    cloud = MemoryCloud(tmp_path)
    site = AppClient(create_app(cloud))
    site.get("/healthz")
    exposed = set(re.findall(r"^([a-z_]+)[ {]", site.get("/metrics").text, flags=re.MULTILINE))
    exposed |= {measure.name for measure in measures_of_pulse(Pulse(), waiting=0)}

    dashboard = json.loads((DEPLOY / "grafana.json").read_text("utf-8"))

    asked = {
        name
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for name in re.findall(r"\b(?:edgefleet|process)_[a-z_]+", target["expr"])
    }
    # without a rollout there is no figure of one, only its help
    assert asked - exposed <= {"edgefleet_cloud_rollouts", "edgefleet_cloud_command_devices"}
    assert len(asked) >= 15
