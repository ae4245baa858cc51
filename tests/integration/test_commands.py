"""Commands to a real agent: its log, its restart, and a cloud that is killed meanwhile."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.processes import ROOT, CloudProcess, cli, eventually


@contextmanager
def agent(cloud: CloudProcess, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """``edgefleet agent run`` beside a cloud."""
    command = [sys.executable, "-m", "edgefleet", "agent", "run", "gate", "--device", "gate-1"]
    command += ["--cloud", cloud.broker_url, "--state", str(folder / "state"), "--tag", "site=oslo"]
    with (folder / "agent.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(15.0)


def test_a_restart_outlives_a_killed_cloud_and_is_done_once(
    tmp_path: Path, packages: dict[str, Path]
) -> None:
    with CloudProcess(tmp_path / "cloud") as cloud, agent(cloud, tmp_path) as process:
        cloud.client.push(packages["1.0.0"])
        eventually("the device serves", lambda: [d for d in cloud.client.devices() if d.models])
        logs = cli(
            "fleet", "command", "collect-logs", "--filter", 'tag.site == "oslo"', cloud=cloud.url
        )
        boot = cloud.client.device("gate-1").boot

        sent = cloud.client.send("restart", expires_s=60.0)
        cloud.kill9()
        cloud.start()
        done = cloud.client.wait_for_command(sent.command_id)
        saved = cli("cloud", "backup", tmp_path / "b.tar", "--data", cloud.data)
        restored = cli("cloud", "restore", tmp_path / "b.tar", "--data", tmp_path / "again")

        device = cloud.client.device("gate-1")
        assert process.poll() is None

    assert (logs.code, "connected to the broker" in logs.out) == (0, True)
    assert done.results["gate-1"] == {"ok": True, "detail": "runs again"}
    assert (device.boots, device.boot > boot) == (2, True)
    assert device.facts["providers"] != []
    assert (saved.code, restored.code) == (0, 0)
