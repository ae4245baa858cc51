"""The page that a bundle brings: somebody draws a digit and sees what the model makes of it."""

import os
import re
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from browser.compressing import compress
from edge_agent.adapters.inputs import InputEncoder
from edge_agent.adapters.onnxruntime_engine import OnnxRuntimeEngine
from tests.browser.clouds import Cloud
from tests.browser.pages import PageServer
from tests.browser.sites import built
from tests.integration.processes import cli, eventually
from tests.support.packages import digits, mixed

TIMEOUT_MS = 30_000
THREE = [(0.35, 0.2), (0.6, 0.2), (0.65, 0.35), (0.5, 0.5), (0.65, 0.62), (0.6, 0.8), (0.35, 0.8)]


def opened(context: BrowserContext, url: str, complaints: list[str]) -> Page:
    page = context.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: complaints.append(message.text) if message.type == "error" else None,
    )
    page.goto(url)
    return page


def draw(page: Page, points: list[tuple[float, float]]) -> None:
    box = page.locator("#pad").bounding_box()
    assert box is not None
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=5)
    page.mouse.up()


def test_a_digit_that_is_drawn_is_recognised_without_any_cloud(
    tmp_path: Path, context: BrowserContext, complaints: list[str]
) -> None:
    with PageServer(built(tmp_path / "site", package=digits().package)) as server:
        page = opened(context, f"{server.url}/", complaints)
        expect(page.locator("#pad-card")).to_be_visible(timeout=TIMEOUT_MS)

        draw(page, THREE)

        expect(page.locator("#answer")).to_have_text("3", timeout=TIMEOUT_MS)
        expect(page.locator("#bars li")).to_have_count(10)
        expect(page.locator("#drift-words")).to_have_text(re.compile("^like the"))
        expect(page.locator("#slot")).to_have_text("serves")
        expect(page.locator("#state")).to_have_text("predicts here, tells nobody")
        page.locator("#labels").get_by_role("button", name="3").click()
        expect(page.locator("#thanks")).to_have_text("Counted: it was 3.")
        page.get_by_role("button", name="Clear").click()
        page.locator("#pad").focus()
        page.keyboard.press("ArrowUp")
        page.keyboard.down("Space")
        for _ in range(9):
            page.keyboard.press("ArrowDown")
        page.keyboard.up("Space")
        expect(page.locator("#answer")).to_have_text("1", timeout=TIMEOUT_MS)
        draw(page, [(0.05, 0.05), (0.95, 0.2), (0.05, 0.5), (0.95, 0.7), (0.05, 0.95)])
        expect(page.locator("#drift-words")).to_contain_text("unlike the training data")
    assert complaints == []


def test_a_model_of_a_table_gets_a_form(
    tmp_path: Path, context: BrowserContext, complaints: list[str]
) -> None:
    package = mixed().package
    row = {"age": 44.0, "income": 39000.0, "city": "bergen"}
    encoded = InputEncoder(package.manifest).encode([row])
    outputs = OnnxRuntimeEngine().load(package).run(encoded.feeds)
    [expected] = outputs[0].tolist()

    with PageServer(built(tmp_path / "site", package=package)) as server:
        page = opened(context, f"{server.url}/", complaints)

        page.get_by_label("age", exact=True).fill("44")
        page.get_by_label("income", exact=True).fill("39000")
        page.get_by_label("city", exact=True).fill("bergen")
        page.get_by_role("button", name="Predict").click()

        expect(page.locator("#answer")).to_have_text(str(expected), timeout=TIMEOUT_MS)
    assert complaints == []


def test_the_clouds_page_shows_what_leaves_it_and_can_be_taken_offline(
    tmp_path: Path, context: BrowserContext, complaints: list[str]
) -> None:
    place = tmp_path / "site"
    cloud = Cloud(tmp_path / "cloud", ["--page", str(place)])
    built(place, model="digits", cloud=f":{cloud.websocket_port}")
    with cloud:
        cloud.client.push(digits().package)
        page = opened(context, f"{cloud.url}/try/", complaints)
        expect(page.locator("#state")).to_contain_text("is online", timeout=TIMEOUT_MS)
        draw(page, THREE)
        expect(page.locator("#leaves")).to_contain_text("no row", timeout=TIMEOUT_MS)
        expect(page.locator("#log")).to_contain_text("digits 1.0.0 serves")

        page.get_by_label("Go offline").check()
        expect(page.locator("#state")).to_contain_text("is offline", timeout=TIMEOUT_MS)
        eventually("it left", lambda: cloud.client.devices()[0].status == "offline")
        draw(page, THREE)
        expect(page.locator("#answer")).to_have_text("3")

        page.get_by_label("Go offline").uncheck()
        expect(page.locator("#state")).to_contain_text("is online", timeout=TIMEOUT_MS)
        eventually("it is back", lambda: cloud.client.devices()[0].status == "online")
    assert complaints == []


def test_a_page_that_was_seen_once_starts_without_its_server(
    tmp_path: Path, context: BrowserContext, complaints: list[str]
) -> None:
    with PageServer(built(tmp_path / "site", package=digits().package)) as server:
        url = f"{server.url}/"
        page = opened(context, url, complaints)
        expect(page.locator("#pad-card")).to_be_visible(timeout=TIMEOUT_MS)
        page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
        page.close()

    again = opened(context, url, complaints)
    expect(again.locator("#pad-card")).to_be_visible(timeout=TIMEOUT_MS)
    draw(again, THREE)

    expect(again.locator("#answer")).to_have_text("3", timeout=TIMEOUT_MS)
    assert again.evaluate("() => crossOriginIsolated")
    assert complaints == []


