"""Writes reports to files."""

from pathlib import Path

from edge_contract.errors import UnavailableError
from edgefleet.report.content import Report
from edgefleet.report.html import html_of

__all__ = ["write_page"]


def write_page(report: Report, path: Path) -> None:
    """Write a report as HTML; a file that is there is replaced when the new one is complete.

    Raises:
        UnavailableError: It cannot be written there.
    """
    page = html_of(report)
    draft = path.with_name(f".{path.name}.part")
    try:
        draft.write_text(page, "utf-8")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise UnavailableError(f"cannot write {str(path)!r}: {error.strerror}") from error
