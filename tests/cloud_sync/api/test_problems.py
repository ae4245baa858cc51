import logging
from pathlib import Path

import pytest

from cloud_sync.api.app import create_app
from cloud_sync.api.problems import PROBLEMS
from cloud_sync.backend import NotFoundError, SummaryView
from edge_contract.errors import (
    EdgeError,
    MessageError,
    PackageError,
    UnavailableError,
    UsageError,
)
from tests.support.asgi import AppClient
from tests.support.memory_cloud import MemoryCloud


class FailingCloud(MemoryCloud):
    """A cloud whose numbers cannot be read."""

    def __init__(self, folder: Path, *, error: Exception) -> None:
        super().__init__(folder)
        self._error = error

    def summary(self) -> SummaryView:
        raise self._error


@pytest.mark.parametrize(
    ("error", "status", "name"),
    [
        (NotFoundError("no such thing"), 404, "not-found"),
        (UsageError("not now"), 409, "conflict"),
        (PackageError("damaged"), 422, "invalid-package"),
        (MessageError("odd"), 422, "invalid-data"),
        (UnavailableError("database is locked"), 503, "unavailable"),
        (EdgeError("something else"), 500, "internal"),
    ],
)
def test_each_error_of_ours_has_its_answer(
    tmp_path: Path, error: EdgeError, status: int, name: str
) -> None:
    api = AppClient(create_app(FailingCloud(tmp_path, error=error)), prefix="/api/v1")

    answer = api.get("/summary")

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"/api/v1/problems/{name}"
    assert answer.json()["status"] == status
    assert answer.json()["detail"] == str(error)


def test_who_comes_while_the_database_is_away_is_told_when_to_come_back(tmp_path: Path) -> None:
    cloud = FailingCloud(tmp_path, error=UnavailableError("database is locked"))

    answer = AppClient(create_app(cloud)).get("/api/v1/summary")

    assert answer.headers["retry-after"] == "2"


def test_a_fault_says_nothing_of_the_inside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    cloud = FailingCloud(tmp_path, error=RuntimeError("secret path"))

    answer = AppClient(create_app(cloud)).get("/api/v1/summary")

    assert answer.status_code == 500
    assert answer.json()["type"] == "/api/v1/problems/internal"
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


def test_what_is_not_there_and_what_is_not_allowed_are_problems_too(api: AppClient) -> None:
    nowhere = api.get("/nowhere")
    wrong_method = api.ask("DELETE", "/summary")

    assert (nowhere.status_code, wrong_method.status_code) == (404, 405)
    assert nowhere.json()["type"] == "/api/v1/problems/not-found"
    assert wrong_method.json()["type"] == "/api/v1/problems/wrong-method"
    assert wrong_method.headers["allow"] == "GET"


@pytest.mark.parametrize("name", sorted(PROBLEMS))
def test_every_type_of_problem_explains_itself(api: AppClient, name: str) -> None:
    explained = api.get(f"/problems/{name}")

    assert explained.status_code == 200
    assert explained.json()["status"] == PROBLEMS[name].status
    assert explained.json()["advice"]
