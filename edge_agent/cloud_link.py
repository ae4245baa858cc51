"""What joins an agent to its cloud; imported by agents that have one only, for it costs time."""

import importlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from edge_agent.core.agent import AgentCore
from edge_agent.later_link import LaterLink
from edge_agent.later_source import LaterSource
from edge_agent.ports import Link, LinkOptions, PackageSource
from edge_agent.resources import meter_here
from edge_agent.way_to_cloud import CloudOptions
from edge_contract.messages import DeviceTopics, encode
from edge_contract.messages.broker_url import parse_broker_urls

__all__ = ["Trust", "cloud_link"]


class Trust(NamedTuple):
    """Whose signatures count.

    Attributes:
        root: The TUF root that this device was given when it was enrolled.
        folder: For metadata that was verified.
    """

    root: bytes
    folder: Path


def cloud_link(
    core: AgentCore,
    cloud: CloudOptions,
    *,
    memory_left: Callable[[], int | None],
    ready: threading.Event,
    trust: Trust | None = None,
) -> tuple[Link, PackageSource]:
    """Return the link to a broker and where packages come from.

    Args:
        core: Says who the agent is, and what it wants to hear.
        cloud: How to reach it; its broker's URL is known.
        memory_left: Says how much applying a delta may take; ``None`` for what is usual.
        ready: Set when the agent answers calls, or has nothing to answer with.
        trust: Whose signatures count; ``None`` takes orders and packages as they come.

    Raises:
        UsageError: The URL is none, or the root is none.
        UnavailableError: The folder for metadata cannot be written.
    """
    topics = core.topics
    broker = parse_broker_urls(cloud.url or "")[0]
    options = LinkOptions(
        url=cloud.url or "",
        client_id=core.config.device,
        username=cloud.username,
        password=cloud.password,
        password_now=cloud.password_now,
        ca_file=cloud.ca_file if broker.is_tls else None,
        cert_file=cloud.cert_file if broker.is_tls else None,
        key_file=cloud.key_file if broker.is_tls else None,
        will_topic=topics.events,
        will_payload=encode(core.last_will),
        subscriptions=topics.subscriptions,
    )
    link = _link(options, ready, has_files=broker.is_tls)
    registry = _Registry(broker.host, cloud.ca_file)
    if trust is None:
        return link, LaterSource(lambda: _tried(registry, memory_left))
    return _verified(link, trust, topics=topics, registry=registry, memory_left=memory_left)


def _link(options: LinkOptions, ready: threading.Event, *, has_files: bool) -> Link:
    """Return a link that costs nothing before ``ready``, where nothing can be wrong with it."""
    importlib.import_module("paho")  # that it is missing is told now

    def made() -> Link:
        from edge_agent.adapters.paho_link import PahoLink  # takes as long as a small model

        return PahoLink(options)

    is_login_whole = options.password is None or options.username is not None
    return made() if has_files or not is_login_whole else LaterLink(made, ready)


class _Registry(NamedTuple):
    """Where packages are: a host, and whose certificates count there."""

    host: str
    ca_file: str | None


def _verified(
    link: Link,
    trust: Trust,
    *,
    topics: DeviceTopics,
    registry: _Registry,
    memory_left: Callable[[], int | None],
) -> tuple[Link, PackageSource]:
    """Return both, so that only the director is heard and only what was released comes in."""
    from edge_agent.adapters.tuf_fetcher import TufFetcher
    from edge_agent.adapters.tuf_verifier import TufVerifier
    from edge_agent.opened_link import OpenedLink
    from edge_agent.released_source import ReleasedSource

    verifier = TufVerifier(trust.folder, trust.root, TufFetcher(registry.ca_file))

    def metadata_url(url: str) -> str:
        from edge_agent.adapters.http_source import resolved_url

        return f"{resolved_url(url, registry.host)}/trust"

    def released(source: PackageSource) -> PackageSource:
        return ReleasedSource(source, verifier, metadata_url)

    sealed = (topics.desired, topics.commands, topics.to_all)
    return (
        OpenedLink(link, verifier, sealed, metadata_url),
        LaterSource(lambda: _tried(registry, memory_left, released)),
    )


def _tried(
    registry: _Registry,
    memory_left: Callable[[], int | None],
    released: Callable[[PackageSource], PackageSource] | None = None,
) -> PackageSource:
    """Return the source of packages, each of which is tried before it counts."""
    from edge_agent.adapters.http_source import HttpSource
    from edge_agent.adapters.trial_process import TrialProcess
    from edge_agent.tried_source import TriedSource

    source: PackageSource = HttpSource(
        registry.host, memory_left=memory_left, ca_file=registry.ca_file
    )
    if released is not None:
        source = released(source)
    return TriedSource(source, TrialProcess(), meter_here())
