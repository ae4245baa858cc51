"""Every warehouse keeps groups, tokens and answers as ``cloud_sync.ports`` promises."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from cloud_sync.adapters.postgres_warehouse import PostgresWarehouse
from cloud_sync.adapters.sqlite_warehouse import SqliteWarehouse
from cloud_sync.core.access import Role, TokenRecord
from cloud_sync.core.enrolment import CredentialRecord, JoinTokenRecord, QuarantineRecord
from cloud_sync.core.facts import DeviceStatus
from cloud_sync.core.groups import DeviceGroup
from cloud_sync.core.kept_answers import AnswerKey, KeptAnswer
from cloud_sync.core.records import CommandRecord, DeviceAnswer
from cloud_sync.core.twin import DeviceTwin
from cloud_sync.ports import Erased, Warehouse
from edge_contract.errors import UnavailableError
from edge_contract.messages import Command, CommandResult
from tests.support.memory_warehouse import MemoryWarehouse
from tests.support.postgres import PostgresServer


@pytest.fixture(params=["sqlite", "postgres", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    warehouse: Warehouse = MemoryWarehouse()
    if request.param == "sqlite":
        warehouse = SqliteWarehouse(tmp_path)
    elif request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        warehouse = PostgresWarehouse(server.new_warehouse())
    with closing(warehouse):
        yield warehouse


def test_groups_are_kept_by_name_and_forgotten_once(store: Warehouse) -> None:
    pilot = DeviceGroup(name="pilot", devices=("cam-2", "cam-1"), by="anna", changed_unix_s=7.5)
    oslo = DeviceGroup(name="Oslo", filter='tag.site == "oslo"', description="ünder 深圳")
    store.save_group(pilot)
    store.save_group(oslo)
    store.save_group(replace(pilot, devices=("cam-9",)))

    found = store.groups()
    deleted = store.delete_group("pilot"), store.delete_group("pilot")

    assert found == [oslo, replace(pilot, devices=("cam-9",))]
    assert deleted == (True, False)
    assert store.groups() == [oslo]


def test_tokens_are_kept_with_what_became_of_them(store: Warehouse) -> None:
    first = TokenRecord(
        token_id="0" * 12,
        label="anna",
        role=Role.ADMIN,
        secret_hash="ab" * 32,
        created_unix_s=1.0,
        expires_unix_s=9.5,
        by="cli",
    )
    second = replace(first, token_id="1" * 12, created_unix_s=0.5, expires_unix_s=None)
    store.save_token(first)
    store.save_token(second)

    store.save_token(replace(first, revoked_unix_s=3.0))

    assert store.tokens() == [second, replace(first, revoked_unix_s=3.0)]


def test_the_first_order_with_a_key_claims_it_and_later_ones_find_its_answer(
    store: Warehouse,
) -> None:
    key = AnswerKey("anna", "k1")
    begun = store.begin_answer(key, fingerprint="f1", at_unix_s=1.0)
    under_way = store.begin_answer(key, fingerprint="f2", at_unix_s=2.0)
    store.finish_answer(key, KeptAnswer("", 0.0, 201, {"location": "/x"}, b"\x00made"))

    again = store.begin_answer(key, fingerprint="f1", at_unix_s=3.0)
    other = store.begin_answer(AnswerKey("bob", "k1"), fingerprint="f1", at_unix_s=3.0)

    assert begun == KeptAnswer("f1", 1.0, is_new=True)
    assert under_way == KeptAnswer("f1", 1.0)
    assert again == KeptAnswer("f1", 1.0, 201, {"location": "/x"}, b"\x00made")
    assert other.is_new


def test_a_key_can_be_let_go_and_old_answers_are_forgotten(store: Warehouse) -> None:
    for number in range(3):
        store.begin_answer(AnswerKey("", f"k{number}"), fingerprint="f", at_unix_s=float(number))

    store.forget_answer(AnswerKey("", "k2"))
    pruned = store.prune_answers(1.0)

    assert pruned == 1
    found = [
        store.begin_answer(AnswerKey("", f"k{number}"), fingerprint="f", at_unix_s=9.0).is_new
        for number in range(3)
    ]
    assert found == [True, False, True]


def test_a_closed_store_is_out_of_reach(store: Warehouse) -> None:
    store.close()

    with pytest.raises(UnavailableError, match="closed"):
        store.groups()
    with pytest.raises(UnavailableError, match="closed"):
        store.tokens()


def test_commands_are_told_in_numbers_and_answers_by_device(store: Warehouse) -> None:
    order = CommandRecord(
        Command("c1", "restart", 10.0), ("cam-1", "cam-2", "cam-3", "cam-4"), 1.0, "anna"
    )
    later = CommandRecord(Command("c2", "ping", 20.0), ("cam-1",), 2.0, "bob", audience="cam-1")
    taken = CommandResult("cam-3", "c1", ok=True, detail="on it", final=False)
    failed = CommandResult("cam-2", "c1", ok=False, detail="no")
    done = CommandResult("cam-1", "c1", ok=True)
    pong = CommandResult("cam-1", "c2", ok=True, detail="pong")
    store.save_fleet(commands=[order, later])
    store.save_fleet(results=[(taken, 3.0), (failed, 4.0), (done, 5.0), (pong, 6.0)])

    newest, oldest = store.command_tallies()

    assert (newest.command.command_id, newest.audience, newest.devices) == ("c2", "cam-1", 1)
    assert (oldest.devices, oldest.done, oldest.failed, oldest.accepted) == (4, 1, 1, 1)
    assert store.command_tallies(after="c2") == [oldest]
    assert store.command_tallies(after="c9") == []
    assert store.command_tally("c1") == oldest
    assert store.command_tally("c9") is None
    assert store.answers_of("cam-1") == [
        DeviceAnswer("ping", pong, 6.0),
        DeviceAnswer("restart", done, 5.0),
    ]
    assert store.answers_of("cam-1", limit=1) == [DeviceAnswer("ping", pong, 6.0)]
    assert store.answers_of("cam-4") == []


def test_admissions_are_kept_by_kind_and_key_and_forgotten_once(store: Warehouse) -> None:
    token = JoinTokenRecord(
        token_id="a" * 12,
        secret_hash="ab" * 32,
        label="hall 3, 深圳",
        uses=500,
        created_unix_s=1.0,
        expires_unix_s=9.5,
        by="anna",
    )
    credential = CredentialRecord(
        device="cam-1",
        public_key="cd" * 32,
        secret_hash="ef" * 32,
        broker_hash="$7$101$c2FsdA==$aGFzaA==",
        token_id="a" * 12,
        enrolled_unix_s=2.0,
        issued_unix_s=3.0,
    )
    apart = QuarantineRecord(device="cam-1", reason="odd", since_unix_s=4.0, by="bob")
    for record in (token, apart, credential, replace(token, used=7, revoked_unix_s=5.0)):
        store.save_admission(record)

    found = store.admissions()
    forgotten = store.forget_admission(apart), store.forget_admission(apart)

    assert found == [credential, replace(token, used=7, revoked_unix_s=5.0), apart]
    assert forgotten == (True, False)
    assert store.admissions() == [credential, replace(token, used=7, revoked_unix_s=5.0)]


def test_a_device_is_forgotten_with_its_answers_and_no_other(store: Warehouse) -> None:
    twins = [DeviceTwin(name, DeviceStatus.ONLINE) for name in ("cam-1", "cam-2")]
    command = CommandRecord(Command("c1", "ping", 10.0), ("cam-1", "cam-2"), 1.0, "anna")
    answers = [(CommandResult(name, "c1", ok=True), 2.0) for name in ("cam-1", "cam-2")]
    store.save_fleet(twins=twins, commands=[command])
    store.save_fleet(results=answers)

    first, second = store.erase_device("cam-1"), store.erase_device("cam-1")

    assert (first, second) == (Erased(0, 1), Erased(0, 0))
    assert [twin.name for twin in store.devices()] == ["cam-2"]
    assert store.answers_of("cam-1") == []
    assert len(store.answers_of("cam-2")) == 1
