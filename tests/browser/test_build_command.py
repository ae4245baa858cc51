"""``edgefleet browser build`` against a real cloud: it brings along what the registry has."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloud_sync.trust.ceremony import Ceremony, Passwords
from edge_contract.enrolment import JoinToken
from edge_contract.errors import EdgeError, PackageError, UsageError
from edgefleet.page_plan import PageOrder, planned
from tests.browser.clouds import Cloud
from tests.integration.processes import cli
from tests.support.packages import digits

TOKEN = JoinToken(url="https://c", fleet="plant", token_id="0123456789ab", secret="s" * 43)


def test_a_version_is_fetched_from_the_cloud_which_says_where_its_broker_is(
    tmp_path: Path,
) -> None:
    package, out = digits().package, tmp_path / "site"
    keys = tmp_path / "keys"
    Ceremony(keys, Passwords(), now=datetime.now(UTC)).begin(["digits"])
    root = (keys / "cloud" / "metadata" / "root.json").read_bytes()
    with Cloud(tmp_path, ["--keys", str(keys / "cloud")]) as cloud:
        cloud.client.push(package)

        words = ("--model", "digits@1.0.0", "--cloud", cloud.url, "--no-compress", "--no-compile")
        outcome = cli("browser", "build", "--out", out, *words)
        with pytest.raises(EdgeError, match=r"has no version '1\.1\.0'"):
            planned(PageOrder(model="digits@1.1.0", cloud=cloud.url))
        with pytest.raises(PackageError, match=r"digits@1\.0\.0 was not released"):
            planned(PageOrder(model="digits@1.0.0", cloud=cloud.url, trusted_root=root))

    assert outcome.code == 0, outcome.err
    told = json.loads((out / "page" / "config.json").read_text())["agent"]
    assert (told["model"], told["cloud"]) == ("digits", cloud.websocket_url)
    assert told["bundled"]["digest"] == package.digest
    assert (out / "models" / package.digest).read_bytes() == package.manifest_bytes


def test_a_cloud_that_has_no_broker_for_pages_says_so(tmp_path: Path) -> None:
    with (
        Cloud(tmp_path, websockets=False) as cloud,
        pytest.raises(UsageError, match="no broker for browsers: start it with --websocket-port"),
    ):
        planned(PageOrder(model="digits", cloud=cloud.url))


def test_who_joins_is_told_the_broker_then_and_is_of_the_tokens_fleet() -> None:
    plan = planned(PageOrder(model="digits", cloud=TOKEN.url, join_token=str(TOKEN)))

    assert (plan.model, plan.package, plan.broker, plan.fleet) == ("digits", None, "", "plant")
    with pytest.raises(UsageError, match="--fleet is 'other', and the join token is of 'plant'"):
        planned(PageOrder(model="digits", fleet="other", join_token=str(TOKEN)))
