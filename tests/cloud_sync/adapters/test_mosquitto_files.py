"""News for a mosquitto reach it whenever they come."""

import subprocess
import sys
from pathlib import Path

import pytest

from cloud_sync.adapters.mosquitto_files import MosquittoFiles

_STARTS_SLOWLY = """
import signal, sys, time
print("mosquitto starts", flush=True)
time.sleep(0.3)
signal.signal(signal.SIGHUP, lambda *_: sys.exit(7))
time.sleep(20)
"""


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="only Linux tells what is caught"
)
def test_a_mosquitto_that_is_starting_is_told_when_it_hears(tmp_path: Path) -> None:
    files = MosquittoFiles(tmp_path)
    files.write("default", host="127.0.0.1", port=1883)
    command = [sys.executable, "-c", _STARTS_SLOWLY]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as mosquitto:
        assert mosquitto.stdout is not None
        mosquitto.stdout.readline()
        (tmp_path / "mosquitto.pid").write_text(f"{mosquitto.pid}\n")

        files.write_passwords({"cam-1": "$7$101$salt$hash"})

        assert mosquitto.wait(10.0) == 7