def test_a_new_bundle_takes_the_place_of_the_one_that_was_kept(
    tmp_path: Path, context: BrowserContext, complaints: list[str]
) -> None:
    site = built(tmp_path / "site", package=digits().package)
    with PageServer(site) as server:
        page = opened(context, f"{server.url}/", complaints)
        expect(page.locator("#pad-card")).to_be_visible(timeout=TIMEOUT_MS)
        page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
        [kept] = page.evaluate("() => caches.keys()")

        built(site, package=digits("1.1.0").package)
        page.evaluate("() => navigator.serviceWorker.getRegistration().then((it) => it.update())")

        page.wait_for_function(
            """async (old) => {
              const names = await caches.keys();
              return names.length === 1 && names[0] !== old;
            }""",
            arg=kept,
        )
    assert complaints == []


def test_a_new_bundle_that_is_not_what_it_should_be_is_refused_and_the_old_one_goes_on(
    tmp_path: Path, context: BrowserContext
) -> None:
    site = built(tmp_path / "site", package=digits().package)
    with PageServer(site) as server:
        page = opened(context, f"{server.url}/", [])
        expect(page.locator("#pad-card")).to_be_visible(timeout=TIMEOUT_MS)
        page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
        kept = page.evaluate("() => caches.keys()")

        built(site, package=digits("1.1.0").package)
        for name, reason in (
            ("vendor/core.zip", "vendor/core.zip is not the file that bundle.json lists"),
            ("bundle.json", "bundle.json is that of another one"),
            ("src/edgefleet.js", "src/edgefleet.js answers 404"),  # the half of a bundle
        ):
            data = (site / name).read_bytes()
            (site / name).write_bytes(data + b" ")
            if "404" in reason:
                (site / name).unlink()
            page.evaluate(
                """async () => {
                  const registration = await navigator.serviceWorker.getRegistration();
                  await registration.update().catch(() => undefined);
                }"""
            )
            refusal = f"a new bundle is refused, the one before goes on: {reason}"
            expect(page.locator("#log")).to_contain_text(refusal, timeout=TIMEOUT_MS)
            (site / name).write_bytes(data)

        assert page.evaluate("() => caches.keys()") == kept
        page.reload()
        expect(page.locator("#model")).to_contain_text("1.0.0", timeout=TIMEOUT_MS)


def test_a_server_sends_the_smaller_form_that_a_browser_takes(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    text = b"the same again and again " * 200
    (site / "bundle.json").write_text('{"headers": {"Referrer-Policy": "no-referrer"}}')
    (site / "page.css").write_bytes(text)
    compress([site / "page.css"])

    def asked(accepted: str) -> tuple[str | None, int]:
        request = Request(f"{server.url}/page.css", headers={"Accept-Encoding": accepted})
        with urlopen(request) as reply:
            return reply.headers["Content-Encoding"], len(reply.read())

    with PageServer(site) as server:
        assert asked("gzip, deflate, br")[0] == "br"
        assert asked("gzip")[0] == "gzip"
        assert asked("identity") == (None, len(text))
        assert asked("br")[1] < asked("gzip")[1] < len(text)


BUILD = ["browser", "build", "--out", "site", "--model", "digits", "--cloud", ":1"]


class TestCommand:
    def test_it_builds_a_bundle_and_builds_it_anew(self, tmp_path: Path) -> None:
        package, out = tmp_path / "digits.modelpkg", tmp_path / "site"
        package.write_bytes(digits().package.to_archive())

        words = ("--out", out, "--package", package, "--no-compress", "--no-compile")
        first = cli("browser", "build", *words)
        again = cli("browser", "build", *words)

        assert (first.code, again.code) == (0, 0), first.err + again.err
        assert (out / "vendor" / "core.zip").exists()
        assert "edgefleet browser serve" in again.out

    def test_a_folder_with_other_things_is_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.txt").write_text("all of it")

        outcome = cli("browser", "build", "--out", tmp_path, "--model", "digits", "--cloud", ":1")

        assert outcome.code == 2
        assert "is not empty and holds no bundle" in outcome.err
        assert (tmp_path / "thesis.txt").read_text() == "all of it"

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["browser", "build", "--out", "site"], "a page needs a model"),
            (["browser", "build", "--out", "site", "--model", "digits"], "needs a cloud that"),
            ([*BUILD, "--package", "x.modelpkg"], "brings its model along"),
            ([*BUILD[:-1], "example.org"], "'example.org' is no address"),
            ([*BUILD, "--join-token", "efj_half"], "this is no join token"),
            (["browser", "serve", "."], "holds no bundle"),
            (
                [*BUILD, "--trusted-root", "package.json"],
                "cannot read 'package.json': No such file",
            ),
            ([*BUILD, "--trusted-root", os.devnull], "'/dev/null' is no root"),
        ],
    )
    def test_mistakes_are_explained(self, words: list[str], said: str) -> None:
        outcome = cli(*words)
        assert outcome.code == 2
        assert said in " ".join(outcome.err.split())
