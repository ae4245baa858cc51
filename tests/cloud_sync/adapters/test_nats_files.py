import json
from pathlib import Path

import pytest

from cloud_sync.adapters.nats_files import NatsFiles
from edge_contract.errors import UsageError
from tests.integration.processes import cli


def test_each_server_of_a_cluster_has_ports_a_name_and_a_folder_of_its_own(tmp_path: Path) -> None:
    paths = NatsFiles(tmp_path).write_cluster(
        3, host="127.0.0.1", port=1883, nats_port=4222, cluster_port=6222, websocket_port=9001
    )

    servers = [json.loads(path.read_text()) for path in paths]
    assert paths == [tmp_path / str(number) / "nats.conf" for number in (1, 2, 3)]
    assert [one["server_name"] for one in servers] == ["edgefleet-1", "edgefleet-2", "edgefleet-3"]
    assert [one["mqtt"]["port"] for one in servers] == [1883, 1884, 1885]
    assert [one["websocket"]["port"] for one in servers] == [9001, 9002, 9003]
    assert [one["listen"] for one in servers] == [f"127.0.0.1:{4222 + n}" for n in range(3)]
    assert [len(one["cluster"]["routes"]) for one in servers] == [2, 2, 2]
    assert {one["mqtt"]["stream_replicas"] for one in servers} == {3}
    assert len({json.dumps(one["authorization"]) for one in servers}) == 1


def test_files_of_a_cluster_written_again_keep_their_secrets(tmp_path: Path) -> None:
    first, again = (
        NatsFiles(tmp_path)
        .write_cluster(3, host="127.0.0.1", port=1883, nats_port=4222, cluster_port=6222)[0]
        .read_text()
        for _ in range(2)
    )

    assert again == first


@pytest.mark.parametrize(
    ("servers", "nats_port", "message"),
    [
        (2, 4222, "a cluster has 3 servers, of which one may fail, or 5"),
        (3, 1885, "two servers would listen on port 1885"),
        (3, 65_535, "ports are from 1 to 65535, got 1883 to 65537"),
    ],
)
def test_a_cluster_that_cannot_work_is_refused_and_nothing_is_written(
    tmp_path: Path, servers: int, nats_port: int, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        NatsFiles(tmp_path / "new").write_cluster(
            servers, host="127.0.0.1", port=1883, nats_port=nats_port, cluster_port=6222
        )
    assert not (tmp_path / "new").exists()


def test_the_command_names_what_to_start_and_all_addresses(tmp_path: Path) -> None:
    done = cli("broker", "config", "nats", "--cluster", "3", "--out", tmp_path)

    assert done.code == 0, done.err
    assert [line for line in done.out.splitlines() if line.startswith("nats-server")] == [
        f"nats-server --config {tmp_path}/{number}/nats.conf" for number in (1, 2, 3)
    ]
    assert "--broker mqtt://HOST:1883,HOST:1884,HOST:1885 --broker-files" in done.out


def test_mosquitto_has_no_clusters(tmp_path: Path) -> None:
    done = cli("broker", "config", "mosquitto", "--cluster", "3", "--out", tmp_path)

    assert done.code == 2
    assert "--cluster is for nats: mosquitto has no clusters" in done.err
