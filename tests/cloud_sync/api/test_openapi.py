import re

from cloud_sync.api.app import CloudApi
from tests.support.asgi import AppClient


def test_the_document_is_openapi_3_1_and_lists_every_route(api: AppClient) -> None:
    document = api.get("/openapi.json").json()

    routes = {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, methods in document["paths"].items()
        for method in methods
    }
    assert document["openapi"].startswith("3.1")
    assert routes == {
        "GET /summary",
        "GET /devices",
        "GET /devices/{name}",
        "GET /alarms",
        "GET /alarms/{alarm_id}",
        "POST /alarms/{alarm_id}/acknowledge",
        "PUT /uploads/{command_id}/{device}/{part}",
        "GET /samples",
        "GET /samples/{model}/{version}/{file}",
        "DELETE /samples/{model}/{version}/{file}",
        "POST /labels",
        "POST /pins",
        "GET /groups",
        "GET /groups/{name}",
        "PUT /groups/{name}",
        "DELETE /groups/{name}",
        "GET /commands",
        "POST /commands",
        "GET /commands/{command_id}",
        "GET /commands/{command_id}/devices",
        "GET /models",
        "POST /models",
        "GET /models/{name}/versions/{version}",
        "GET /models/{name}/versions/{version}/statistics",
        "GET /blobs/{digest}",
        "GET /blobs/{digest}/offer",
        "GET /rollouts",
        "POST /rollouts",
        "GET /rollouts/{rollout_id}",
        "POST /rollouts/preview",
        "POST /rollouts/{rollout_id}/{action}",
        "GET /blobs/trust/{name}",
        "POST /trust/{role}",
        "GET /enrolment/brokers",
        "GET /enrolment/ca",
        "POST /enrolment",
        "POST /enrolment/renew",
        "GET /join-tokens",
        "POST /join-tokens",
        "POST /join-tokens/{token_id}/revoke",
        "GET /credentials",
        "GET /broker-passwords",
        "POST /credentials/{device}/revoke",
        "GET /quarantine",
        "PUT /quarantine/{device}",
        "DELETE /quarantine/{device}",
        "DELETE /devices/{name}/data",
        "GET /me",
        "GET /tokens",
        "POST /tokens",
        "POST /tokens/{token_id}/revoke",
        "GET /audit",
        "GET /cell",
        "GET /cell/{package}/{role}",
        "GET /cell/{package}/{role}/windows",
        "GET /health",
        "GET /events",
        "GET /problems/{name}",
    }


def test_every_reference_of_the_document_leads_somewhere(app: CloudApi) -> None:
    document = app.openapi()

    wanted = set(re.findall(r"#/components/schemas/(\w+)", str(document)))

    assert {"DeviceView", "FeatureView", "Problem", "RolloutRequest"} <= wanted
    assert wanted <= set(document["components"]["schemas"])


def test_every_route_says_how_it_refuses(app: CloudApi) -> None:
    operations = [op for path in app.openapi()["paths"].values() for op in path.values()]

    assert operations
    for operation in operations:
        assert "application/problem+json" in operation["responses"]["default"]["content"]


def test_no_page_that_loads_scripts_from_elsewhere_is_served(api: AppClient) -> None:
    assert api.get("/docs").status_code == 404
    assert api.get("/redoc").status_code == 404
