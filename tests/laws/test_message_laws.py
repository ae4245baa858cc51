"""Every registered message survives the wire, and nothing that comes over it does harm."""

import contextlib
import json
import tracemalloc
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_contract.errors import MessageError
from edge_contract.messages import MAX_BODY_BYTES, MESSAGES, Message, decode, encode
from edge_contract.messages.codec import ENVELOPE
from edge_contract.reading import JsonValue, Reader
from tests.laws.json_values import hostile_values
from tests.laws.messages import STRATEGIES, any_message

every_kind = pytest.mark.parametrize("kind", sorted(MESSAGES))


def test_every_kind_of_message_has_a_strategy() -> None:
    assert STRATEGIES.keys() == MESSAGES.keys(), "add the new kind to tests/laws/messages.py"


def wire(value: JsonValue) -> bytes:
    """A payload with any JSON in it, right or wrong."""
    return bytes([ENVELOPE]) + zlib.compress(json.dumps(value).encode(), 1)


def only_refused_or_kept(payload: bytes) -> None:
    """Fail unless the payload is refused, or is a message that survives being sent on."""
    try:
        message = decode(payload)
    except MessageError:
        return
    assert decode(encode(message)) == message


@every_kind
@settings(max_examples=50)
@given(data=st.data())
def test_a_message_survives_the_wire(kind: str, data: st.DataObject) -> None:
    message = data.draw(STRATEGIES[kind])

    received = decode(encode(message))

    assert received == message
    assert type(received) is MESSAGES[kind]


@every_kind
@settings(max_examples=25)
@given(data=st.data())
def test_what_a_newer_peer_adds_is_ignored(kind: str, data: st.DataObject) -> None:
    message = data.draw(STRATEGIES[kind])

    assert decode(wire([kind, [*message.to_body(), {"new": 1}], "more"])) == message


@every_kind
@settings(max_examples=25)
@given(data=st.data())
def test_a_message_without_its_last_field_is_refused(kind: str, data: st.DataObject) -> None:
    body = data.draw(STRATEGIES[kind]).to_body()

    with pytest.raises(MessageError, match=r"is missing"):
        decode(wire([kind, body[:-1]]))


@given(message=any_message(), data=st.data())
def test_a_payload_that_was_cut_off_is_refused(message: Message, data: st.DataObject) -> None:
    payload = encode(message)

    with pytest.raises(MessageError):
        decode(payload[: data.draw(st.integers(0, len(payload) - 1))])


@given(message=any_message(), surplus=st.binary(min_size=1, max_size=9))
def test_a_payload_with_something_behind_it_is_refused(message: Message, surplus: bytes) -> None:
    with pytest.raises(MessageError, match="followed by something else"):
        decode(encode(message) + surplus)


