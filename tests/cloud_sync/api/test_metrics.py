"""Figures for Prometheus, and whether the cloud is well."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cloud_sync.api.app import CloudApi, create_app
from cloud_sync.api.settings import ApiSettings
from tests.support.asgi import AppClient
from tests.support.memory_cloud import MemoryCloud
from tests.support.views import device


@pytest.fixture
def site(app: CloudApi) -> AppClient:
    """The app with its addresses outside the API."""
    return AppClient(app)


def figures(text: str) -> dict[str, float]:
    """Figures by name and labels: ``devices{online}``."""
    return {
        f"{sample.name}{{{','.join(sample.labels.values())}}}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_fleet_and_its_requests_are_measured(
    site: AppClient, memory_cloud: MemoryCloud
) -> None:
    memory_cloud.put_device(device("cam-1", rows=120))
    memory_cloud.put_device(device("cam-2", status="offline", rows=3))
    site.get("/api/v1/devices/cam-1")
    site.get("/api/v1/devices/cam-9")

    answer = site.get("/metrics")

    found = figures(answer.text)
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert found["edgefleet_cloud_devices{online}"] == 1.0
    assert found["edgefleet_cloud_devices{unreachable}"] == 0.0
    assert found["edgefleet_cloud_rows_total{}"] == 123.0
    assert found["edgefleet_cloud_http_requests_total{GET,/api/v1/devices/{name},200}"] == 1.0
    assert found["edgefleet_cloud_http_requests_total{GET,/api/v1/devices/{name},404}"] == 1.0
    assert found["edgefleet_cloud_http_request_seconds_count{/api/v1/devices/{name}}"] == 2.0


def test_the_figures_ask_for_a_token_and_health_does_not(memory_cloud: MemoryCloud) -> None:
    site = AppClient(create_app(memory_cloud, settings=ApiSettings(token="s3cret")))

    without = site.get("/metrics")
    with_token = site.get("/metrics", headers={"Authorization": "Bearer s3cret"})

    assert (without.status_code, with_token.status_code) == (401, 200)
    assert site.get("/healthz").text == "ok\n"
    assert site.get("/readyz").text == "ok\n"
    assert site.ask("HEAD", "/readyz").status_code == 200


def test_a_cloud_that_cannot_serve_says_why(site: AppClient, memory_cloud: MemoryCloud) -> None:
    memory_cloud.wrong = {"broker": "not connected"}

    answer = site.get("/readyz")

    assert (answer.status_code, answer.text) == (503, "broker: not connected\n")
    assert site.get("/healthz").status_code == 200
