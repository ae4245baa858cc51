"""Package jobs: what is being fetched or loaded, and what is loaded. Gone after a restart."""

from dataclasses import replace
from typing import Final, NamedTuple

from edge_agent.core.effects import Effect, FetchPackage, LoadPackage, Log, UnloadPackage
from edge_agent.core.wording import fitting
from edge_contract.messages import Downloads
from edge_contract.package import short

__all__ = ["PackageJobs", "RunsOn"]

_RETRY_S: Final = 5.0
_MAX_RETRY_S: Final = 300.0


class RunsOn(NamedTuple):
    """What a loaded package runs on.

    Attributes:
        provider: Its execution provider.
        fallback: Why provider or variant is not one that was preferred; empty if they are.
        variant: Which variant of the model it is.
    """

    provider: str = ""
    fallback: str = ""
    variant: str = ""


class PackageJobs:
    """Sees to it that nothing is started twice, and that what broke waits longer and longer.

    Attributes:
        loaded: What they run on, by digest of the packages that can answer calls.
        retry_at_s: No download begins before; ``None`` if one may begin now.
        downloads: What came over the network in this life.
    """

    def __init__(self) -> None:
        self.loaded: dict[str, RunsOn] = {}
        self.retry_at_s: float | None = None
        self.downloads = Downloads()
        self._fetching: set[str] = set()
        self._loading: set[str] = set()
        self._failures = 0

    @property
    def running(self) -> frozenset[str]:
        """Packages whose files are in use by a fetch or load."""
        return frozenset(self._fetching | self._loading)

    @property
    def loading(self) -> frozenset[str]:
        """Packages that are being loaded."""
        return frozenset(self._loading)

    def is_loading(self, digest: str) -> bool:
        """Return whether a package is being loaded."""
        return digest in self._loading

    def fetch(self, digest: str, url: str) -> list[Effect]:
        """Begin to fetch, unless that is under way or a broken download is waiting."""
        if digest in self._fetching or self.retry_at_s is not None:
            return []
        self._fetching.add(digest)
        return [FetchPackage(digest, url)]

    def load(self, digest: str) -> list[Effect]:
        """Begin to load, unless that is under way or done."""
        if digest in self._loading or digest in self.loaded:
            return []
        self._loading.add(digest)
        return [LoadPackage(digest)]

    def unload(self, digest: str) -> list[Effect]:
        """Forget a loaded package."""
        del self.loaded[digest]
        return [UnloadPackage(digest)]

    def end_fetch(self, digest: str) -> bool:
        """Note the end of a fetch; return whether one was under way."""
        known = digest in self._fetching
        self._fetching.discard(digest)
        return known

    def end_load(self, digest: str) -> bool:
        """Note the end of a load; return whether one was under way."""
        known = digest in self._loading
        self._loading.discard(digest)
        return known

    def has_loaded(self, digest: str, runs_on: RunsOn) -> None:
        """Note a package that can answer calls now."""
        self.loaded[digest] = runs_on
        self._failures = 0

    def count(self, model: str, digest: str, spent: Downloads | None) -> list[Effect]:
        """Add up what came over the network, and tell the log."""
        if spent is None or spent == Downloads():
            return []
        spent = replace(spent, reason=fitting(spent.reason))
        self.downloads = self.downloads.plus(spent)
        level = "warning" if spent.fallbacks else "info"
        return [Log(level, f"{model} {short(digest)}: {spent.in_words()}")]

    def got_further(self) -> None:
        """Note a download that broke, but brought something: the next rest is a short one."""
        self._failures = 0

    def rest(self, now_s: float) -> float:
        """Let no download begin for a while, longer each time; return for how many seconds."""
        wait_s = min(_RETRY_S * 2.0 ** min(self._failures, 20), _MAX_RETRY_S)
        self._failures += 1
        self.retry_at_s = now_s + wait_s
        return wait_s

    def is_rested(self, now_s: float) -> bool:
        """Return whether the rest ends now; it is over then."""
        if self.retry_at_s is None or now_s < self.retry_at_s:
            return False
        self.retry_at_s = None
        return True

    def hurry(self) -> None:
        """End the rest: something has changed."""
        self.retry_at_s = None
        self._failures = 0
