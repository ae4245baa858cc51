"""How far a conversion is, where no person sees a bar."""

import time

import pytest

from edgefleet import convert_telling


def test_a_slow_conversion_writes_lines_into_a_log(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convert_telling, "_BETWEEN_LINES_S", 0.01)

    with convert_telling.progress() as tell:
        tell("Comparing", 0.25)
        lines = ""
        deadline = time.monotonic() + 10
        while lines.count("\n") < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
            lines += capsys.readouterr().err

    assert lines.splitlines()[:2] == ["Comparing: 25% after 0 s"] * 2


def test_a_quick_one_writes_none(capsys: pytest.CaptureFixture[str]) -> None:
    with convert_telling.progress() as tell:
        tell("Comparing", 0.25)

    assert capsys.readouterr() == ("", "")
