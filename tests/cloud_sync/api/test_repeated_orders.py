"""Orders with an ``Idempotency-Key`` are carried out once; answers have ETags."""

from cloud_sync.core.kept_answers import AnswerKey
from edge_contract.errors import UnavailableError
from tests.support.asgi import AppClient
from tests.support.memory_cloud import MemoryCloud
from tests.support.views import device

KEY = {"Idempotency-Key": "k-1"}
PING = {"name": "ping"}


def test_an_order_that_comes_twice_is_carried_out_once(
    api: AppClient, memory_cloud: MemoryCloud
) -> None:
    memory_cloud.put_device(device("cam-1"))

    first = api.post("/commands", json=PING, headers=KEY)
    again = api.post("/commands", json=PING, headers=KEY)
    other = api.post("/commands", json=PING, headers={"Idempotency-Key": "k-2"})

    assert (again.status_code, again.content) == (202, first.content)
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert other.json()["command_id"] == "c2"
    assert len(memory_cloud.commands.commands()) == 2


def test_a_refusal_is_repeated_as_well(api: AppClient) -> None:
    first = api.post("/commands", json={"name": "ping", "devices": ["cam-9"]}, headers=KEY)
    again = api.post("/commands", json={"name": "ping", "devices": ["cam-9"]}, headers=KEY)

    assert (first.status_code, again.status_code) == (404, 404)
    assert again.headers["content-type"] == "application/problem+json"


def test_a_key_stands_for_one_order_alone(api: AppClient, memory_cloud: MemoryCloud) -> None:
    memory_cloud.put_device(device("cam-1"))
    api.post("/commands", json=PING, headers=KEY)

    refused = api.post("/commands", json={"name": "report"}, headers=KEY)
    unreadable = api.post("/commands", json=PING, headers={"Idempotency-Key": "k" * 129})

    assert refused.status_code == 422
    assert refused.json()["type"] == "/api/v1/problems/key-reused"
    assert unreadable.status_code == 400


def test_an_order_of_which_it_is_not_known_what_came_is_not_given_again(
    api: AppClient, memory_cloud: MemoryCloud
) -> None:
    api.post("/commands", json=PING, headers=KEY)
    answers = memory_cloud.kept_answers
    fingerprint = answers.begin_answer(
        AnswerKey("", "k-1"), fingerprint="", at_unix_s=0
    ).fingerprint
    answers.forget_answer(AnswerKey("", "k-1"))
    answers.begin_answer(AnswerKey("", "k-1"), fingerprint=fingerprint, at_unix_s=0)

    refused = api.post("/commands", json=PING, headers=KEY)

    assert refused.status_code == 409
    assert refused.json()["type"] == "/api/v1/problems/under-way"


def test_what_the_cloud_could_not_do_can_be_tried_again_with_the_same_key(
    api: AppClient, memory_cloud: MemoryCloud
) -> None:
    def broken(_view: object) -> None:
        raise UnavailableError("the disk is full")

    memory_cloud.put_device(device("cam-1"))
    memory_cloud.commands.on_send = broken
    failed = api.post("/commands", json=PING, headers=KEY)
    memory_cloud.commands.on_send = lambda _view: None

    again = api.post("/commands", json=PING, headers=KEY)

    assert (failed.status_code, again.status_code) == (503, 202)
    assert "idempotent-replayed" not in again.headers


def test_who_has_an_answer_already_is_told_so(api: AppClient, memory_cloud: MemoryCloud) -> None:
    memory_cloud.put_device(device("cam-1"))
    first = api.get("/devices/cam-1")
    etag = first.headers["etag"]

    same = api.get("/devices/cam-1", headers={"If-None-Match": etag})
    weak = api.get("/devices/cam-1", headers={"If-None-Match": f'"other", W/{etag}'})
    memory_cloud.put_device(device("cam-1", status="offline"))
    changed = api.get("/devices/cam-1", headers={"If-None-Match": etag})

    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
    assert weak.status_code == 304
    assert changed.status_code == 200
    assert changed.headers["etag"] != etag
