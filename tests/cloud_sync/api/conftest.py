"""The API in front of a cloud in memory; ``backend`` may as well be any other ``CloudBackend``."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_sync.api.app import CloudApi, create_app
from cloud_sync.api.server import ApiServer
from cloud_sync.backend import CloudBackend
from tests.support.asgi import AppClient
from tests.support.memory_cloud import MemoryCloud


@pytest.fixture
def memory_cloud(tmp_path: Path) -> MemoryCloud:
    return MemoryCloud(tmp_path)


@pytest.fixture
def backend(memory_cloud: MemoryCloud) -> CloudBackend:
    return memory_cloud


@pytest.fixture
def app(backend: CloudBackend) -> CloudApi:
    return create_app(backend)


@pytest.fixture
def api(app: CloudApi) -> AppClient:
    return AppClient(app, prefix="/api/v1")


@pytest.fixture
def server(backend: CloudBackend) -> Iterator[ApiServer]:
    with ApiServer(backend, port=0) as running:
        yield running
