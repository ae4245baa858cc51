"""The diagrams in the documentation are those of the code."""

import pytest

from docs.diagrams import PAGE, diagrams, with_diagrams


def test_the_diagrams_on_the_page_are_those_of_the_tables() -> None:
    page = PAGE.read_text("utf-8")

    assert with_diagrams(page) == page, "run: python docs/diagrams.py"


def test_a_diagram_shows_states_and_the_events_between_them() -> None:
    slot = diagrams()["slot"]

    assert slot.startswith("stateDiagram-v2\n    [*] --> empty\n")
    assert "    trial --> active: confirm\n" in slot
    assert "    trial --> bad: fail\n" in slot


def test_a_page_without_the_mark_of_a_diagram_is_refused() -> None:
    with pytest.raises(ValueError, match="diagram: slot"):
        with_diagrams("# A page without diagrams\n")
