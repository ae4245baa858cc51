"""A tab that pins a root installs what was released, and hears nobody but the director."""

from datetime import UTC, datetime
from pathlib import Path

from paho.mqtt import publish
from playwright.sync_api import BrowserContext

from cloud_sync.trust.ceremony import Ceremony, Passwords
from edge_contract.messages import Assignment, DesiredState, FleetTopics, Target, encode
from tests.browser.clouds import Cloud
from tests.browser.pages import PageServer
from tests.browser.sites import built
from tests.browser.tabs import Tab
from tests.integration.processes import cli, eventually
from tests.support.packages import digits, with_version

V1 = digits().package
V2, V3 = with_version(V1, "1.1.0"), with_version(V1, "1.2.0")


def test_a_tab_with_a_root_takes_only_what_both_the_models_key_and_the_director_signed(
    tmp_path: Path, context: BrowserContext, complaints: list[str]
) -> None:
    keys = tmp_path / "keys"
    Ceremony(keys, Passwords(), now=datetime.now(UTC)).begin(["digits"])
    root = (keys / "cloud" / "metadata" / "root.json").read_bytes()
    site = built(tmp_path / "site", trusted_root=root)

    with PageServer(site) as server, Cloud(tmp_path, ["--keys", str(keys / "cloud")]) as cloud:

        def push(version: str, *options: str | Path) -> int:
            package = with_version(V1, version)
            file = tmp_path / package.file_name
            file.write_bytes(package.to_archive())
            return cli("model", "push", file, "--untried", *options, cloud=cloud.url).code

        key = keys / "model-digits.pem"
        assert push("1.0.0", "--key", key) == 0
        tab = Tab(context, f"{server.url}/tests.html", complaints)
        device = tab.start(model="digits", cloud=cloud.websocket_url, trustedRoot=root.decode())
        assert tab.predict(digits().rows[:1].tolist())["model"] == "digits@1.0.0"

        # what nobody has released
        assert push("1.1.0") == 0
        cloud.client.start_rollout("digits", "1.1.0", strategy="all-at-once")
        eventually("it is refused", lambda: any("was not released" in it for it in tab.logs()))
        assert tab.predict(digits().rows[:1].tolist())["model"] == "digits@1.0.0"

        eventually(
            "it is rolled back",
            lambda: cloud.client.rollouts()[0].state == "rolled_back",
        )

        # what nobody has ordered who may
        forged = DesiredState(
            generation=10**9,
            models={"digits": Assignment(serve=Target("1.1.0", V2.digest))},
            packages_url=f"{cloud.url}/api/v1/blobs",
        )
        topic = FleetTopics("default").device(device).desired
        port = int(cloud.broker_url.rpartition(":")[2])
        username, password = cloud.broker_login  # the broker is in somebody's hands
        publish.single(
            topic,
            encode(forged),
            qos=1,
            port=port,
            client_id="attacker",
            auth={"username": username, "password": password},
        )
        eventually("it is not heard", lambda: any("it is not signed" in it for it in tab.logs()))

        # and what both have, after the keys were replaced
        for role in ("model-digits", "root"):
            assert cli("keys", "rotate", keys, role, cloud=cloud.url).code == 0
        assert push("1.2.0", "--key", key) == 0
        cloud.client.start_rollout("digits", "1.2.0", strategy="all-at-once")
        eventually(
            "1.2.0 serves",
            lambda: tab.predict(digits().rows[:1].tolist())["model"] == "digits@1.2.0",
        )
        assert tab.reload() == device
        assert tab.predict(digits().rows[:1].tolist())["model"] in ("digits@1.0.0", "digits@1.2.0")
    assert [it for it in complaints if "404" not in it] == []  # of the root that may come next
