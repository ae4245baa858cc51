"""The API keeps what its document promises, whatever it is sent: problems, and never a fault."""

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from cloud_sync.api.app import create_app
from cloud_sync.api.settings import ApiSettings
from tests.support.lived_cloud import lived_cloud
from tests.support.memory_cloud import MemoryCloud

HEADERS = {"Authorization": "Bearer s3cret"}

ENDLESS = "GET /api/v1/events"

TAKES_ANY_TEXT = "GET /api/v1/problems/{name}"

DOCUMENT = create_app(MemoryCloud(Path())).openapi()

OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, methods in sorted(DOCUMENT["paths"].items())
    for method, operation in sorted(methods.items())
    if f"{method.upper()} {path}" != ENDLESS
}

CHOOSY = [
    label
    for label, operation in OPERATIONS.items()
    if label != TAKES_ANY_TEXT
    and (
        operation.get("parameters")
        or "application/json" in operation.get("requestBody", {}).get("content", {})
    )
]

IN_BRIEF = settings(
    max_examples=6,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> MemoryCloud:
    return lived_cloud(tmp_path_factory.mktemp("cloud"))


@pytest.fixture(scope="module")
def document(cloud: MemoryCloud) -> schemathesis.BaseSchema:
    app = create_app(cloud, settings=ApiSettings(token="s3cret"))
    return schemathesis.openapi.from_asgi("/api/v1/openapi.json", app, headers=HEADERS)


@pytest.mark.parametrize("label", OPERATIONS)
def test_every_answer_is_as_the_document_says(
    document: schemathesis.BaseSchema, cloud: MemoryCloud, label: str
) -> None:
    operation = document.find_operation_by_label(label)
    assert operation is not None
    digest = cloud.version("digits", "1.0.0").digest
    known = {"package": digest, "digest": digest, "role": "primary", "version": "1.0.0"}
    known |= {"model": "digits", "rollout_id": "r20270115-4be1f0", "alarm_id": "a1"}

    @IN_BRIEF
    @given(case=operation.as_strategy(), is_known=st.booleans())
    def ask(case: "schemathesis.Case[Any]", is_known: bool) -> None:
        if is_known:
            there = case.path_parameters.keys() & known.keys()
            case.path_parameters.update({name: known[name] for name in there})
        # a filter, a version and a package have rules that no schema can say: 422
        answer = case.call_and_validate(headers=HEADERS, excluded_checks=[positive_data_acceptance])
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == ["application/problem+json"]
            assert set(answer.json()) >= {"type", "title", "status", "detail"}

    ask()


@pytest.mark.parametrize("label", CHOOSY)
def test_what_the_document_does_not_allow_is_a_problem_and_never_a_fault(
    document: schemathesis.BaseSchema, label: str
) -> None:
    operation = document.find_operation_by_label(label)
    assert operation is not None

    @settings(IN_BRIEF, max_examples=3)
    @given(case=operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
    def ask(case: "schemathesis.Case[Any]") -> None:
        answer = case.call(headers=HEADERS)  # what is wrong may be gone where it is written down
        assert answer.status_code < 500
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == ["application/problem+json"]

    ask()
