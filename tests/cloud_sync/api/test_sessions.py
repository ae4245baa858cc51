"""People log in with a token and get a session, which other web sites cannot use."""

from pathlib import Path

import httpx
import pytest

from cloud_sync.api.app import create_app
from cloud_sync.api.sessions import Sessions, session_cookie, session_in
from cloud_sync.api.settings import ApiSettings
from cloud_sync.core.access import Role
from tests.support.asgi import AppClient
from tests.support.memory_cloud import MemoryCloud

PAGE = {"accept": "text/html"}
OWN = {"sec-fetch-site": "same-origin"}
FORM = {"content-type": "application/x-www-form-urlencoded", "origin": "http://app"}
JSON = {"content-type": "application/json"}
ORDER = b'{"name": "ping"}'


@pytest.fixture
def cloud(tmp_path: Path) -> MemoryCloud:
    return MemoryCloud(tmp_path)


@pytest.fixture
def site(cloud: MemoryCloud) -> AppClient:
    return AppClient(create_app(cloud, settings=ApiSettings(token="s3cret")))


def logged_in(site: AppClient, token: str = "s3cret") -> str:
    answer = login(site, token)
    assert answer.status_code == 303, answer.text
    return answer.headers["set-cookie"].partition(";")[0]


def login(site: AppClient, token: str, *, wanted: str = "/") -> httpx.Response:
    form = f"token={token}&next={wanted}".encode()
    return site.post("/login", content=form, headers=FORM)


def test_a_page_leads_to_the_login_and_back(site: AppClient) -> None:
    asked = site.get("/alarms?state=new", headers=PAGE)
    form = site.get("/login?next=%2Falarms%3Fstate%3Dnew", headers=PAGE)
    let_in = login(site, "s3cret", wanted="%2Falarms%3Fstate%3Dnew")

    assert (asked.status_code, asked.headers["location"]) == (
        303,
        "/login?next=%2Falarms%3Fstate%3Dnew",
    )
    assert 'name="next" value="/alarms?state=new"' in form.text
    assert "www-authenticate" not in asked.headers
    assert (let_in.status_code, let_in.headers["location"]) == (303, "/alarms?state=new")
    cookie = let_in.headers["set-cookie"].partition(";")[0]
    assert site.get("/", headers=PAGE | {"cookie": cookie}).status_code == 200


def test_the_cookie_is_for_this_site_alone_and_for_no_script(site: AppClient) -> None:
    plain = login(site, "s3cret").headers["set-cookie"]
    form = FORM | {"origin": "https://app"}
    proxied = site.post("/login", content=b"token=s3cret", headers=form).headers["set-cookie"]

    assert plain.startswith("edgefleet=")
    assert plain.endswith("; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict")
    assert proxied.startswith("__Host-edgefleet=")
    assert proxied.endswith("; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict; Secure")
    assert "s3cret" not in plain + proxied


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://app.evil.example"},
        {"sec-fetch-site": "cross-site", "origin": "http://app"},
    ],
    ids=str,
)
def test_an_order_by_cookie_has_to_come_from_a_page_of_ours(
    site: AppClient, headers: dict[str, str]
) -> None:
    cookie = {"cookie": logged_in(site)}

    foreign = site.post("/api/v1/commands", content=ORDER, headers=JSON | cookie | headers)
    own = site.post("/api/v1/commands", content=ORDER, headers=JSON | cookie | OWN)

    assert foreign.status_code == 403
    assert own.status_code == 202


def test_nobody_is_logged_in_or_out_by_another_site(site: AppClient) -> None:
    foreign = FORM | {"origin": "http://evil.example"}
    cookie = {"cookie": logged_in(site)}

    into = site.post("/login", content=b"token=s3cret", headers=foreign)
    out = site.post("/logout", headers=foreign | cookie)

    assert (into.status_code, out.status_code) == (403, 403)
    assert "set-cookie" not in into.headers
    assert site.get("/", headers=PAGE | cookie).status_code == 200


