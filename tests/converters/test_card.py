"""The model card: what stands in it, and that a viewer of Markdown shows just that."""

import numpy as np
import pandas as pd
import pytest
from markdown_it import MarkdownIt
from sklearn.linear_model import LinearRegression, LogisticRegression

from converters.card import card_of, markdown_of
from converters.card_parts import Section, number, shown
from converters.robustness import Trials
from edge_contract.package import Package
from edge_contract.reading import JsonValue
from tests.converters.helpers import customer_model, customers, digits, quietly_converted


def section(package: Package, title: str) -> Section:
    return next(it for it in card_of(package) if it.title.startswith(title))


def cells_of(text: str) -> list[list[str]]:
    """The cells of all tables, as a viewer of Markdown shows them."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    rows: list[list[str]] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline" and token.level > 2:
            children = token.children or []
            assert {child.type for child in children} <= {"text", "text_special"}, children
            rows[-1].append("".join(child.content for child in children))
    return rows


@pytest.mark.parametrize(
    "text",
    [
        "a|b",
        "a\\|b",
        "*wide* and **wider**",
        "_x_ of __y__",
        "snake_case_name",
        "`code`",
        "<script>alert(1)</script>",
        "&lt;b&gt;",
        "[a](javascript:alert(1))",
        "![a](x.png)",
        "# no heading",
        "~~gone~~",
        "1e-3 < x <= 5",
    ],
)
def test_a_viewer_shows_names_and_values_as_they_are(text: str) -> None:
    rows = pd.DataFrame({text: np.arange(40.0), "other": np.arange(40.0)[::-1] ** 2})
    model = LinearRegression().fit(rows, np.arange(40.0))

    package = quietly_converted(model, rows, lineage={"note": text})

    cells = cells_of(markdown_of(package))
    expected = [list(row) for it in card_of(package) for row in (it.columns, *it.rows)]
    assert cells == [[cell.strip() for cell in row] for row in expected]
    assert text in [row[0] for row in cells]
    assert ["note", text] in cells


def test_texts_over_several_lines_stay_in_their_cell() -> None:
    rows = np.arange(40.0)[:, None]
    model = LinearRegression().fit(rows, rows[:, 0])

    package = quietly_converted(
        model, rows, description="one\n\n## two\x1b[2J", lineage={"note": "three\r\nfour"}
    )

    text = markdown_of(package)
    assert text.startswith("# m@1.0.0\n\none  \\#\\# two [2J\n\n## Model\n")
    assert "| note | three  four |" in text
    assert "\x1b" not in text


def test_robustness_of_pictures_noise_scale_and_gaps_stands_by_metric() -> None:
    rows, labels = digits()
    model = LogisticRegression(max_iter=50, tol=0.1).fit(rows, labels)

    package = quietly_converted(model, rows, labels, trials=Trials(image=(8, 8)))

    found = section(package, "Robustness (600 rows)")
    assert found.columns == ("inputs", "accuracy", "worse by", "f1", "worse by")
    assert [row[0] for row in found.rows] == [
        "unchanged",
        "noise, 5% of standard deviation",
        "noise, 10% of standard deviation",
        "noise, 25% of standard deviation",
        "numbers times 0.9",
        "numbers times 1.1",
        "pictures 20% brighter",
        "pictures 20% darker",
        "pictures blurred, 3 x 3 pixels",
    ]
    assert all(len(row) == 5 for row in found.rows)


def test_trust_comes_before_details() -> None:
    rows, labels = customers()
    model = customer_model().fit(rows, labels)

    package = quietly_converted(model, rows, labels, trials=Trials())

    titles = [section.title.partition(" (")[0] for section in card_of(package)]
    assert titles == [
        "Model",
        "Parity with the source model",
        "Quality",
        "Quality by class",
        "Robustness",
        "Interface",
        "Features",
        "Reference",
        "Lineage",
        "Files",
    ]


def test_a_commit_with_changes_since_says_so() -> None:
    rows = np.arange(40.0)[:, None]
    model = LinearRegression().fit(rows, rows[:, 0])

    dirty = quietly_converted(model, rows, lineage={"commit": "27de44f", "dirty": True})
    clean = quietly_converted(model, rows, lineage={"commit": "27de44f", "dirty": False})

    assert section(dirty, "Lineage").rows[0] == ("commit", "27de44f and changes since")
    assert section(clean, "Lineage").rows[0] == ("commit", "27de44f, nothing changed since")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.5"),
        (1 / 3, "0.3333"),
        (-13_740.4, "-13,740"),
        (9_999.4, "9999"),
        (1.5e9, "1.5e+09"),
        (5.5e-11, "5.5e-11"),
        (1.0, "1"),
    ],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "yes"),
        (None, ""),
        (1234, "1,234"),
        (["a", 1, 0.25], "a, 1, 0.25"),
        (list(range(500)), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 488 more"),
    ],
)
def test_values_are_written_for_people(value: JsonValue, text: str) -> None:
    assert shown(value) == text
