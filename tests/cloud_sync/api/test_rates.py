"""Who asks too often waits; who guesses tokens learns nothing and holds up nobody else."""

from pathlib import Path

import pytest

from cloud_sync.api.app import create_app
from cloud_sync.api.problems import ApiError
from cloud_sync.api.rates import Rates
from cloud_sync.api.settings import ApiSettings
from tests.support.asgi import AppClient
from tests.support.memory_cloud import MemoryCloud


def test_requests_beyond_the_rate_are_refused_until_time_has_passed() -> None:
    now = 0.0
    rates = Rates(per_s=2.0, failures_per_s=1.0, clock_s=lambda: now)
    here, there = {"client": ("10.0.0.1", 5)}, {"client": ("10.0.0.2", 5)}

    for _ in range(20):
        rates.count(here, "anna")
    with pytest.raises(ApiError, match="too many requests") as refused:
        rates.count(here, "anna")
    rates.count(there, "anna")
    rates.count(here, "bob")
    now = 0.5
    rates.count(here, "anna")

    assert refused.value.status_code == 429
    assert refused.value.headers == {"Retry-After": "1"}


def test_guessing_tokens_is_slowed_down_and_the_right_one_still_counts(tmp_path: Path) -> None:
    site = AppClient(
        create_app(MemoryCloud(tmp_path, token="right"), settings=ApiSettings(failures_per_s=1.0))
    )
    wrong = {"Authorization": "Bearer wrong"}

    found = [site.get("/api/v1/summary", headers=wrong).status_code for _ in range(60)]

    assert found[:50] == [401] * 50
    assert set(found[51:]) == {429}
    assert site.get("/api/v1/summary", headers={"Authorization": "Bearer right"}).is_success


def test_every_answer_tells_browsers_to_be_strict(tmp_path: Path) -> None:
    site = AppClient(create_app(MemoryCloud(tmp_path)))

    headers = site.get("/").headers

    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
