"""A cell as in docs/cells.md: servers of its cluster are killed one after the other, under load."""

from pathlib import Path

from tests.support.cell_world import CellWorld


def test_no_row_is_lost_or_doubled_while_each_server_of_a_cluster_is_killed(
    tmp_path: Path,
) -> None:
    with CellWorld(tmp_path, devices=4, seed=3) as world:
        for server in range(3):
            world.cluster.kill_server(server)
            world.load(0.8, every_s=0.08)
            world.cluster.start_server(server)
            world.load(0.5, every_s=0.08)

        verdict = world.settle(within_s=45.0)

    assert verdict.left == 0
    assert verdict.merged_rows == verdict.sent_rows
    assert verdict.window_rows == sum(verdict.sent_rows.values()) > 100
    assert all(device.connects > 1 for device in world.devices)
