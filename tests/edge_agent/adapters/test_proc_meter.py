"""Files as devices have them."""

from pathlib import Path

import pytest

from edge_agent.adapters.proc_meter import ProcMeter
from edge_contract.messages import Resources


def written(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def test_sensors_battery_and_memory_are_read(tmp_path: Path) -> None:
    written(
        tmp_path,
        {
            "proc/meminfo": "MemTotal: 4096000 kB\nMemAvailable:    2097152 kB\n",
            "sys/class/thermal/thermal_zone0/temp": "48312\n",
            "sys/class/thermal/thermal_zone1/temp": "51000\n",
            "sys/class/thermal/thermal_zone2/temp": "n/a\n",
            "sys/class/power_supply/BAT0/type": "Battery\n",
            "sys/class/power_supply/BAT0/capacity": "75\n",
            "sys/class/power_supply/AC/type": "Mains\n",
            "sys/class/power_supply/AC/online": "0\n",
            "sys/class/power_supply/usb/type": "USB\n",
            "sys/class/power_supply/usb/online": "1\n",
        },
    )
    found = ProcMeter(tmp_path / "proc", tmp_path / "sys").read()

    assert found.memory_free_mb == 2048
    assert found.temperature_c == 51.0
    assert (found.battery, found.charging) == (0.75, True)


def test_load_is_the_share_of_ticks_that_were_not_idle(tmp_path: Path) -> None:
    written(tmp_path, {"proc/stat": "cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1 2 3\n"})
    meter = ProcMeter(tmp_path / "proc", tmp_path / "sys")
    written(tmp_path, {"proc/stat": "cpu  130 0 110 820 40 0 0 0 0 0\ncpu0 1 2 3\n"})
    assert meter.read().load == pytest.approx(0.4)
    assert meter.read().load is None  # no tick has passed


def test_a_system_that_says_nothing_gives_no_figures(tmp_path: Path) -> None:
    found = ProcMeter(tmp_path / "proc", tmp_path / "sys").read()
    assert found == Resources(cpu=found.cpu)
