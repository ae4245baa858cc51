"""With the real engine, and a meter that says what the test wants."""

import pytest

from edge_agent.adapters.onnxruntime_engine import OnnxRuntimeEngine
from edge_agent.agent import Agent
from edge_agent.memory_ceiling import MemoryCeiling
from edge_contract.errors import PackageError, UnavailableError, UsageError
from edge_contract.messages import Resources
from tests.edge_agent.conftest import MakeAgent
from tests.support.packages import digits

MIB = 2**20


class SetMeter:
    """Says one size after the other."""

    def __init__(self, *sizes: int | None) -> None:
        self._sizes = list(sizes)

    def process_bytes(self) -> int | None:
        return self._sizes.pop(0)

    def read(self) -> Resources:
        return Resources()


def ceiling(*sizes: int | None) -> MemoryCeiling:
    return MemoryCeiling(OnnxRuntimeEngine(), SetMeter(*sizes), 100 * MIB)


def test_a_model_that_fits_is_loaded() -> None:
    session = ceiling(50 * MIB, 50 * MIB, 100 * MIB).load(digits().package)
    assert session.provider == "CPUExecutionProvider"


def test_a_model_that_takes_too_much_is_refused_with_figures() -> None:
    with pytest.raises(
        PackageError,
        match=r"model of digits@1\.0\.0 does not fit into memory: it takes 51\.0 MiB, the process "
        r"has 50\.0 MiB without it and may have 100 MiB; allow more",
    ):
        ceiling(50 * MIB, 50 * MIB, 101 * MIB).load(digits().package)


def test_a_model_whose_file_is_too_large_is_not_even_loaded() -> None:
    with pytest.raises(PackageError, match=r"its file alone has 0\.0 MiB, the process has 100\.0"):
        ceiling(50 * MIB, 100 * MIB).load(digits().package)


def test_where_the_system_does_not_say_nothing_is_refused() -> None:
    assert ceiling(None, None, None).load(digits().package).provider


def test_a_ceiling_below_the_process_itself_is_refused() -> None:
    with pytest.raises(UsageError, match="memory may take 100 MiB, but the process alone has 150"):
        ceiling(150 * MIB)


def test_an_agent_whose_model_does_not_fit_tells_why(make_agent: MakeAgent) -> None:
    agent = make_agent(digits().package, max_memory_mb=100_000)
    assert agent.wait_ready() == "1.0.0"

    with pytest.raises(UsageError, match="memory may take 1 MiB, but the process alone has"):
        Agent(digits().package, max_memory_mb=1)


def test_a_version_that_does_not_fit_is_bad_and_the_status_says_why(
    make_agent: MakeAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = iter([50 * MIB, 50 * MIB, 300 * MIB])
    monkeypatch.setattr(
        "edge_agent.adapters.proc_meter.ProcMeter.process_bytes", lambda _self: next(sizes, 50)
    )
    agent = make_agent(digits().package, max_memory_mb=200)
    with pytest.raises(UnavailableError, match=r"does not fit into memory: it takes 250\.0 MiB"):
        agent.wait_ready(timeout_s=3.0)