@given(message=any_message(), data=st.data())
def test_a_flipped_bit_is_noticed_or_changes_nothing(message: Message, data: st.DataObject) -> None:
    payload = bytearray(encode(message))
    bit = data.draw(st.integers(0, len(payload) * 8 - 1))
    payload[bit // 8] ^= 1 << bit % 8

    with contextlib.suppress(MessageError):
        assert decode(bytes(payload)) == message


@given(payload=st.binary(max_size=200))
def test_random_bytes_are_refused(payload: bytes) -> None:
    with pytest.raises(MessageError):
        decode(payload)


@given(text=st.binary(max_size=200))
def test_random_bytes_in_a_right_envelope_are_refused(text: bytes) -> None:
    with pytest.raises(MessageError):
        decode(bytes([ENVELOPE]) + zlib.compress(text))


@given(value=hostile_values)
def test_any_json_is_refused_or_a_message(value: JsonValue) -> None:
    only_refused_or_kept(wire(value))
    only_refused_or_kept(wire(["t", value]))


def places(value: JsonValue, path: tuple[int | str, ...] = ()) -> Iterator[tuple[int | str, ...]]:
    """Where all parts of a JSON value stand, itself included."""
    yield path
    match value:
        case list():
            for index, item in enumerate(value):
                yield from places(item, (*path, index))
        case dict():
            for name, item in value.items():
                yield from places(item, (*path, name))
        case _:
            pass


def replaced(value: JsonValue, path: tuple[int | str, ...], part: JsonValue) -> JsonValue:
    """A copy of ``value`` with another part at ``path``."""
    match value, path:
        case _, ():
            return part
        case list(), (int(index), *rest):
            items = list(value)
            items[index] = replaced(items[index], tuple(rest), part)
            return items
        case dict(), (str(name), *rest):
            return {**value, name: replaced(value[name], tuple(rest), part)}
        case _:
            raise AssertionError(path)


@every_kind
@given(data=st.data(), part=hostile_values)
def test_a_message_with_a_foreign_part_is_refused_or_can_be_sent_on(
    kind: str, data: st.DataObject, part: JsonValue
) -> None:
    body: JsonValue = json.loads(json.dumps(data.draw(STRATEGIES[kind]).to_body()))
    path = data.draw(st.sampled_from(list(places(body))))

    only_refused_or_kept(wire([kind, replaced(body, path, part)]))


@every_kind
@pytest.mark.parametrize("body", [[], [None] * 9, [[0]] * 9, [{}] * 9, [-1] * 9, ["x"] * 9, None])
def test_a_body_of_another_shape_is_refused(kind: str, body: JsonValue) -> None:
    with pytest.raises(MessageError):
        decode(wire([kind, body]))


def test_an_unknown_kind_is_refused_with_a_hint() -> None:
    with pytest.raises(MessageError, match=r"message kind 'zz' is unknown here: upgrade this side"):
        decode(wire(["zz", []]))


@pytest.mark.parametrize(
    ("payload", "found"), [(b"", "nothing"), (b"\x02x", "version 2"), (b'["t"]', "version 91")]
)
def test_another_envelope_is_refused(payload: bytes, found: str) -> None:
    with pytest.raises(MessageError, match=f"found {found}, expected version 1"):
        decode(payload)


@pytest.mark.parametrize("token", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000])
def test_a_number_that_json_does_not_have_is_refused(token: str) -> None:
    text = f'["c",["id","ping",{token},{{}}]]'

    with pytest.raises(MessageError):
        decode(bytes([ENVELOPE]) + zlib.compress(text.encode()))


def bomb(size: int) -> bytes:
    """A small payload that inflates to ``size`` bytes."""
    deflater = zlib.compressobj(9)
    chunk = b" " * 100_000
    inflated = b"".join(deflater.compress(chunk) for _ in range(size // len(chunk)))
    return bytes([ENVELOPE]) + inflated + deflater.flush()


def test_a_payload_that_inflates_without_end_is_refused_in_bounded_memory() -> None:
    payload = bomb(60_000_000)
    assert len(payload) < 64_000

    tracemalloc.start()
    try:
        with pytest.raises(MessageError, match="inflates to more than 1000000 bytes"):
            decode(payload)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak_bytes < 4 * MAX_BODY_BYTES


@pytest.mark.parametrize("brackets", ["[" * 400_000, "[" * 400_000 + "]" * 400_000])
def test_a_body_that_is_nested_without_end_is_refused(brackets: str) -> None:
    with pytest.raises(MessageError):
        decode(bytes([ENVELOPE]) + zlib.compress(brackets.encode()))


@pytest.mark.parametrize("levels", range(880, 1000, 3))
def test_a_part_that_is_nested_just_less_deep_than_python_allows_is_refused(levels: int) -> None:
    deep = "[" * levels + "]" * levels

    for text in (f'["t",{deep}]', f'["t",[{deep}]]', f'["c",["id","ping",0,{{"x":{deep}}}]]', deep):
        with pytest.raises(MessageError):
            decode(bytes([ENVELOPE]) + zlib.compress(text.encode()))


@every_kind
def test_from_body_refuses_what_is_no_list(kind: str) -> None:
    with pytest.raises(MessageError, match="expected a list"):
        MESSAGES[kind].from_body(Reader({}, kind, MessageError))
