"""The pages of the documentation and the code blocks in them.

A block is a fence with a language. Comments just above it say how it is tried::

    <!-- parsed only: it runs until Ctrl-C -->      a block that is parsed but not run
    <!-- output -->                                 a text block: what the blocks before it printed

``<!-- needs: cloud -->`` or ``<!-- needs: fleet -->`` anywhere on a page says what must run beside
it; ``<!-- needs: networks -->`` that it runs where the frameworks for networks are. No other way
exists to leave a block out.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.sources import ROOT, repository_files

__all__ = ["NETWORKS", "Block", "blocks_of", "commands_in_prose", "need_of", "pages", "text_of"]

FENCE = re.compile(r"^```(?P<language>\S*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)

COMMENT = re.compile(r"<!-- (?P<name>[a-z ]+?)(: (?P<value>.*?))? -->\n\Z")

NEED = re.compile(r"^<!-- needs: (cloud|fleet|networks) -->$", re.MULTILINE)


NETWORKS = "networks"


@dataclass(frozen=True, slots=True)
class Block:
    """A code block; ``line`` is that of its first line, ``mark`` the comment above it."""

    language: str
    text: str
    line: int
    mark: str = ""


def pages() -> list[str]:
    """The pages whose blocks are tried, relative to the repository."""
    names = [path.relative_to(ROOT).as_posix() for path in repository_files()]
    return [name for name in names if name == "README.md" or re.fullmatch(r"docs/[^/]+\.md", name)]


def need_of(page: str) -> str:
    """What a page needs beside it: ``cloud``, ``fleet``, ``networks`` or nothing."""
    found = NEED.search(page)
    return found[1] if found else ""


def blocks_of(page: str) -> list[Block]:
    """All code blocks of a page, in order."""
    blocks = []
    for fence in FENCE.finditer(page):
        above = COMMENT.search(page[: fence.start()])
        line = page.count("\n", 0, fence.start("text")) + 1
        mark = above["name"] if above else ""
        blocks.append(Block(fence["language"], fence["text"], line, mark))
    return blocks


def commands_in_prose(page: str) -> list[str]:
    """Commands that stand in sentences and tables."""
    return re.findall(r"`(edgefleet [^`]+)`", FENCE.sub("", page))


def text_of(page: str) -> str:
    """A page by its name."""
    return Path(ROOT / page).read_text("utf-8")
