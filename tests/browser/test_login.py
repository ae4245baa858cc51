"""People log in to the dashboard in a real Chromium; what others write there stays text."""

from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from cloud_sync.api.server import ApiServer
from cloud_sync.api.settings import ApiSettings
from cloud_sync.core.access import Role
from cloud_sync.core.groups import Audience
from edge_contract.reading import JsonValue
from tests.support.lived_cloud import lived_cloud
from tests.support.memory_cloud import MemoryCloud
from tests.support.views import alarm, device

TIMEOUT_MS = 10_000


@pytest.fixture
def backend(tmp_path: Path) -> MemoryCloud:
    return lived_cloud(tmp_path)


@pytest.fixture
def server(backend: MemoryCloud) -> Iterator[ApiServer]:
    with ApiServer(backend, port=0, settings=ApiSettings(token="s3cret")) as running:
        yield running


@pytest.fixture
def page(context: BrowserContext, server: ApiServer) -> Page:
    page = context.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    page.goto(f"{server.url}/alarms")
    return page


def log_in(page: Page, token: str) -> None:
    page.fill("#token", token)
    page.press("#token", "Enter")


def test_who_logs_in_gives_orders_and_who_logs_out_sees_nothing(
    page: Page, context: BrowserContext, server: ApiServer, backend: MemoryCloud
) -> None:
    log_in(page, "guessed")
    expect(page.get_by_role("alert")).to_have_text("This token is wrong, expired or revoked.")
    log_in(page, "s3cret")
    expect(page.locator("#all-alarms")).to_be_visible()
    [cookie] = context.cookies()
    page.goto(f"{server.url}/")
    expect(page.locator("#link")).to_have_text("live")
    page.click("#do-pause")
    expect(page.locator("#do-resume")).to_be_visible()

    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert page.evaluate("document.cookie") == ""
    assert backend.rollout("latest").state == "paused"

    page.get_by_role("button", name="Log out").click()
    expect(page.locator("#token")).to_be_visible()
    page.goto(f"{server.url}/")
    assert page.url == f"{server.url}/login?next=%2F"
    assert context.cookies() == []


def test_a_page_whose_session_is_over_leads_to_the_login(
    page: Page, context: BrowserContext, backend: MemoryCloud
) -> None:
    log_in(page, "s3cret")
    expect(page.locator("#link")).to_have_text("live")

    context.clear_cookies()
    backend.steer_rollout("latest", "pause", by="somebody")

    expect(page.locator("#token")).to_be_visible()


class _Evil(BaseHTTPRequestHandler):
    """Another web site, whose page gives orders to the cloud as soon as it is looked at."""

    cloud = ""

    def do_GET(self) -> None:
        order = f"{self.cloud}/api/v1/rollouts/latest/pause"
        page = f"""<!doctype html><title>evil</title>
<form id="f" method="post" action="{order}" target="frame"></form><iframe name="frame"></iframe>
<img src="{self.cloud}/alarms">
<script>
  fetch("{order}", {{ method: "POST", mode: "no-cors", credentials: "include" }})
    .catch(() => 0).then(() => document.getElementById("f").submit());
  document.querySelector("iframe").onload = () => setTimeout(() => document.title = "tried", 300);
</script>""".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name there
        """Say nothing."""


def test_another_site_gives_no_orders_in_the_name_of_who_is_logged_in(
    page: Page, context: BrowserContext, server: ApiServer, backend: MemoryCloud
) -> None:
    log_in(page, "s3cret")
    expect(page.locator("#link")).to_have_text("live")
    evil = ThreadingHTTPServer(("127.0.0.1", 0), _Evil)
    _Evil.cloud = server.url  # the same host on another port: the same site, for a cookie
    Thread(target=evil.serve_forever, daemon=True).start()
    try:
        other = context.new_page()
        other.goto(f"http://127.0.0.1:{evil.server_port}/")
        other.wait_for_function("document.title === 'tried'")
    finally:
        evil.shutdown()
        evil.server_close()

    assert backend.rollout("latest").state == "running"
    page.goto(f"{server.url}/")
    page.click("#do-pause")
    expect(page.locator("#do-resume")).to_be_visible()


EVIL = "\"><img src=x onerror='window.hacked=1'><script>window.hacked=1</script>{{7*7}}"


def test_what_devices_and_strangers_write_runs_in_no_page(
    page: Page, server: ApiServer, backend: MemoryCloud, complaints: list[str]
) -> None:
    slots: list[JsonValue] = [{"slot": EVIL, "state": EVIL, "version": EVIL, "detail": EVIL}]
    odd = replace(
        device("cam-01", tags={EVIL: EVIL}),
        models={EVIL: {"version": EVIL, "slots": slots}},
        facts={EVIL: EVIL, "log": EVIL},
        desired={EVIL: EVIL},
    )
    backend.put_device(odd)
    backend.raise_alarm(
        replace(alarm("a9"), sentence=EVIL, devices=[EVIL], features=[EVIL], evidence={EVIL: EVIL})
    )
    backend.access.create(EVIL[:60], role=Role.ADMIN, expires_s=None, by=EVIL)
    sent = backend.commands.send(
        "ping", {}, audience=Audience(devices=("cam-01",)), expires_s=60.0, timeout_s=0.0, by=EVIL
    )
    backend.answer(sent.command_id, "cam-01", ok=False, detail=EVIL)
    log_in(page, "s3cret")
    expect(page.locator("#link")).to_have_text("live")
    page.on("console", lambda message: complaints.append(message.text))

    for path in (
        "/",
        "/alarms",
        "/alarms/a9",
        "/devices/cam-01",
        "/commands",
        f"/commands/{sent.command_id}",
        "/audit",
        "/models/digits/1.0.0",
    ):
        page.goto(f"{server.url}{path}")
        expect(page.locator("#link")).to_have_text("live")
        assert page.evaluate("window.hacked") is None
        assert page.locator("img[src=x]").count() == 0

    page.goto(f"{server.url}/alarms/a9")
    assert EVIL in page.inner_text("main")
    assert complaints == []
