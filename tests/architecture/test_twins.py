"""Agent and cloud share no code that does I/O: what both need is there twice and stays the same."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "name", ["compressions.py", "mqtt_connection.py", "mqtt_session.py", "zstd.py"]
)
def test_the_two_copies_of_a_file_are_the_same(name: str) -> None:
    of_agent = (ROOT / "edge_agent" / "adapters" / name).read_text(encoding="utf-8")
    of_cloud = (ROOT / "cloud_sync" / "adapters" / name).read_text(encoding="utf-8")

    assert of_agent.replace("from edge_agent.adapters.", "from cloud_sync.adapters.") == of_cloud, (
        f"mend {name} in edge_agent and in cloud_sync"
    )
