"""Verifies signed updates in a tab: the verifier of devices, with metadata that JavaScript fetches.

python-tuf asks for files one after another and waits for each; a tab must not wait. So a question
is put again and again: each time a file is missing the answer says which, JavaScript fetches it,
and the question is put anew, until there is an answer that needs no more.
"""

import browser.py.no_urllib3  # noqa: F401, I001  before anything of tuf

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from tuf.api.exceptions import DownloadError, DownloadHTTPError
from tuf.ngclient import FetcherInterface

from browser.py.bridge import Given, bytes_of
from edge_agent.adapters.tuf_verifier import TufVerifier
from edge_contract.errors import EdgeError, MessageError, PackageError
from edge_contract.messages import DesiredState, decode
from edge_contract.package import Manifest, Package
from edge_contract.reading import JsonObject, JsonValue
from edge_contract.trust import Seal

__all__ = ["Verifying"]

_FOLDER: Final = Path("/trust")


class Verifying:
    """What one root vouches for.

    Args:
        root: Text of the trusted root.
        known: Metadata that was verified before, by file name as text, as JSON; empty if none was.
    """

    def __init__(self, root: str, known: str) -> None:
        shutil.rmtree(_FOLDER, ignore_errors=True)  # of another root
        _FOLDER.mkdir()
        for name, text in json.loads(known or "{}").items():
            (_FOLDER / name).write_text(text)
        self._fetcher = _Fetcher()
        self._verifier = TufVerifier(_FOLDER, root.encode(), self._fetcher)

    def known(self) -> str:
        """Return the metadata that was verified, for the next life."""
        return json.dumps({path.name: path.read_text() for path in _FOLDER.glob("*.json")})

    def begin(self) -> None:
        """Forget what was fetched: a new question gets the newest."""
        self._fetcher.begin()

    def fetched(self, url: str, data: Given) -> None:
        """Note a file."""
        self._fetcher.found[url] = bytes_of(data)

    def not_fetched(self, url: str, status: int, reason: str) -> None:
        """Note that a file does not come; ``status`` is HTTP's, or 0."""
        error = DownloadHTTPError(reason, status) if status else DownloadError(reason)
        self._fetcher.found[url] = error

    def released(self, manifest: Given, url: str) -> str:
        """Say as JSON whether a package was released: ``needs``, ``refused`` or neither.

        Args:
            manifest: Of a package whose files were verified against it.
            url: Where metadata is.
        """
        data = bytes_of(manifest)
        package = Package(Manifest.from_bytes(data), data, {})
        return self._answer(lambda: self._verifier.require_released(package, url))

    def opened(self, topic: str, message: Given, url: str) -> str:
        """Say as JSON whether the director sealed a message for a topic, like :meth:`released`."""
        data = bytes_of(message)
        return self._answer(lambda: self._verifier.opened(topic, data, url=url))

    def payload(self, message: Given) -> bytes:
        """Return a message without its seal."""
        return Seal.stripped(bytes_of(message))

    def packages_url(self, message: Given) -> str:
        """Return where a sealed message says that packages are; empty if it does not."""
        try:
            found = decode(Seal.from_bytes(bytes_of(message)).payload)
        except EdgeError:  # which is what opening it will say
            return ""
        return found.packages_url if isinstance(found, DesiredState) else ""

    def _answer(self, ask: Callable[[], object]) -> str:
        answer: JsonObject = {}
        self._fetcher.missing = ""
        try:
            ask()
        except (PackageError, MessageError) as error:
            answer = {"refused": str(error), "for_good": True}
        except EdgeError as error:
            missing: JsonValue = self._fetcher.missing
            answer = {"needs": missing} if missing else {"refused": str(error), "for_good": False}
        return json.dumps(answer)


class _Fetcher(FetcherInterface):
    """Has what JavaScript has fetched, and notes what it has not."""

    def __init__(self) -> None:
        self.found: dict[str, bytes | DownloadError] = {}
        self.missing = ""

    def begin(self) -> None:
        self.found.clear()

    def _fetch(self, url: str) -> Iterator[bytes]:
        found = self.found.get(url)
        if found is None:
            self.missing = url
            raise DownloadError(f"{url} was not fetched yet")
        if isinstance(found, DownloadError):
            raise found
        yield found
