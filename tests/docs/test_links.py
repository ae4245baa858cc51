"""Links between the pages lead somewhere."""

import re

import pytest

from tests.architecture.sources import ROOT, repository_files
from tests.docs.pages import text_of

LINK = re.compile(r"\]\((?!https?:)(?P<file>[^)#\s]*)(#(?P<heading>[^)\s]*))?\)")

MARKDOWN = [
    path.relative_to(ROOT).as_posix() for path in repository_files() if path.suffix == ".md"
]


def anchors(page: str) -> set[str]:
    """Anchors of the headings as code hosts make them."""
    prose = re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings}


@pytest.mark.parametrize("name", MARKDOWN)
def test_every_link_between_pages_leads_to_a_file_and_a_heading(name: str) -> None:
    here = (ROOT / name).parent
    lost = []
    for link in LINK.finditer(text_of(name)):
        target = (here / link["file"]).resolve() if link["file"] else ROOT / name
        is_there = target.exists() and target.is_relative_to(ROOT)
        wanted = {link["heading"]} if link["heading"] else set()
        if not is_there or wanted - anchors(target.read_text("utf-8") if wanted else ""):
            lost.append(link[0])

    assert lost == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), ["README.md"]
    while waiting:
        name = waiting.pop()
        if name in reached or name not in MARKDOWN:
            continue
        reached.add(name)
        here = (ROOT / name).parent
        for link in LINK.finditer(text_of(name)):
            target = (here / link["file"]).resolve()
            if target.is_relative_to(ROOT):
                waiting.append(target.relative_to(ROOT).as_posix())

    docs = {name for name in MARKDOWN if name.startswith("docs/")}
    assert docs - reached == {"docs/adr/template.md"} - reached
