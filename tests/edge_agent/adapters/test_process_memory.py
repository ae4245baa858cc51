"""Memory that goes back to the system: what is still used stays as it was."""

import sys

import pytest

from edge_agent.adapters.process_memory import give_back_code
from edge_agent.adapters.silent_onnxruntime import onnxruntime


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets go of code")
def test_code_that_was_let_go_of_runs_when_it_is_called() -> None:
    providers = onnxruntime.get_available_providers()

    given = [give_back_code(), give_back_code()]

    assert given[1] < max(given[0], 4 * 2**20)  # what little is needed does not count
    assert onnxruntime.get_available_providers() == providers
