import math

import pytest

from edge_contract.errors import MessageError, PackageError
from edge_contract.reading import Reader


def reader(value: object) -> Reader:
    return Reader(value, "thing", PackageError)


def test_an_error_names_the_place_what_stands_there_and_what_was_expected() -> None:
    data = reader({"inputs": [{"name": "x"}, {"name": 7}]})

    with pytest.raises(PackageError) as caught:
        data["inputs"][1]["name"].text(max_length=9)

    assert str(caught.value) == "thing.inputs[1].name is 7, expected text of at most 9 characters"


def test_the_error_is_of_the_class_that_was_asked_for() -> None:
    with pytest.raises(MessageError, match=r"thing\.a is missing"):
        Reader({}, "thing", MessageError)["a"]


def test_a_missing_item_is_told_from_a_null_one() -> None:
    assert reader([None]).get(1) is None
    assert reader([None])[0].is_null
    with pytest.raises(PackageError, match=r"thing\[1\] is missing"):
        reader([None])[1]


@pytest.mark.parametrize("value", [None, 1, "x", [], True])
def test_only_an_object_has_fields(value: object) -> None:
    with pytest.raises(PackageError, match="expected an object"):
        reader(value)["a"]
    with pytest.raises(PackageError, match="expected an object"):
        reader(value).fields()
    with pytest.raises(PackageError, match="expected an object"):
        reader(value).json_object()


@pytest.mark.parametrize("value", [None, 1, "x", {}, True])
def test_only_a_list_has_items(value: object) -> None:
    with pytest.raises(PackageError, match="expected a list"):
        reader(value)[0]
    with pytest.raises(PackageError, match="expected a list"):
        reader(value).items()
    with pytest.raises(PackageError, match="expected a list"):
        reader(value).json_list()
    with pytest.raises(PackageError, match="expected a list"):
        reader(value).integers()


@pytest.mark.parametrize("value", [True, 1.0, "1", None, -1, 11, 2**53])
def test_a_whole_number_is_an_int_in_its_bounds(value: object) -> None:
    assert reader(10).integer(low=0, high=10) == 10
    with pytest.raises(PackageError, match="expected a whole number from 0 to 10"):
        reader(value).integer(low=0, high=10)


@pytest.mark.parametrize("value", [True, "1", None, math.nan, math.inf, -math.inf, 2**53, 10**400])
def test_a_number_is_finite_and_exact(value: object) -> None:
    assert reader(3).number() == 3.0
    assert isinstance(reader(3).number(), float)
    with pytest.raises(PackageError, match="expected a finite number"):
        reader(value).number()


def test_a_number_keeps_to_its_bounds() -> None:
    assert reader(0.5).number(low=0.0, high=0.5) == 0.5
    with pytest.raises(PackageError, match=r"thing is 0\.75, expected .* from 0\.0 to 0\.5"):
        reader(0.75).number(low=0.0, high=0.5)


@pytest.mark.parametrize("value", ["half \ud800", "\udfff", "nul \0"])
def test_text_that_cannot_be_stored_is_refused(value: str) -> None:
    with pytest.raises(PackageError, match="without NUL and half surrogate pairs"):
        reader(value).text()
    with pytest.raises(PackageError, match="without NUL and half surrogate pairs"):
        reader({value: 1}).fields()
    for tree in ({value: 1}, {"a": value}, {"a": [{"b": value}]}):
        with pytest.raises(PackageError, match="plain text and finite numbers"):
            reader(tree).json_object()


def test_text_must_match_its_pattern_wholly() -> None:
    assert reader("ab").text(pattern="ab|cd") == "ab"
    for value in ("abx", "xcd", "ab\n"):
        with pytest.raises(PackageError, match=r"text that matches ab\|cd"):
            reader(value).text(pattern="ab|cd")


@pytest.mark.parametrize("value", ["ab|cd", "", "b", "abcd", "AB"])
def test_one_of_several_words_is_not_another(value: str) -> None:
    with pytest.raises(PackageError, match=r"text that matches ab\|cd"):
        reader(value).text(pattern="ab|cd")


def test_a_pattern_beside_words_is_one() -> None:
    assert reader("").text(pattern="|ab") == ""
    assert reader("x7").text(pattern="ab|x[0-9]") == "x7"


def test_a_free_form_object_is_bounded_in_depth() -> None:
    deep: object = 1
    for _ in range(15):
        deep = {"a": deep}

    assert reader({"a": deep}).json_object() == {"a": deep}
    with pytest.raises(PackageError, match="at most 16 levels deep"):
        reader({"a": [deep]}).json_object()


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_free_form_object_holds_finite_numbers(number: float) -> None:
    with pytest.raises(PackageError, match="finite numbers"):
        reader({"a": [number]}).json_object()


def test_lists_are_bounded_in_length() -> None:
    with pytest.raises(PackageError, match="a list of at most 2 items"):
        reader([1, 2, 3]).items(max_length=2)
    with pytest.raises(PackageError, match="a list of at most 2 whole numbers"):
        reader([1, 2, 3]).integers(max_length=2)


@pytest.mark.parametrize("items", [[0, -1], [True], [1.0], [None], ["1"], [2**53]])
def test_whole_numbers_are_checked_one_by_one(items: list[object]) -> None:
    with pytest.raises(PackageError, match="whole numbers from 0"):
        reader(items).integers()


def test_a_long_value_is_shown_in_part() -> None:
    for value in ("x" * 10_000, list(range(10_000)), {str(n): n for n in range(10_000)}):
        message = str(reader(value).refused("nothing"))

        assert len(message) < 120
        assert "..." in message


def test_a_value_nested_without_end_is_shown_all_the_same() -> None:
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]

    assert "[[" in str(reader(deep).refused("nothing"))
