"""What joins an agent to its cloud; imported by agents that have one only, for it costs time."""

from collections.abc import Callable

from edge_agent.adapters.http_source import HttpSource
from edge_agent.adapters.paho_link import PahoLink
from edge_agent.adapters.trial_process import TrialProcess
from edge_agent.core.agent import AgentCore
from edge_agent.ports import Link, LinkOptions, PackageSource
from edge_agent.resources import meter_here
from edge_agent.tried_source import TriedSource
from edge_contract.messages import encode
from edge_contract.messages.broker_url import parse_broker_url

__all__ = ["cloud_link"]


def cloud_link(
    core: AgentCore,
    url: str,
    *,
    username: str | None,
    password: str | None,
    memory_left: Callable[[], int | None],
) -> tuple[Link, PackageSource]:
    """Return the link to a broker and where packages come from.

    Args:
        core: Says who the agent is, and what it wants to hear.
        url: Of the broker.
        username: For the broker.
        password: For the broker.
        memory_left: Says how much applying a delta may take; ``None`` for what is usual.

    Raises:
        UsageError: The URL is none.
    """
    topics = core.topics
    link = PahoLink(
        LinkOptions(
            url=url,
            client_id=core.config.device,
            username=username,
            password=password,
            will_topic=topics.events,
            will_payload=encode(core.last_will),
            subscriptions=topics.subscriptions,
        )
    )
    source = HttpSource(parse_broker_url(url).host, memory_left=memory_left)
    return link, TriedSource(source, TrialProcess(), meter_here())
