"""A real agent keeps rows only where its owner allows it, and for what he allows it."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from edge_agent.agent import Agent
from edge_agent.samples.handing_over import Asked
from edge_agent.samples.keeper import SampleKeeper
from edge_agent.samples.upload import RefusedSamplesError, SampleUpload
from edge_contract.errors import UnavailableError, UsageError
from edge_contract.reading import JsonValue
from edge_contract.samples import SampleParcel, sample_columns
from tests.edge_agent.conftest import MakeAgent
from tests.support.packages import digits, reversed_digits

Told = tuple[str, bool, str]


class Office:
    """A server that takes parcels, or answers with ``status``."""

    def __init__(self) -> None:
        self.status = 204
        self.parcels: list[tuple[str, str, SampleParcel]] = []
        office = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if office.status == 204:
                    columns = sample_columns(digits().package.manifest)
                    parcel = SampleParcel.from_bytes(body, lambda _package: columns)
                    ticket = self.headers["X-Edgefleet-Ticket"]
                    office.parcels.append((self.path, ticket, parcel))
                self.send_response(office.status)
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/uploads"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def office() -> Iterator[Office]:
    made = Office()
    yield made
    made.close()


def keeper_of(agent: Agent) -> SampleKeeper:
    keeper = agent._parts.samples
    assert keeper is not None
    return keeper


def wait_until(holds: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 10.0
    while not holds():
        assert time.monotonic() < deadline_s, "it did not happen"
        time.sleep(0.01)


def asked(office: Office, **more: JsonValue) -> Mapping[str, JsonValue]:
    upload = {"url": office.url, "ticket": "t1", "command": "c1"}
    return {"purpose": "labelling", "upload": upload, **more}


def drifted(rows: int = 1) -> "np.typing.NDArray[np.float32]":
    found = digits().rows[:rows].copy()
    found[:, 20] = 400.0
    return found


def test_rows_that_are_worth_it_are_kept_and_leave_when_they_are_asked_for(
    make_agent: MakeAgent, office: Office
) -> None:
    agent = make_agent(digits().package, keep_samples="labelling")
    keeper = keeper_of(agent)
    told: list[Told] = []
    keeper.tell_through(lambda *answer: told.append(answer))

    prediction = agent.predict(drifted(3))
    wait_until(lambda: keeper.size_bytes() > 0)
    count = keeper.capture(asked(office))
    wait_until(lambda: bool(told))

    ((path, ticket, parcel),) = office.parcels
    assert count == 3
    assert path == "/uploads/c1/cam-7/0"
    assert ticket == "t1"
    assert parcel.package == digits().package.digest
    assert parcel.purpose == "labelling"
    assert {row.prediction_id for row in parcel.rows} == set(prediction.ids)
    assert "drifted" in parcel.rows[0].reasons
    assert parcel.rows[0].cells[20] == 400.0
    assert told == [("c1", True, "sent 3 samples for 'labelling'")]
    assert keeper.size_bytes() == 0
    assert keeper.capture(asked(office)) == 0


def test_single_rows_lists_and_columns_are_kept_alike(
    make_agent: MakeAgent, office: Office
) -> None:
    agent = make_agent(digits().package, keep_samples="labelling")
    keeper = keeper_of(agent)
    row = drifted()
    names = [feature.name for feature in digits().package.manifest.features]
    forms = [row, row[0], row.tolist(), row[0].tolist()]
    forms += [dict(zip(names, row[0].tolist(), strict=True))]

    for form in forms:
        agent.predict(form)
        time.sleep(0.02)
    keeper.tell_through(lambda *_answer: None)
    wait_until(lambda: len(keeper._store.newest(10)) == len(forms))
    keeper.capture(asked(office))
    wait_until(lambda: bool(office.parcels))

    assert {kept.cells for kept in office.parcels[0][2].rows} == {
        tuple(float(value) for value in row[0])
    }


def test_nothing_is_kept_where_the_owner_did_not_allow_it(make_agent: MakeAgent) -> None:
    agent = make_agent(digits().package)

    agent.predict(drifted(5))

    assert agent._parts.samples is None
    assert not (agent.state / "samples").exists()


def test_whoever_allows_it_no_more_finds_nothing_left(make_agent: MakeAgent) -> None:
    agent = make_agent(digits().package, keep_samples=["labelling"])
    agent.predict(drifted(5))
    wait_until(lambda: keeper_of(agent).size_bytes() > 0)
    agent.close()

    again = make_agent(digits().package)

    assert not (again.state / "samples").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"most": 0}, "needs most from 1 to 10000, got 0"),
        ({"most": True}, "needs most from 1 to 10000, got True"),
        ({"reasons": "odd"}, "knows the reasons uncertain, disagreeing, drifted, random, got odd"),
        ({"rows": 7}, "knows no 'rows'"),
        ({"upload": None}, "does not say where samples go"),
        ({"model": 7}, "needs model as text or a list of texts, got 7"),
    ],
)
def test_what_is_asked_wrongly_is_refused(more: Mapping[str, JsonValue], message: str) -> None:
    upload = {"url": ":80/uploads", "ticket": "t1", "command": "c1"}

    with pytest.raises(UsageError, match=message):
        Asked.of({"purpose": "labelling", "upload": upload, **more})


def test_a_purpose_that_the_owner_did_not_allow_is_refused(
    make_agent: MakeAgent, office: Office
) -> None:
    keeper = keeper_of(make_agent(digits().package, keep_samples="labelling"))

    with pytest.raises(UsageError, match="no samples for 'ads': its owner allows 'labelling'"):
        keeper.capture({**asked(office), "purpose": "ads"})


def test_samples_that_the_cloud_does_not_take_stay(make_agent: MakeAgent, office: Office) -> None:
    agent = make_agent(digits().package, keep_samples="labelling")
    keeper = keeper_of(agent)
    told: list[Told] = []
    keeper.tell_through(lambda *answer: told.append(answer))
    agent.predict(drifted(2))
    wait_until(lambda: len(keeper._store.newest(10)) == 2)
    office.status = 404

    keeper.capture(asked(office))
    wait_until(lambda: bool(told))

    ((command_id, ok, answer),) = told
    assert (command_id, ok) == ("c1", False)
    assert "the cloud answers 404" in answer
    assert "0 of 2 samples were sent" in answer
    assert len(keeper._store.newest(10)) == 2


def test_a_row_that_the_shadow_answers_otherwise_is_kept_with_both_answers(
    make_agent: MakeAgent, office: Office
) -> None:
    agent = make_agent(digits().package, keep_samples="labelling")
    keeper = keeper_of(agent)
    keeper.tell_through(lambda *_answer: None)
    agent.wait_ready()
    serving = agent._switch.routing
    assert serving is not None
    other = make_agent(reversed_digits().package, folder="other", device="cam-8")
    other.wait_ready()
    candidate = other._switch.routing
    assert candidate is not None
    rows = digits().rows[:1]
    served = serving.serve.serve(rows, wake=lambda: None)
    decoded = candidate.serve.serve(rows, wake=lambda: None).decoded
    prediction = agent.predict(rows).settle()

    keeper.compared(candidate.serve, served._replace(prediction=prediction), decoded)
    wait_until(lambda: bool(keeper._store.newest(1, reasons=["disagreeing"])))
    keeper.capture(asked(office, reasons="disagreeing"))
    wait_until(lambda: bool(office.parcels))

    (row,) = office.parcels[0][2].rows
    assert row.prediction_id == prediction.ids[0]
    assert row.candidate == "9.9.9"
    assert (row.predicted, row.candidate_predicted) == ("0", "9")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keep_samples": [" "]}, "a purpose of samples is 1 to 200 characters"),
        ({"keep_samples": "x", "samples_mb": 0.0}, "need more than 0 MiB"),
        ({"keep_samples": "x", "samples_days": -1.0}, "stay for 0 to 3650 days"),
    ],
)
def test_limits_that_make_no_sense_are_refused(
    make_agent: MakeAgent, options: Mapping[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        make_agent(digits().package, **options)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://192.0.2.7:8080/uploads", "rows would travel to .* in plain text"),
        ("http://cloud.example/uploads", "rows would travel to .* in plain text"),
        ("file:///etc", "samples go to http:// or https://"),
    ],
)
def test_rows_do_not_travel_where_others_read_them(url: str, message: str) -> None:
    upload = SampleUpload(
        url=url, command_id="c1", device="cam-7", ticket="t1", leaving=threading.Event()
    )

    with pytest.raises(RefusedSamplesError, match=message):
        upload.put(0, b"[]")


def test_an_agent_that_leaves_does_not_wait_for_a_cloud_that_is_away() -> None:
    leaving = threading.Event()
    leaving.set()
    upload = SampleUpload(
        url="http://127.0.0.1:9", command_id="c1", device="cam-7", ticket="t1", leaving=leaving
    )

    with pytest.raises(UnavailableError, match=r"cannot send samples to http://127\.0\.0\.1:9"):
        upload.put(0, b"[]")


def test_what_grew_too_old_while_the_device_was_off_is_gone_at_once(make_agent: MakeAgent) -> None:
    agent = make_agent(digits().package, keep_samples="labelling", samples_days=1.0)
    agent.predict(drifted(2))
    wait_until(lambda: keeper_of(agent).size_bytes() > 0)
    agent.close()
    (path,) = (agent.state / "samples").iterdir()
    os.utime(path, (time.time() - 2 * 86_400,) * 2)

    again = make_agent(digits().package, keep_samples="labelling", samples_days=1.0)

    wait_until(lambda: keeper_of(again).size_bytes() == 0)


def test_two_commands_do_not_send_the_same_rows(make_agent: MakeAgent, office: Office) -> None:
    agent = make_agent(digits().package, keep_samples="labelling")
    keeper = keeper_of(agent)
    told: list[Told] = []
    keeper.tell_through(lambda *answer: told.append(answer))
    agent.predict(drifted(2))
    wait_until(lambda: len(keeper._store.newest(10)) == 2)

    keeper.capture(asked(office))
    keeper.capture(asked(office))
    wait_until(lambda: len(told) == 2)

    assert [len(parcel.rows) for _, _, parcel in office.parcels] == [2]
    assert [answer for _, _, answer in told] == [
        "sent 2 samples for 'labelling'",
        "sent 0 samples for 'labelling'",
    ]
