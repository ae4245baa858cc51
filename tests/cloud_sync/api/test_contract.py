"""The API keeps what its document promises, whatever it is sent: problems, and never a fault."""

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from cloud_sync.api.app import create_app
from cloud_sync.api.settings import ApiSettings
from tests.support.lived_cloud import lived_cloud
from tests.support.memory_cloud import MemoryCloud

HEADERS = {"Authorization": "Bearer s3cret"}

ENDLESS = "GET /api/v1/events"

OPERATIONS = sorted(
    f"{method.upper()} {path}"
    for path, methods in create_app(MemoryCloud(Path())).openapi()["paths"].items()
    for method in methods
)


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> schemathesis.BaseSchema:
    cloud = lived_cloud(tmp_path_factory.mktemp("cloud"))
    app = create_app(cloud, settings=ApiSettings(token="s3cret"))
    return schemathesis.openapi.from_asgi("/api/v1/openapi.json", app, headers=HEADERS)


@pytest.mark.parametrize("label", [name for name in OPERATIONS if name != ENDLESS])
def test_every_answer_is_as_the_document_says(
    document: schemathesis.BaseSchema, label: str
) -> None:
    operation = document.find_operation_by_label(label)
    assert operation is not None

    @settings(
        max_examples=8,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def ask(case: "schemathesis.Case[Any]") -> None:
        # a filter, a version and a package have rules that no schema can say: 422
        answer = case.call_and_validate(headers=HEADERS, excluded_checks=[positive_data_acceptance])
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == ["application/problem+json"]
            assert set(answer.json()) >= {"type", "title", "status", "detail"}

    ask()
