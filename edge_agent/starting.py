"""What an agent is started with: packages by hand, a link if there is a cloud, a shell."""

import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.assembly import Assembly
from edge_agent.core.effects import Effect
from edge_agent.last_batch import LastBatch
from edge_agent.memory_ceiling import MemoryCeiling
from edge_agent.ports import InferenceEngine, Link, PackageSource
from edge_agent.retired import MOST
from edge_agent.shell import Shell
from edge_agent.variants import VariantPolicy
from edge_agent.way_to_cloud import CloudOptions
from edge_contract.errors import UsageError
from edge_contract.package import Package
from edge_contract.version import VERSION

if TYPE_CHECKING:
    from edge_agent.samples.options import SampleOptions

__all__ = [
    "agent_version",
    "listed",
    "require_packages",
    "sample_options",
    "shell_of",
    "start_with",
    "trusted",
]


def shell_of(
    parts: Assembly, cloud: CloudOptions, engine: InferenceEngine, policy: VariantPolicy
) -> Shell:
    """Return the shell of an agent; nothing runs yet."""
    link: Link | None = None
    source: PackageSource | None = None
    ready = threading.Event()
    if cloud.url is not None:
        from edge_agent.cloud_link import Trust, cloud_link

        link, source = cloud_link(
            parts.core,
            cloud,
            memory_left=parts.memory_left,
            ready=ready,
            trust=None if cloud.root is None else Trust(cloud.root, parts.folder / "trust"),
        )
    return Shell(
        parts.core,
        store=parts.store,
        packages=parts.packages,
        source=source,
        engine=engine,
        recorder=parts.recorder,
        link=link,
        ready=ready,
        on_report=parts.status.write,
        on_sent=LastBatch(parts.folder).note,
        variants=policy,
        housekeeping=parts.housekeeping,
        retired=0 if isinstance(engine, MemoryCeiling) else MOST,
    )


def start_with(shell: Shell, parts: Assembly, packages: Sequence[Package]) -> None:
    """Start the shell, and let packages serve that somebody handed over."""
    for package in packages:
        parts.packages.add_and_load_next(package)

    def adopt(_now_s: float) -> Sequence[Effect]:
        effects: list[Effect] = []
        for package in packages:
            manifest = package.manifest
            effects += parts.core.adopt(manifest.name, manifest.version, package.digest)
        return effects

    shell.start(adopt if packages else None)


def require_packages(asked: Mapping[str, Package | None]) -> None:
    """Raise ``UsageError`` if one of the models is a mere name, and nobody could give it."""
    for name, package in asked.items():
        if package is None:
            raise UsageError(
                f"model {name!r} is no package file, and there is no cloud to get it from: "
                "give the path of a .modelpkg, or cloud='mqtt://...'"
            )


def listed(windows: str | Sequence[str]) -> tuple[str, ...]:
    """Return maintenance windows one by one; a text has them with semicolons between."""
    texts = windows.split(";") if isinstance(windows, str) else windows
    return tuple(text for text in texts if text.strip())


def sample_options(
    purposes: str | Sequence[str], mib: float, days: float, *, way: CloudOptions
) -> "SampleOptions | None":
    """Return what a device's owner allows; ``None`` for no samples.

    Raises:
        UsageError: A purpose or limit is none, or the URL of the broker is none.
    """
    if not purposes:
        return None
    from edge_agent.samples.options import SampleOptions
    from edge_contract.messages.broker_url import parse_broker_urls

    return SampleOptions(
        purposes=(purposes,) if isinstance(purposes, str) else tuple(purposes),
        most_mib=mib,
        days=days,
        broker_host="" if way.url is None else parse_broker_urls(way.url)[0].host,
        ca_file=way.ca_file,
        plain_text=way.plain_text,
    )


def trusted(path: str | os.PathLike[str] | None) -> bytes | None:
    """Return the root at a path; raises ``UsageError`` if it cannot be read."""
    if path is None:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UsageError(
            f"cannot read the trusted root {str(path)!r}: {error.strerror}; it is the file "
            "root.json that `edgefleet keys init` made"
        ) from error


def agent_version() -> str:
    """Return the version of edgefleet."""
    return VERSION
