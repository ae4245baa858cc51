"""How serving is asked for, and what is said where it cannot be."""

import sys
from pathlib import Path

import pytest

from edge_agent.serving.batching import BatchLimits
from edge_agent.serving.server import Address, ServeOptions, parse_address
from edge_contract.errors import UnavailableError, UsageError
from edgefleet.serving import serving_options


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8710", Address("127.0.0.1", 8710)),
        ("localhost:0", Address("localhost", 0)),
        ("[::1]:80", Address("::1", 80)),
    ],
)
def test_an_address_is_a_host_and_a_port(text: str, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["", "8710", ":8710", "localhost", "localhost:", "a:b", "a:70000"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"is not HOST:PORT, like 127\.0\.0\.1:8710"):
        parse_address(text)


@pytest.mark.parametrize("text", ["0.0.0.0:8710", "[::]:0", "10.1.2.3:80", "edge.example:80"])
def test_beyond_this_machine_nothing_is_served_in_plain_text_unless_it_is_meant(text: str) -> None:
    def given(*, plain_text: bool) -> ServeOptions | None:
        return serving_options(
            text, None, batch=8, delay_ms=0.0, deadline_s=1.0, plain_text=plain_text
        )

    with pytest.raises(UsageError, match=r"in plain text, to whoever asks: .* --plain-text"):
        given(plain_text=False)
    assert given(plain_text=True) is not None


def test_nobody_is_served_unless_it_is_asked_for() -> None:
    assert serving_options(None, None, batch=64, delay_ms=0.0, deadline_s=1.0) is None


def test_options_of_the_command_become_limits(tmp_path: Path) -> None:
    found = serving_options("[::1]:0", tmp_path, batch=8, delay_ms=2.0, deadline_s=3.0)

    assert found == ServeOptions(
        http=Address("::1", 0),
        unix=tmp_path,
        batches=BatchLimits(rows=8, delay_s=0.002),
        deadline_s=3.0,
    )


@pytest.mark.parametrize(
    ("batch", "delay_ms", "deadline_s", "said"),
    [
        (0, 0.0, 1.0, "a batch has at least 1 row"),
        (1, -1.0, 1.0, "may be delayed by 0 to 1 s"),
        (1, 1001.0, 1.0, "may be delayed by 0 to 1 s"),
        (1, 0.0, 0.0, "deadline of requests is above 0 s"),
    ],
)
def test_limits_that_cannot_be_are_refused(
    batch: int, delay_ms: float, deadline_s: float, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        serving_options("127.0.0.1:1", None, batch=batch, delay_ms=delay_ms, deadline_s=deadline_s)


def test_what_is_not_installed_is_named_with_the_extra_that_brings_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [name for name in sys.modules if name.startswith("edge_agent.serving")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "httptools", None)

    with pytest.raises(UnavailableError, match=r"needs httptools.*'edgefleet\[serve\]'"):
        serving_options("127.0.0.1:1", None, batch=1, delay_ms=0.0, deadline_s=1.0)
