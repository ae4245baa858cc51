"""Lists of whole numbers travel as text, and come back as they were."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_contract.errors import MessageError
from edge_contract.messages.packing import packed, unpacked
from edge_contract.reading import JsonValue, Reader

WHOLE = st.integers(-(2**53) + 1, 2**53 - 1)
SMALL = st.integers(-3, 60)
LEAF = WHOLE | SMALL | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.text()
STATE: st.SearchStrategy[JsonValue] = st.recursive(
    LEAF | st.lists(SMALL, max_size=9), lambda inner: st.lists(inner, max_size=4), max_leaves=9
)
PROFILE = st.dictionaries(st.integers(0, 1_000_000), STATE, max_size=4)


def over_the_wire(profiles: list[dict[int, JsonValue]]) -> list[dict[int, JsonValue]]:
    wire = json.loads(json.dumps(packed(profiles)))
    return read(wire)


def read(wire: JsonValue) -> list[dict[int, JsonValue]]:
    reader = Reader(wire, "batch", MessageError)
    return unpacked(reader[0].items(), reader[1], reader[2])


@given(profiles=st.lists(PROFILE, max_size=3))
def test_states_survive_bit_for_bit(profiles: list[dict[int, JsonValue]]) -> None:
    assert json.dumps(over_the_wire(profiles)) == json.dumps(
        [dict(sorted(p.items())) for p in profiles]
    )


def test_counts_are_one_character_each_and_lie_apart_from_gaps() -> None:
    profile: dict[int, JsonValue] = {
        3: [0, 600, 0, 0, [[-2, 1, 1, 5], [1, 2, 48, 49]]],
        7: [600, 0, 0.5, 12.5, -1.5, 7.25],
    }

    states, firsts, others = packed([profile])

    assert states == [[[3, 4], [[0, 600, 0, 0, [{}, {}]], [600, 0, 0.5, 12.5, -1.5, 7.25]]]]
    assert firsts == "`  %~"
    assert others == " !T!U!~"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1, " "),
        (2, "!"),
        (32, "@"),
        (33, "E!"),
        (34, "F!"),
        (9999, "CV-"),
        (0, "^"),
        (-1, "_"),
        (-7, "e"),
        (-8, "n^"),
        (-9999, "unw^"),
    ],
)
def test_a_whole_number_is_written_like_this(number: int, text: str) -> None:
    assert packed([{0: [number]}]).others == f"{text}~"
    assert read([[[[0], [{}]]], "", f"{text}~"]) == [{0: [number]}]


@pytest.mark.parametrize(
    ("states", "firsts", "others", "why"),
    [
        ([[[0], [{}]]], "", "", "a list for every {}"),
        ([[[0], [[{}, 1.5]]]], "", " ~", "a list for every {}"),
        ([[[0], [[1, 1.5]]]], " ~", "", "a {} in a state for every list"),
        ([[[0], [{}]]], "", " ~ ~", "a {} in a state for every list"),
        ([[[0], [{}]]], "", " ", "end with '~'"),
        ([[[0], [{}]]], "", 'a"~', "whole numbers as text"),
        ([[[0], [{}]]], "", "R~", "whole numbers as text"),
        ([[[0], [{}]]], "", "R^~", "whole numbers as text"),
        ([[[0], [{}]]], "", "é~", "whole numbers as text"),
        ([[[0], [{}]]], "", "R" * 40 + " ~", "whole numbers as text"),
        ([[[0], [{}]]], "", "RRRR!~", "whole numbers as text"),
        ([[[0], [{}]]], "", 5, "expected text"),
        ([[[0, 0], [1, 1]]], "", "", "gaps to the next ones"),
        ([[[1, 1_000_000], [1, 1]]], "", "", "gaps to the next ones"),
        ([[[-1], [1]]], "", "", "whole numbers from 0"),
        ([[[0, 1], [1]]], "", "", "as many states as columns"),
        ([[[0]]], "", "", "is missing"),
    ],
)
def test_what_packing_never_writes_is_refused(
    states: JsonValue, firsts: JsonValue, others: JsonValue, why: str
) -> None:
    with pytest.raises(MessageError, match=why):
        read([states, firsts, others])


def test_a_number_of_very_many_characters_costs_nothing() -> None:
    with pytest.raises(MessageError, match="whole numbers as text"):
        read([[[[0], [{}]]], "", "R" * 900_000 + " ~"])


def test_greater_numbers_stay_among_the_others() -> None:
    states, firsts, others = packed([{0: [1, 10_000], 1: [[-10_000, 2], [-9999, 2]]}])

    assert states == [[[0, 1], [[1, 10_000], [[-10_000, 2], {}]]]]
    assert (firsts, others) == ("", "unw^!~")


def test_an_empty_object_cannot_be_sent() -> None:
    with pytest.raises(MessageError, match="cannot hold an empty object"):
        packed([{0: [{}]}])
