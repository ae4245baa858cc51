"""Fetches and loads packages on a thread of its own, so that nothing else waits for them."""

import logging
import queue
import threading
from collections.abc import Callable
from typing import Final, Protocol

from edge_agent.adapters.process_memory import (
    brief_turns,
    give_back_code,
    give_back_memory,
    large_blocks_apart,
)
from edge_agent.adapters.recorder import Recorder
from edge_agent.golden_check import golden_inputs
from edge_agent.ports import InferenceEngine, PackageSource, PackageStore
from edge_agent.servable import Servable
from edge_agent.variants import Loaded, VariantPolicy, load_variant
from edge_contract.errors import EdgeError, UnavailableError
from edge_contract.messages import Downloads
from edge_contract.package import Reference

__all__ = ["PackageNews", "PackageWorker"]

_log = logging.getLogger("edgefleet.agent")

_LEAVE_S: Final = 2.0
_SETTLED_S: Final = 0.25


class PackageNews(Protocol):
    """Hears what came of the worker's jobs, on the worker's thread."""

    def on_fetched(self, digest: str, spent: Downloads) -> None:
        """A package is in the store."""
        ...

    def on_fetch_failed(
        self, digest: str, reason: str, *, permanent: bool, spent: Downloads
    ) -> None:
        """It is not, and trying again does not help if ``permanent``."""
        ...

    def on_loaded(self, servable: Servable, reference: Reference, loaded: Loaded) -> None:
        """A package is verified and can predict, with what was loaded of it."""
        ...

    def on_load_failed(self, digest: str, reason: str) -> None:
        """It cannot."""
        ...


class PackageWorker:
    """One job at a time, in the order in which they were given.

    Args:
        packages: Packages on this device.
        source: Where others come from; ``None`` without a cloud.
        engine: Makes sessions.
        recorder: Where the rows of loaded packages go.
        salt: Of the fleet, for hashing unknown categories.
        variants: Which variant of a model to load.
        news: Is told of every job how it ended, unless the worker is closed before.
    """

    def __init__(
        self,
        *,
        packages: PackageStore,
        source: PackageSource | None,
        engine: InferenceEngine,
        recorder: Recorder,
        salt: str,
        variants: VariantPolicy,
        news: PackageNews,
    ) -> None:
        self._packages = packages
        self._source = source
        self._engine = engine
        self._recorder = recorder
        self._salt = salt
        self._variants = variants
        self._news = news
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._leaving = False
        self._has_loaded = False
        self._first: Servable | None = None
        # A daemon: a server that is silent must not hold up the end of the process.
        self._thread = threading.Thread(target=self._run, name="edgefleet-packages", daemon=True)

    def start(self) -> None:
        """Begin with the jobs."""
        self._thread.start()

    def fetch(self, digest: str, url: str) -> None:
        """Bring a package into the store soon."""
        self._jobs.put(lambda: self._fetch(digest, url))

    def load(self, digest: str) -> None:
        """Make a package ready to predict soon."""
        self._jobs.put(lambda: self._load(digest))

    def close(self) -> None:
        """Break off what is under way, and forget the rest; waits two seconds at most."""
        self._leaving = True
        if self._source is not None:
            self._source.close()
        self._jobs.put(None)
        if self._thread.ident is not None:
            self._thread.join(_LEAVE_S)

    def _run(self) -> None:
        while (job := self._next()) is not None and not self._leaving:
            with brief_turns():
                job()

    def _next(self) -> Callable[[], None] | None:
        """Return the next job; once, in a pause after the first model was loaded, tidy up."""
        first, self._first = self._first, None
        if first is not None:
            try:
                return self._jobs.get(timeout=_SETTLED_S)
            except queue.Empty:
                self._give_back_code(first)
        return self._jobs.get()

    def _give_back_code(self, servable: Servable) -> None:
        """Let go of what only the start ran, and run the model once: calls shall find its code."""
        if not give_back_code():
            return
        try:
            golden = golden_inputs(self._packages.load(servable.digest))
            one = {name: values[:1] if values.ndim else values for name, values in golden.items()}
            servable.session.run(one)
        except EdgeError as error:  # of a fixed size, or gone: the next call brings the code back
            _log.debug("%s was not run again after its start: %s", servable.reference, error)
        except Exception:  # noqa: BLE001  the thread must go on
            _log.exception("a defect while memory was given back")

    def _fetch(self, digest: str, url: str) -> None:
        try:
            if self._source is not None:
                self._source.fetch(digest, url, self._packages)
            else:
                self._packages.load(digest)  # there is no other place where it could come from
        except EdgeError as error:
            permanent = not isinstance(error, UnavailableError)
            self._news.on_fetch_failed(digest, str(error), permanent=permanent, spent=self._spent())
        except Exception as error:  # noqa: BLE001  the core relies on an answer
            _log.exception("a defect while package %s was fetched", digest)
            self._news.on_fetch_failed(
                digest, f"defect: {error!r}", permanent=False, spent=self._spent()
            )
        else:
            give_back_memory()  # old file, delta and new file
            self._news.on_fetched(digest, self._spent())

    def _spent(self) -> Downloads:
        return Downloads() if self._source is None else self._source.spent()

    def _load(self, digest: str) -> None:
        try:
            package = self._packages.load(digest)
            reference = package.reference(with_strata=False)
            with large_blocks_apart():
                loaded = load_variant(package, self._variants, self._engine)
            self._recorder.knows(digest, package.manifest, reference)
            servable = Servable(
                package, digest, session=loaded.session, recorder=self._recorder, salt=self._salt
            )
        except EdgeError as error:
            self._news.on_load_failed(digest, str(error))
        except Exception as error:  # noqa: BLE001  the core relies on an answer
            _log.exception("a defect while package %s was loaded", digest)
            self._news.on_load_failed(digest, f"defect: {error!r}")
        else:
            del package
            give_back_memory()
            self._news.on_loaded(servable, reference, loaded)
            if not self._has_loaded:
                self._has_loaded, self._first = True, servable
