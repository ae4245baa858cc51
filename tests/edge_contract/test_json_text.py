import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_contract.json_text import parse_json
from edge_contract.reading import JsonValue
from tests.laws.json_values import free_form

BRACKETS_IN_TEXT = st.text(st.sampled_from('[]{}"\\ \n\u00e9:,1'), max_size=30)


@given(value=free_form, texts=st.lists(BRACKETS_IN_TEXT))
def test_json_is_read_as_the_standard_library_reads_it(value: JsonValue, texts: list[str]) -> None:
    for ensure_ascii in (True, False):
        text = json.dumps([value, texts, [[]] * 40], ensure_ascii=ensure_ascii)

        assert parse_json(text.encode()) == json.loads(text)


@given(text=st.text(st.sampled_from('[]{}",:\\1'), max_size=200))
def test_text_is_refused_exactly_when_the_standard_library_refuses_it(text: str) -> None:
    padded = "[" * 12 + text + "]" * 12

    try:
        expected = json.loads(padded)
    except ValueError:
        with pytest.raises(ValueError, match=r"."):
            parse_json(padded.encode())
    else:
        assert parse_json(padded.encode()) == expected


@pytest.mark.parametrize("pair", ["[]", '{"a":}'])
def test_32_levels_are_read_and_many_more_are_not(pair: str) -> None:
    opening, closing = pair[:-1], pair[-1]

    assert parse_json(f"{opening * 31}[]{closing * 31}".encode())
    for levels in (33, 1000, 300_000):
        with pytest.raises(ValueError, match="nested deeper than 32 levels"):
            parse_json(f"{opening * levels}[]{closing * levels}".encode())


@pytest.mark.parametrize("text", ["[" * 100, "[" * 50 + "]" * 49, "[{" * 20 + "]}" * 20, "[]" * 40])
def test_brackets_that_do_not_match_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"do not match|Extra data"):
        parse_json(text.encode())


@pytest.mark.parametrize("text", [b"NaN", b"[Infinity]", b'{"a":-Infinity}'])
def test_numbers_that_json_does_not_have_are_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="is no JSON number"):
        parse_json(text)


@pytest.mark.parametrize(
    "text", [b"", b"\xff", "[1]".encode("utf-16"), b"\xef\xbb\xbf[1]", b"[1] x"]
)
def test_what_is_no_utf_8_json_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_json(text)