def test_who_logs_out_is_out(site: AppClient) -> None:
    cookie = {"cookie": logged_in(site)}

    out = site.post("/logout", headers=FORM | cookie)

    assert out.headers["location"] == "/login"
    assert "Max-Age=0" in out.headers["set-cookie"]
    assert site.get("/", headers=PAGE | cookie).status_code == 303
    assert site.get("/api/v1/summary", headers=cookie).status_code == 401


def test_another_login_ends_the_session_before(site: AppClient) -> None:
    first = logged_in(site)

    again = site.post("/login", content=b"token=s3cret", headers=FORM | {"cookie": first})

    assert again.headers["set-cookie"].partition(";")[0] != first
    assert site.get("/api/v1/summary", headers={"cookie": first}).status_code == 401


def test_a_session_does_what_its_token_may_and_ends_with_it(
    site: AppClient, cloud: MemoryCloud
) -> None:
    cloud.access.create("root", role=Role.ADMIN, expires_s=None, by="test")
    viewer = cloud.access.create("vera", role=Role.VIEWER, expires_s=None, by="test")
    cookie = {"cookie": logged_in(site, viewer.secret)}

    looks = site.get("/", headers=PAGE | cookie)
    orders = site.post("/api/v1/commands", content=ORDER, headers=JSON | cookie | OWN)
    cloud.access.revoke(viewer.token.token_id, by="test")
    after = site.get("/api/v1/summary", headers=cookie)

    assert "<span>vera</span>" in looks.text
    assert (looks.status_code, orders.status_code, after.status_code) == (200, 403, 401)


def test_guesses_are_refused_and_then_slowed_down(site: AppClient) -> None:
    guesses = [login(site, f"guess-{number}") for number in range(12)]

    assert [one.status_code for one in guesses] == [401] * 10 + [429] * 2
    assert "This token is wrong" in guesses[0].text
    assert guesses[-1].headers["retry-after"] == "5"
    assert "set-cookie" not in guesses[0].headers


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example",
        "/%5Cevil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/%0d%0aSet-Cookie:x=1",
        "/%09/evil.example",
        "//%5B",
        "evil",
        "/login",
    ],
)
def test_a_login_leads_to_no_other_site(site: AppClient, wanted: str) -> None:
    assert login(site, "s3cret", wanted=wanted).headers["location"] == "/"
    assert 'name="next" value="/"' in site.get(f"/login?next={wanted}", headers=PAGE).text


@pytest.mark.parametrize(
    "body", [b"", b"token", b"token=", b"\xff\xfe=&&&", b"token=" + b"x" * 100_000, b"%00" * 50]
)
def test_odd_forms_log_nobody_in(site: AppClient, body: bytes) -> None:
    answer = site.post("/login", content=body, headers=FORM)

    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "cookie", ["edgefleet=", "edgefleet=x", "edgefleet", "=", 'a="; edgefleet=x']
)
def test_odd_cookies_are_nobodys(site: AppClient, cookie: str) -> None:
    answer = site.get("/api/v1/summary", headers={"cookie": cookie})

    assert answer.status_code == 401


def test_a_cloud_that_asks_nobody_needs_no_login(cloud: MemoryCloud) -> None:
    site = AppClient(create_app(cloud))

    assert site.get("/login?next=%2Falarms", headers=PAGE).headers["location"] == "/alarms"
    assert "Log out" not in site.get("/", headers=PAGE).text


def test_a_session_ends_by_time_and_when_nobody_asks() -> None:
    now = [0.0]
    sessions = Sessions(longest_s=100.0, idle_s=10.0, clock_s=lambda: now[0])
    idle, busy = sessions.open("a"), sessions.open("b")

    for second in range(9, 99, 9):
        now[0] = float(second)
        assert sessions.token_of(busy) == "b"

    assert sessions.token_of(idle) == ""
    now[0] = 100.0
    assert sessions.token_of(busy) == ""


def test_a_cookie_is_read_as_it_was_written() -> None:
    for is_secure in (False, True):
        cookie = session_cookie("abc", is_secure=is_secure, lasts_s=5.0)

        assert session_in({"cookie": f"other=1; {cookie.partition(';')[0]}"}) == "abc"
