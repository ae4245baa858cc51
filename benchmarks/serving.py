"""Requests a second of a served agent beside MLServer, LitServe and BentoML with the same model."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.harness import Figure, benchmark
from benchmarks.peers import PeerProcess, python_of
from edge_agent.config import ring_folder
from edge_agent.serving.frames import Frame, Purpose
from edge_contract.errors import UnavailableError
from edge_contract.package import Package
from edgefleet.converting import convert

__all__ = ["serving"]

_PROGRAMS: Final = Path(__file__).parent / "peer_programs"
_CLIENTS: Final = (1, 16)
_START_S: Final = 90.0
_LEAVE_S: Final = 10.0
_TICK_S: Final = 1.0 / os.sysconf("SC_CLK_TCK")
_PAGE_MB: Final = os.sysconf("SC_PAGE_SIZE") / 1e6
_PEERS: Final = {
    "MLServer": ("mlserver", "1"),  # with a process for its model, as it comes
    "MLServer in one process": ("mlserver", "0"),
    "LitServe": ("litserve",),
    "BentoML": ("bentoml",),
}
_NEEDS: Final = {"mlserver": ("uvloop<0.22",)}  # its workers do not start with later ones
_RATIO: Final = {"MLServer": 15.0, "LitServe": 15.0}


class _Target(NamedTuple):
    """Something that is asked.

    Attributes:
        server: Process that answers; its children work for it.
        message: File with the bytes of one request.
        port: Of HTTP; 0 for a socket.
        path: Of the socket.
    """

    server: subprocess.Popen[bytes]
    message: Path
    port: int = 0
    path: str = ""


@dataclass(frozen=True, slots=True)
class _Measured:
    """Medians over rounds.

    Attributes:
        a_second: Requests.
        p50_us: Of their latencies.
        p99_us: The same.
        cpu_us: What the server's processes spent on one.
    """

    a_second: float
    p50_us: float
    p99_us: float
    cpu_us: float


@benchmark
def serving(*, quick: bool, seed: int) -> Sequence[Figure]:  # noqa: ARG001  data are fixed
    """Ask for one row at a time, from 1 client and from 16 at once."""
    rows, truths = load_breast_cancer(return_X_y=True)
    rows = rows.astype(np.float32)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, truths)
    package = convert(model, rows, truths, name="digits", version="1.0.0")
    figures: list[Figure] = []
    with TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        targets = _ours(package, rows[:1], folder, stack)
        for peer in _PEERS:
            reason = "not started; a run without --quick does that"
            if not quick:
                try:
                    targets[peer] = _peer(peer, package, rows[:1], folder, stack)
                    continue
                except UnavailableError as error:
                    reason = str(error)
            figures.append(Figure(f"{peer}: requests a second", None, "1/s", peer=reason))
        for target in targets.values():
            _wait_until_it_answers(target)
        found = _measure(targets, rounds=1 if quick else 3, seconds=0.5 if quick else 2.0)
        memory = {name: _memory_mb(target.server.pid) for name, target in targets.items()}
    return [*_figures(found), *_ratios(found), *_memories(memory), *figures]


def _measure(
    targets: Mapping[str, _Target], *, rounds: int, seconds: float
) -> dict[tuple[str, int], _Measured]:
    """Load the servers in turns, so that a disturbance of the machine hits all of them alike.

    The others stand still meanwhile: some of them are busy even when nobody asks.
    """
    answers: dict[tuple[str, int], list[_Measured]] = {}
    servers = {target.server for target in targets.values()}
    with PeerProcess(Path(sys.executable), "load.py") as load:
        for _ in range(rounds):
            for clients in _CLIENTS:
                for name, target in targets.items():
                    with _still(servers - {target.server}):
                        measured = _loaded(load, target, clients, seconds)
                    answers.setdefault((name, clients), []).append(measured)
    return {key: _median(found) for key, found in answers.items()}


def _median(found: Sequence[_Measured]) -> _Measured:
    return _Measured(
        statistics.median(one.a_second for one in found),
        statistics.median(one.p50_us for one in found),
        statistics.median(one.p99_us for one in found),
        statistics.median(one.cpu_us for one in found),
    )


def _loaded(load: PeerProcess, target: _Target, clients: int, seconds: float) -> _Measured:
    where: dict[str, float | str] = {"path": target.path} if target.path else {"port": target.port}
    before_s = _cpu_s(target.server.pid)
    told = load.ask(clients=clients, seconds=seconds, message=str(target.message), **where)
    cpu_s = _cpu_s(target.server.pid) - before_s
    if told["failed"]:
        raise UnavailableError(f"{told['failed']:.0f} requests failed at {where}")
    return _Measured(
        told["a_second"], told["p50_us"], told["p99_us"], cpu_s * 1e6 / told["answers"]
    )


# Figures.


def _figures(found: Mapping[tuple[str, int], _Measured]) -> Iterator[Figure]:
    for (name, clients), one in found.items():
        is_ours = name.startswith("edgefleet")
        what = f"{name}, {clients} client{'s' if clients > 1 else ''}"
        fast_enough = 27_000.0 if name == "edgefleet, Unix socket" and clients > 1 else None
        quick_enough = 3000.0 if is_ours and clients > 1 else None
        yield Figure(f"{what}: requests a second", one.a_second, "1/s", fast_enough, at_most=False)
        yield Figure(f"{what}: p50", one.p50_us, "us")
        yield Figure(f"{what}: p99", one.p99_us, "us", quick_enough)
        yield Figure(f"{what}: processor time of the server for one", one.cpu_us, "us")


def _ratios(found: Mapping[tuple[str, int], _Measured]) -> Iterator[Figure]:
    for clients in _CLIENTS:
        ours = found["edgefleet, HTTP", clients]
        for peer in _PEERS:
            other = found.get((peer, clients))
            if other is None:
                continue
            yield Figure(
                f"edgefleet, HTTP / {peer}, requests a second, {clients} clients",
                ours.a_second / other.a_second,
                "x",
                _RATIO.get(peer) if clients > 1 else None,
                at_most=False,
                peer=f"{peer}, same ONNX model, same load",
            )
            yield Figure(
                f"{peer} / edgefleet, HTTP, processor time for one, {clients} clients",
                other.cpu_us / ours.cpu_us,
                "x",
                peer=f"{peer}, same ONNX model, same load",
            )


def _memories(memory: Mapping[str, float]) -> Iterator[Figure]:
    for name, used_mb in memory.items():
        if name != "edgefleet, Unix socket":  # it is the same process
            yield Figure(f"{name.partition(',')[0]}: resident memory", used_mb, "MB")


# Servers.


def _ours(
    package: Package, row: NDArray[np.float32], folder: Path, stack: contextlib.ExitStack
) -> dict[str, _Target]:
    """Start the command, with its statistics on, and return its ways in."""
    state = folder / "state"
    stack.callback(shutil.rmtree, ring_folder(state), ignore_errors=True)
    path = folder / "model.modelpkg"
    path.write_bytes(package.to_archive())
    port, unix = _free_port(), str(folder / "agent.sock")
    server = _started(
        [
            *(sys.executable, "-m", "edgefleet", "agent", "run", str(path)),
            *("--state", str(state), "--device", "benchmark"),
            *("--serve", f"127.0.0.1:{port}", "--serve-unix", unix),
        ],
        folder / "edgefleet.log",
        stack,
    )
    chunk = row.tobytes()
    tensor = {
        "name": "X",
        "datatype": "FP32",
        "shape": list(row.shape),
        "parameters": {"binary_data_size": len(chunk)},
    }
    asked = {"inputs": [tensor], "parameters": {"binary_data_output": True}}
    head = json.dumps(asked).encode()
    frame = folder / "frame"
    frame.write_bytes(Frame(1, Purpose.INFER, head + chunk, len(head)).to_bytes())
    v2 = _http_message(folder / "v2", "/v2/models/digits/infer", _v2(row))
    return {
        "edgefleet, HTTP": _Target(server, v2, port=port),
        "edgefleet, Unix socket": _Target(server, frame, path=unix),
    }


def _peer(
    name: str,
    package: Package,
    row: NDArray[np.float32],
    folder: Path,
    stack: contextlib.ExitStack,
) -> _Target:
    """Start a peer in its own environment."""
    short, *arguments = _PEERS[name]
    python = python_of(short, [short, *_NEEDS.get(short, ()), "onnxruntime", "numpy"], install=True)
    onnx = folder / "model.onnx"
    onnx.write_bytes(package.model())
    port = _free_port()
    program = _PROGRAMS / f"serve_{short}.py"
    server = _started(
        [str(python), str(program), str(onnx), str(port), *arguments],
        folder / f"{name}.log",
        stack,
    )
    if short == "mlserver":
        message = _http_message(folder / short, "/v2/models/digits/infer", _v2(row))
    else:
        message = _http_message(folder / short, "/predict", {"rows": row.tolist()})
    return _Target(server, message, port=port)


def _started(
    command: Sequence[str], log: Path, stack: contextlib.ExitStack
) -> "subprocess.Popen[bytes]":
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            cwd=log.parent,  # some leave files behind where they stand
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            process_group=0,
        )
    stack.callback(_end, process)
    return process


@contextlib.contextmanager
def _still(servers: Collection["subprocess.Popen[bytes]"]) -> Iterator[None]:
    """Let servers and the processes that they started do nothing during a block."""
    for server in servers:
        os.killpg(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for server in servers:
            os.killpg(server.pid, signal.SIGCONT)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a server and the processes that it started."""
    process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_LEAVE_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _wait_until_it_answers(target: _Target) -> None:
    if target.path:
        return
    head, _, body = target.message.read_bytes().partition(b"\r\n\r\n")
    path = head.split(b" ")[1].decode()
    deadline_s = time.monotonic() + _START_S
    while True:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=5.0)
            with contextlib.closing(connection):
                connection.request("POST", path, body, {"content-type": "application/json"})
                if connection.getresponse().status == HTTPStatus.OK:
                    return
                reason = "it answers with an error"
        except (OSError, http.client.HTTPException) as error:
            reason = str(error)
        if time.monotonic() > deadline_s or target.server.poll() is not None:
            raise UnavailableError(f"{path} at port {target.port} does not answer: {reason}")
        time.sleep(0.2)


def _http_message(path: Path, address: str, body: Mapping[str, object]) -> Path:
    data = json.dumps(body).encode()
    head = (
        f"POST {address} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        f"content-length: {len(data)}\r\n\r\n"
    )
    path.write_bytes(head.encode() + data)
    return path


def _v2(row: NDArray[np.float32]) -> Mapping[str, object]:
    shape = list(row.shape)
    tensor = {"name": "X", "datatype": "FP32", "shape": shape, "data": row.ravel().tolist()}
    return {"inputs": [tensor]}


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


# Processes.


def _family(pid: int) -> list[int]:
    """Return a process and all that came from it."""
    found = [pid]
    for parent in found:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += [int(child) for child in children.read_text().split()]
    return found


def _cpu_s(pid: int) -> float:
    total = 0.0
    for member in _family(pid):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
            total += (int(fields[11]) + int(fields[12])) * _TICK_S
    return total


def _memory_mb(pid: int) -> float:
    total = 0.0
    for member in _family(pid):
        with contextlib.suppress(OSError):
            total += int(Path(f"/proc/{member}/statm").read_text().split()[1]) * _PAGE_MB
    return total
