"""Samples from a device to a labeller and back: a real cloud, a real agent, the command line."""

import json
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from cloud_sync.config import CloudConfig
from cloud_sync.service import CloudService
from edge_agent.agent import Agent
from edgefleet.client import Cloud
from tests.integration.processes import cli, eventually
from tests.support.packages import digits


def config(folder: Path) -> CloudConfig:
    return CloudConfig(
        data=folder / "cloud", http_port=0, mqtt_port=0, interval_s=1.0, sample_pseudonyms=True
    )


def label(path: Path, target: Path) -> pd.DataFrame:
    """Say that every answer was right, but for the first one."""
    frame: pd.DataFrame = pq.read_table(path).to_pandas()
    frame["truth"] = frame["predicted"]
    frame.loc[0, "truth"] = "3"
    frame.to_parquet(target)
    return frame


def require_provenance(frame: pd.DataFrame) -> None:
    """Fail unless every row says where it is from, and holds what the model saw."""
    assert set(frame["purpose"]) == {"labelling"}
    assert set(frame["model"] + "@" + frame["version"]) == {"digits@1.0.0"}
    assert all(name.startswith("p-") for name in frame["device"])
    assert frame["reason"].str.contains("drifted").sum() == 5
    assert np.array_equal(np.sort(frame["feature:x20"].to_numpy())[-5:], np.full(5, 400.0))


def write_odd_labels(path: Path, ids: list[str]) -> None:
    """One label that counts, two that cannot, and one that is not there yet."""
    lines = ["id,class", f"{ids[1]},1", "nonsense,1", f"{ids[2]},zebra", f"{ids[3]},"]
    path.write_text("\n".join(lines))


def test_samples_are_captured_labelled_and_counted_exactly_once(tmp_path: Path) -> None:
    rows = digits().rows[:20].copy()
    rows[::4, 20] = 400.0
    with CloudService(config(tmp_path)) as service, Cloud(service.url) as cloud:
        cloud.push(digits().package)
        with Agent(
            "digits",
            cloud=service.broker_url,
            device="cam-1",
            state=tmp_path / "one",
            tags={"site": "oslo"},
            keep_samples="labelling",
        ) as agent:
            agent.wait_ready(30.0)
            prediction = agent.predict(rows)
            keeper = agent._parts.samples
            assert keeper is not None
            eventually("rows are kept", lambda: len(keeper._store.newest(100)) >= 5)

            sent = cloud.send("capture-samples", arguments={"purpose": "labelling"})
            done = cloud.wait_for_command(sent.command_id)
        (file,) = cloud.samples()
        fetched = cli("samples", "get", tmp_path / "to-label", cloud=service.url)
        (path,) = (tmp_path / "to-label").iterdir()
        frame = label(path, tmp_path / "labelled.parquet")
        more = tmp_path / "more.csv"
        kept = set(frame["prediction_id"])
        write_odd_labels(more, [one for one in prediction.ids if one not in kept])
        stolen = httpx.put(
            f"{service.url}/api/v1/uploads/{sent.command_id}/cam-1/7",
            content=b"[]",
            headers={"Content-Type": "application/json", "X-Edgefleet-Ticket": "guessed"},
        )

        first = cli("labels", "import", tmp_path / "labelled.parquet", cloud=service.url)
        again = cli("labels", "import", tmp_path / "labelled.parquet", "--json", cloud=service.url)
        odd = cli(
            "labels", "import", more, "--id-column", "id", "--truth-column", "class",
            cloud=service.url,
        )  # fmt: skip
        version = cloud.version("digits", "1.0.0")
        of_segment = cloud.statistics("digits", "1.0.0", segment="site=oslo")
        record = [line.action for line in cloud.audit(limit=50)]

    count = len(frame)
    assert stolen.status_code == 404
    assert done.results["cam-1"]["detail"] == f"sent {count} samples for 'labelling'"
    assert file.name.startswith(f"digits/1.0.0/{sent.command_id}-p-")
    require_provenance(frame)
    assert (fetched.code, first.code, again.code, odd.code) == (0, 0, 0, 1)
    assert f"{count} labels counted: digits@1.0.0 {count}" in first.out
    assert json.loads(again.out)["repeated"] == count
    assert "1 have no truth yet" in odd.out
    assert "2 cannot be counted" in odd.out
    assert "'zebra' is no class of digits@1.0.0" in odd.out
    assert version.labelled["rows"] == count + 1
    assert of_segment.labelled["rows"] == count  # by their pseudonym they count for their device
    assert {"samples.receive", "samples.read", "labels.import"} <= set(record)
