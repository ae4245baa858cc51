"""What leaves a device is documented field by field, as the code writes it."""

import dataclasses
import re
from pathlib import Path

import pytest

from edge_agent.explaining import KINDS
from edge_contract.messages import Birth, CommandResult, Death, Report, TelemetryBatch, WindowEntry
from edge_contract.messages.telemetry import BatchId
from edge_contract.stats.base import SPECS

PAGE = (Path(__file__).parents[2] / "docs" / "privacy.md").read_text("utf-8")


def told(line: str) -> list[str]:
    """The names in code style of a line of a table."""
    return re.findall(r"`([a-z_]+)`", line)


def table_after(words: str) -> list[str]:
    """Names in the first column of the table that follows."""
    lines = PAGE.partition(words)[2].strip().splitlines()[2:]
    rows = lines[: next((i for i, line in enumerate(lines) if not line.startswith("|")), None)]
    return [name for row in rows for name in told(row.split("|")[1])]


def test_every_field_of_a_batch_is_told() -> None:
    batch = TelemetryBatch(
        BatchId("cam-1", 1, 2), (WindowEntry("sha256:" + "0" * 64, "primary", 1.0, 2.0),)
    )

    names = table_after("A batch of telemetry (`t`):")

    assert names == ["device", "boot", "seq", "span", "lost_rows", "entries", "firsts", "others"]
    assert len(names) == len(batch.to_body())
    assert table_after("Each entry:") == [field.name for field in dataclasses.fields(WindowEntry)]


def test_every_kind_of_statistic_is_told_in_the_page_and_in_words() -> None:
    kinds = {kind for kind in SPECS if not kind.startswith("test")}

    assert set(table_after("What each kind of statistic")[0:]) >= kinds
    assert set(KINDS) >= kinds


@pytest.mark.parametrize("message", [Birth, Death, Report, CommandResult])
def test_every_field_of_what_a_device_says_is_told(
    message: type[Birth] | type[Death] | type[Report] | type[CommandResult],
) -> None:
    line = next(row for row in PAGE.splitlines() if f"(`{message.kind}`)" in row and row[:1] == "|")

    fields = [field.name for field in dataclasses.fields(message)]

    assert [name for name in told(line.split("|")[2]) if name in fields] == fields
