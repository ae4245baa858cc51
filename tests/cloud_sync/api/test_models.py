from cloud_sync.backend import CloudBackend
from tests.support.asgi import AppClient
from tests.support.tiny_package import tiny_package

PACKAGE = {"content-type": "application/octet-stream"}


def test_a_pushed_package_can_be_found_under_the_address_in_the_answer(api: AppClient) -> None:
    package = tiny_package("digits", "1.0.0")

    pushed = api.post("/models", content=package.to_archive(), headers=PACKAGE)
    found = api.get(pushed.headers["location"].removeprefix("/api/v1"))

    assert pushed.status_code == 201
    assert pushed.headers["location"] == "/api/v1/models/digits/versions/1.0.0"
    assert found.json()["digest"] == package.digest
    assert found.json()["task"] == "multiclass"


def test_pushing_the_same_package_again_changes_nothing(
    api: AppClient, backend: CloudBackend
) -> None:
    archive = tiny_package().to_archive()
    first = api.post("/models", content=archive, headers=PACKAGE)

    second = api.post("/models", content=archive, headers=PACKAGE)

    assert second.status_code == 201
    assert second.json() == first.json()
    assert [list(model.versions) for model in backend.models()] == [["1.0.0"]]


def test_other_content_under_a_known_version_is_a_conflict(api: AppClient) -> None:
    api.post("/models", content=tiny_package(model=b"one").to_archive(), headers=PACKAGE)

    refused = api.post("/models", content=tiny_package(model=b"two").to_archive(), headers=PACKAGE)

    assert refused.status_code == 409
    assert refused.json()["type"] == "/api/v1/problems/conflict"
    assert "digits@1.0.0" in refused.json()["detail"]


def test_a_package_with_one_flipped_byte_is_refused_and_not_kept(
    api: AppClient, backend: CloudBackend
) -> None:
    archive = bytearray(tiny_package().to_archive())
    archive[archive.index(b"weights")] ^= 1

    refused = api.post("/models", content=bytes(archive), headers=PACKAGE)

    assert refused.status_code == 422
    assert refused.json()["type"] == "/api/v1/problems/invalid-package"
    assert backend.models() == []


def test_bytes_that_are_no_package_are_refused(api: AppClient) -> None:
    refused = api.post("/models", content=b"hello", headers=PACKAGE)

    assert refused.status_code == 422
    assert "not a readable model package" in refused.json()["detail"]


def test_a_package_must_be_sent_as_bytes(api: AppClient) -> None:
    refused = api.post("/models", json={"name": "digits"})

    assert refused.status_code == 415
    assert refused.json()["detail"] == (
        "the body is sent as application/octet-stream, got application/json"
    )


def test_models_are_listed_with_their_versions_newest_first(api: AppClient) -> None:
    for version in ("1.0.0", "1.10.0", "1.2.0"):
        archive = tiny_package("digits", version, model=version.encode()).to_archive()
        api.post("/models", content=archive, headers=PACKAGE)

    listed = api.get("/models").json()

    assert listed == {
        "items": [
            {"name": "digits", "stable": "1.0.0", "versions": ["1.10.0", "1.2.0", "1.0.0"]},
        ],
        "next": None,
    }


def test_a_version_that_is_not_there_is_not_found(api: AppClient) -> None:
    missing = api.get("/models/digits/versions/9.0.0")

    assert missing.status_code == 404
    assert missing.json()["type"] == "/api/v1/problems/not-found"


def test_a_version_that_is_none_is_invalid(api: AppClient) -> None:
    refused = api.get("/models/digits/versions/newest")

    assert refused.status_code == 422
    assert refused.json()["errors"] == [
        {
            "where": "path.version",
            "what": "version 'newest' is not a semantic version: write it like 1.2.0 or 1.2.0-rc.1",
        }
    ]
