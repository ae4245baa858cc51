"""What ``edgefleet browser build`` puts into a page: from a file, or from a cloud's registry."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from edge_contract.enrolment import JoinToken
from edge_contract.errors import UsageError
from edge_contract.names import checked_name
from edge_contract.package import Package
from edgefleet.options import model_and_version

if TYPE_CHECKING:
    from edgefleet.client import Cloud

__all__ = ["PageOrder", "PagePlan", "planned"]

_API: Final = ("http://", "https://")
_BROKER: Final = re.compile(r"wss?://[^/\s]+\S*|:\d{1,5}")


class PageOrder(NamedTuple):
    """What somebody asked for.

    Attributes:
        package: File to bring along.
        model: ``NAME``, or ``NAME@VERSION`` to bring that version along.
        cloud: Address of a cloud's API, or of its broker for browsers.
        fleet: Name of the fleet; empty for the token's, or ``default``.
        join_token: By which browsers join; empty for none.
        trusted_root: What has to vouch for a version that is fetched.
    """

    package: Path | None = None
    model: str = ""
    cloud: str = ""
    fleet: str = ""
    join_token: str = ""
    trusted_root: bytes | None = None


class PagePlan(NamedTuple):
    """What a page is built of.

    Attributes:
        model: Its name.
        package: Comes along.
        broker: For browsers; empty for a page that only predicts, or is told when it joins.
        fleet: Name of the fleet.
    """

    model: str
    package: Package | None
    broker: str
    fleet: str


def planned(order: PageOrder) -> PagePlan:
    """Return the plan; asks the cloud for what only it knows.

    Raises:
        UsageError: Something is missing or does not fit.
        PackageError: A package is damaged, or nobody has released it.
        UnavailableError: The cloud is out of reach.
    """
    if order.package is not None and order.model:
        raise UsageError("--package brings its model along: leave --model out, or give it alone")
    if order.package is None and not order.model:
        raise UsageError("a page needs a model: give --package FILE, or --model NAME[@VERSION]")
    if order.cloud and not order.cloud.startswith(_API) and not _BROKER.fullmatch(order.cloud):
        raise UsageError(
            f"--cloud {order.cloud!r} is no address: write http(s)://HOST:PORT for a cloud, and "
            "ws(s)://HOST:PORT/mqtt or :PORT for its broker for browsers"
        )
    fleet = _fleet(order)
    name, _, version = order.model.partition("@")
    if order.model and not version and not (order.cloud or order.join_token):
        raise UsageError(
            f"a page with {name!r} needs a cloud that brings it: give --cloud URL, or bring a "
            f"version along, --model {name}@1.0.0"
        )
    package = _package(order)
    model = package.manifest.name if package is not None else checked_name(name, "model")
    return PagePlan(model, package, _broker(order), fleet)


def _fleet(order: PageOrder) -> str:
    if not order.join_token:
        return order.fleet or "default"
    token = JoinToken.parse(order.join_token)
    if order.fleet not in ("", token.fleet):
        raise UsageError(f"--fleet is {order.fleet!r}, and the join token is of {token.fleet!r}")
    return token.fleet


def _package(order: PageOrder) -> Package | None:
    if order.package is not None:
        from edge_agent.local_package import read_package

        return read_package(order.package)
    if "@" not in order.model:
        return None
    name, version = model_and_version(order.model)
    with _cloud(order) as cloud:
        package = cloud.package(name, version)
        if order.trusted_root is not None:
            _require_released(package, order.trusted_root, cloud.url)
        return package


def _broker(order: PageOrder) -> str:
    if not order.cloud.startswith(_API):
        return order.cloud
    if order.join_token:
        return ""
    with _cloud(order) as cloud:
        broker = cloud.page_broker()
    if not broker:
        raise UsageError(
            f"the cloud at {order.cloud} has no broker for browsers: start it with "
            "--websocket-port, or say where it is, --cloud wss://HOST:PORT/mqtt"
        )
    return broker


def _cloud(order: PageOrder) -> "Cloud":
    from edgefleet.client import Cloud

    return Cloud(order.cloud if order.cloud.startswith(_API) else "", program="cli")


def _require_released(package: Package, root: bytes, url: str) -> None:
    import tempfile

    from edge_agent.adapters.tuf_fetcher import TufFetcher
    from edge_agent.adapters.tuf_verifier import TufVerifier

    with tempfile.TemporaryDirectory() as folder:
        verifier = TufVerifier(Path(folder), root, TufFetcher())
        verifier.require_released(package, f"{url}/api/v1/blobs/trust")
