"""What the API says of a version's statistics."""

import math
from dataclasses import replace

import pytest

from cloud_sync.api.json_views import view_from_json
from cloud_sync.statistics_view import StatisticsView
from edge_contract.errors import MessageError
from edge_contract.reading import Reader
from tests.support.asgi import AppClient
from tests.support.memory_cloud import MemoryCloud
from tests.support.report_views import category_view, feature_view, statistics_view
from tests.support.tiny_package import tiny_package

PATH = "/models/digits/versions/1.0.0/statistics"
VIEW = statistics_view(
    feature_view("left", shift=1.5), category_view("city", labels=["oslo", "bergen", "(new)"])
)


@pytest.fixture(autouse=True)
def seen(backend: MemoryCloud) -> None:
    backend.push(tiny_package("digits", "1.0.0").to_archive(), by="test")
    backend.put_statistics(VIEW)
    backend.put_statistics(replace(VIEW, segment="site=oslo", rows=10))


def test_statistics_come_with_everything_that_a_report_needs(api: AppClient) -> None:
    told = api.get(PATH)

    assert told.status_code == 200
    back = view_from_json(StatisticsView, Reader(told.json(), "answer", MessageError))
    left, city = back.features
    assert left == replace(VIEW.features[0], history=tuple(VIEW.features[0].history), labels=(),
                           edges=tuple(VIEW.features[0].edges),
                           reference_histogram=tuple(VIEW.features[0].reference_histogram),
                           live_histogram=tuple(VIEW.features[0].live_histogram))  # fmt: skip
    assert city.labels == ("oslo", "bergen", "(new)")
    assert math.isnan(city.wasserstein)
    assert back.alarms[0].segment == "site=oslo"
    assert [segment.segment for segment in back.segments] == [
        "site=oslo",
        "lens=wide",
        "site=hamar",
    ]


def test_a_segment_and_a_time_are_asked_for_in_the_address(api: AppClient) -> None:
    told = api.get(f"{PATH}?segment=site%3Doslo&since=1799999000.5").json()

    assert (told["segment"], told["rows"], told["since_unix_s"]) == ("site=oslo", 10, 1799999000.5)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("segment=site%3Dhamar", 409),
        ("segment=oslo", 422),
        ("segment=site%3D", 422),
        ("since=yesterday", 422),
        ("since=-1", 422),
        ("since=nan", 422),
        ("since=inf", 422),
    ],
)
def test_what_cannot_be_asked_is_refused(api: AppClient, query: str, status: int) -> None:
    refused = api.get(f"{PATH}?{query}")

    assert refused.status_code == status
    assert refused.headers["content-type"] == "application/problem+json"


def test_a_version_that_is_not_there_is_not_found(api: AppClient) -> None:
    assert api.get("/models/digits/versions/9.0.0/statistics").status_code == 404


def test_the_document_describes_the_view_and_its_parts(api: AppClient) -> None:
    document = api.get("/openapi.json").json()

    schemas = document["components"]["schemas"]
    operation = document["paths"]["/api/v1/models/{name}/versions/{version}/statistics"]["get"]
    assert {parameter["name"] for parameter in operation["parameters"]} == {
        "name", "version", "segment", "since",
    }  # fmt: skip
    assert schemas["StatisticsView"]["properties"]["features"]["items"] == {
        "$ref": "#/components/schemas/FeatureView"
    }
    assert {"EvidenceView", "SegmentView", "DeviceShareView", "ClassShare"} <= set(schemas)
    assert schemas["FeatureView"]["properties"]["reference_summary"] == {
        "type": "object",
        "additionalProperties": {"type": ["number", "null"]},
    }
