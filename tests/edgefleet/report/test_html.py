import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from cloud_sync.statistics_view import StatisticsView
from edgefleet.report.content import fleet_report
from edgefleet.report.html import MAX_BYTES, html_of
from tests.support.report_views import (
    NOW_UNIX_S,
    bare,
    category_view,
    feature_view,
    statistics_view,
)

VOID = {"meta", "link", "img", "br", "input", "rect", "path", "line", "circle"}


class Outline(HTMLParser):
    """The text of a page, its elements, and whether they are nested as they should be."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def drawn(view: StatisticsView) -> tuple[str, Outline]:
    page = html_of(fleet_report(view), made_unix_s=NOW_UNIX_S)
    outline = Outline()
    outline.feed(page)
    outline.close()
    assert outline.faults == []
    assert outline.open == []
    return page, outline


DRIFTED = statistics_view(
    feature_view("left", shift=1.5),
    category_view("city", labels=["oslo", "bergen", "(new)"]),
    *(feature_view(f"calm_{k}") for k in range(10)),
)


def test_the_page_says_what_drifted_where_and_how_well_the_model_fares() -> None:
    _, page = drawn(DRIFTED)

    assert "2 of 12 columns drifted" in page.text
    assert "31,904 rows from 18 devices" in page.text
    assert "left of digits@1.0.0 drifted at site=oslo: KS 0.31 over 1840 rows" in page.text
    assert "accuracy 0.960 0.884 ± 0.012 0.871 ± 0.014" in page.text
    assert "F1 0.957 0.878 0.866 0.910 worse" in page.text
    assert "Class Truths Precision Recall F1 3 810 0.84 0.8 0.819 1 1,400 0.9 0.89" in page.text
    assert "Estimated without labels: it cannot see concept drift." in page.text
    assert page.text.index("site=oslo alarm") < page.text.index("lens=wide")
    assert "withheld: they rest on 1 device" in page.text
    assert "cam-03 differs" in page.text
    assert "cam-11 differs" not in page.text


def test_the_worst_columns_are_cards_and_the_calm_ones_are_folded_away() -> None:
    _, page = drawn(DRIFTED)

    cards = [attrs for tag, attrs in page.elements if tag == "article"]
    assert [card["class"] for card in cards] == ["card drifted"] * 2 + ["card"] * 4
    assert "6 more columns without an alarm" in page.text
    assert ("details", {"class": "more"}) in page.elements
    assert page.text.index("left drifted") < page.text.index("city abrupt change")
    assert "(new) 0 % → 20 %" in page.text


def test_the_page_needs_nothing_from_elsewhere_and_runs_no_script() -> None:
    page, outline = drawn(DRIFTED)

    tags = {tag for tag, _ in outline.elements}
    assert tags.isdisjoint({"script", "img", "link", "iframe", "object", "embed", "base", "form"})
    assert not re.search(r"(?:src|href|action)\s*=", page)
    assert not re.search(r"url\(|@import|https?:|//\w", page)
    assert not any(name.startswith("on") for _, attrs in outline.elements for name in attrs)


HOSTILE = [
    "<script>alert(1)</script>",
    '"><svg onload=alert(1)>',
    "</style><b>bold</b>",
    "{{ 7 * 7 }}{% raw %}",
    "left\x1b[2J\x07\u202egnp.exe",
    "x" * 280,
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_text_and_nothing_else(name: str) -> None:
    plain_page, usual = drawn(statistics_view(feature_view("left", shift=1.5)))
    view = statistics_view(feature_view(name, shift=1.5))
    page, outline = drawn(view)

    assert [tag for tag, _ in outline.elements] == [tag for tag, _ in usual.elements]
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", page)
    assert abs(len(page) - len(plain_page)) < 5000
    shown = name.replace("\x1b", "\\x1b").replace("\x07", "\\x07").replace("\u202e", "\\u202e")
    assert shown in " ".join(outline.words)


def test_hostile_categories_classes_segments_devices_and_sentences_are_text() -> None:
    evil = "<img src=x onerror=alert(1)>"
    view = statistics_view(category_view("city", labels=["oslo", evil, "(new)"]))
    view = replace(
        view,
        name="digits",
        segment=evil,
        classes=[replace(view.classes[0], name=evil)],
        segments=[replace(view.segments[0], segment=evil, worst=evil)],
        device_shares=[replace(view.device_shares[0], device=evil)],
        alarms=[replace(view.alarms[0], sentence=evil, segment=evil, devices=[evil], kind=evil)],
        estimated={**view.estimated, "note": evil},
    )

    _, outline = drawn(view)

    assert "img" not in {tag for tag, _ in outline.elements}
    assert outline.text.count(evil) >= 8


@pytest.mark.parametrize(
    ("columns", "drifted", "whole"),
    [(130, 3, True), (400, 3, True), (3000, 40, False), (400, 400, True)],
)
def test_a_page_stays_below_300_kb_however_many_columns_there_are(
    columns: int, drifted: int, whole: bool
) -> None:
    names = [f"a_rather_long_name_of_a_sensor_channel_{k:04}" for k in range(columns)]
    view = statistics_view(
        *(feature_view(name, shift=1.5) for name in names[:drifted]),
        *(feature_view(name) for name in names[drifted:]),
    )

    page, outline = drawn(view)

    assert len(page.encode()) < MAX_BYTES == 300_000
    assert f"{drifted} of {columns:,} columns drifted" in outline.text
    assert any(tag == "article" for tag, _ in outline.elements)
    assert ("left out to keep this page small" not in outline.text) == whole


def test_one_column_and_nothing_else_is_a_page_too() -> None:
    _, outline = drawn(bare(statistics_view(feature_view("left", history=0))))

    assert "No drift in 1 column" in outline.text
    assert "Performance" not in outline.text
    assert "Segments" not in outline.text


def test_a_version_without_rows_or_of_too_few_devices_says_so() -> None:
    _, nothing = drawn(bare(statistics_view(rows=0)))
    withheld = (
        "withheld: they rest on 2 devices, and statistics of fewer than 5 are shown to nobody"
    )
    _, hidden = drawn(replace(bare(statistics_view()), suppressed=withheld))

    assert "No rows were seen in this time" in nothing.text
    assert f"Statistics are {withheld}" in hidden.text


def test_columns_without_live_rows_show_their_reference() -> None:
    feature = replace(feature_view("left", history=0), live_histogram=(), live_summary={})

    page, outline = drawn(statistics_view(feature))

    assert "no rows yet" in outline.text
    assert page.count('<path class="live"') == 1  # the one in the key
