"""A tab joins a fleet by a token with a key of its own, and is put out of it again."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext

from cloud_sync.trust.ceremony import Ceremony, Passwords
from edge_contract.enrolment import JoinToken
from tests.browser.clouds import Cloud
from tests.browser.pages import PageServer
from tests.browser.sites import built
from tests.browser.tabs import Tab
from tests.integration.processes import cli, eventually
from tests.support.packages import digits, with_version

ROW = digits().rows[0].tolist()
READ_KEPT = """(device) => new Promise((resolve) => {
  indexedDB.open(`edgefleet default  digits`).onsuccess = ({ target }) => {
    const facts = target.result.transaction("facts", "readwrite").objectStore("facts");
    facts.get("membership").onsuccess = ({ target: { result } }) => {
      facts.put({ ...result, password: "somebody has changed it" }, "membership");
      facts.get("key").onsuccess = ({ target: { result: { privateKey } } }) => {
        resolve([result.device, result.root.length > 100, privateKey.extractable]);
      };
    };
  };
})"""
"""What the tab has kept of joining; its password is spoilt on the way."""


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    keys, page = tmp_path / "keys", built(tmp_path / "site")
    Ceremony(keys, Passwords(), now=datetime.now(UTC)).begin(["digits"])
    options = ["--admit", "enrolled", "--keys", str(keys / "cloud"), "--page", str(page)]
    with Cloud(tmp_path, options) as cloud:
        file = tmp_path / "digits.modelpkg"
        file.write_bytes(digits().package.to_archive())
        words = ("model", "push", file, "--untried", "--key", keys / "model-digits.pem")
        assert cli(*words, cloud=cloud.url).code == 0
        yield cloud


def token_of(cloud: Cloud, *, uses: int = 1, root_sha256: str = "") -> str:
    made = cloud.client.create_join_token(device="", uses=uses, expires_s=600.0, label="")
    return str(
        JoinToken(
            url=cloud.url,
            fleet=made.fleet,
            token_id=made.token.token_id,
            secret=made.secret,
            root_sha256=root_sha256 or made.root_sha256,
        )
    )


def test_a_tab_joins_by_a_token_keeps_its_key_and_pins_the_root(
    cloud: Cloud,
    context: BrowserContext,
    chromium: Browser,
    tmp_path: Path,
    complaints: list[str],
) -> None:
    tab = Tab(context, f"{cloud.url}/try/tests.html", complaints)
    token = token_of(cloud)
    device = tab.start(model="digits", joinToken=token)
    assert tab.predict([ROW])["model"] == "digits@1.0.0"
    eventually("it is online", lambda: cloud.client.device(device).status == "online")
    [credential] = cloud.client.credentials()
    assert credential.device == device

    # a reload takes no second use, and a password that is refused is renewed by the key
    assert tab.page.evaluate(READ_KEPT, device) == [device, True, False]
    assert tab.reload() == device
    eventually("it has another password", lambda: tab.status()["link"] == "up")
    assert [it.used for it in cloud.client.join_tokens()] == [1]

    # what its root does not vouch for is refused
    cloud.client.push(with_version(digits().package, "1.1.0"))
    cloud.client.start_rollout("digits", "1.1.0", strategy="all-at-once")
    eventually("it is refused", lambda: any("was not released" in it for it in tab.logs()))

    # who has the token alone comes too late, and a cloud with another root is not believed
    for other, reason in (
        (token, "the join token is used up"),
        (token_of(cloud, root_sha256="0" * 64), "another root of releases than the join token"),
    ):
        with PageServer(tmp_path / "site") as site, chromium.new_context() as elsewhere:
            late = Tab(elsewhere, f"{site.url}/tests.html", [])  # which is another site
            late.start(model="digits", joinToken=other)
            late.wait_for_log(reason)

    # and who is put out stays out, and predicts all the same
    cloud.client.revoke_credential(device)
    eventually("it hears", lambda: any("gets no other password" in it for it in tab.logs()))
    assert tab.predict([ROW])["model"] == "digits@1.0.0"
    assert tab.status()["link"] == "down"
