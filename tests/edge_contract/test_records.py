"""Our data classes beside the standard library's: the same in all but the time that they take."""

import copy
import dataclasses
import pickle
from collections.abc import Callable
from typing import ClassVar

import pytest

from edge_contract.records import as_plain, dataclass, field, fields, replace


@dataclass(frozen=True, slots=True)
class Reading:
    """A value with everything that fields can have."""

    kind: ClassVar[str] = "reading"

    sensor: str
    value: float = 0.0
    notes: list[str] = field(default_factory=list)
    secret: str = field(default="", repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.value < 0:
            raise ValueError(f"value must not be below 0, got {self.value}")


@dataclass(frozen=True, slots=True)
class Located(Reading):
    """One with a field more than its base."""

    place: str = ""


@dataclass(slots=True, kw_only=True)
class Tally:
    """One that changes."""

    rows: int = 0
    calls: int


@dataclass(frozen=True, slots=True)
class Silent:
    """One that brings its own methods."""

    text: str

    def __repr__(self) -> str:
        return "..."

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Silent) and self.text.lower() == other.text.lower()

    def __hash__(self) -> int:
        return 7


@dataclass(frozen=True, slots=True)
class Nothing:
    """One without fields."""


def test_objects_are_made_by_position_and_by_name_the_first_time_and_later() -> None:
    first = Reading("door", 2.5, secret="s")
    second = Reading(value=2.5, sensor="door", notes=["late"])

    assert (first.sensor, first.value, first.notes, first.secret) == ("door", 2.5, [], "s")
    assert second.notes == ["late"]
    assert Reading("door").notes is not Reading("door").notes
    assert Nothing() == Nothing()


def test_objects_are_the_same_however_many_were_made_before() -> None:
    @dataclass(frozen=True, slots=True)
    class Fresh(Reading):
        place: str = ""

        def __post_init__(self) -> None:
            checked.append(self.sensor)

    checked: list[str] = []

    made = [Fresh("door", 2.0, place=str(number), notes=["late"]) for number in range(30)]

    assert [(each.value, each.place, each.notes) for each in made] == [
        (2.0, str(number), ["late"]) for number in range(30)
    ]
    assert checked == ["door"] * 30


@pytest.mark.parametrize(
    "wrong",
    [
        lambda cls: cls("door", sensor="window"),
        lambda cls: cls(),
        lambda cls: cls("door", 1.0, [], "s", "too many"),
        lambda cls: cls("door", colour="red"),
    ],
)
def test_wrong_arguments_are_refused_for_the_first_object_as_for_the_last(
    wrong: Callable[[type[Reading]], object],
) -> None:
    @dataclass(frozen=True, slots=True)
    class Fresh:
        sensor: str
        value: float = 0.0
        notes: list[str] = field(default_factory=list)
        secret: str = ""

    for _ in range(30):
        with pytest.raises(TypeError, match=r"__init__\(\)"):
            wrong(Fresh)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (Reading, "missing 1 required positional argument: 'sensor'"),
        (lambda: Reading("door", wrong=1), "unexpected keyword argument 'wrong'"),  # type: ignore[call-arg]
        (lambda: Tally(1, 2), "takes 1 positional argument but 3 were given"),  # type: ignore[call-arg]
    ],
)
def test_wrong_arguments_are_told_by_name(make: Callable[[], object], said: str) -> None:
    with pytest.raises(TypeError, match=said):
        make()


def test_what_is_compared_is_equal_and_hashes_alike() -> None:
    assert Reading("door", 1.0, secret="a") == Reading("door", 1.0, secret="b")
    assert Reading("door", 1.0) != Reading("door", 2.0)
    assert Reading("door") != Located("door")
    assert Reading("door") != Silent("door")
    assert hash(Nothing()) == hash(Nothing())
    assert len({Located("door", notes=()), Located("door", notes=())}) == 1  # type: ignore[arg-type]


def test_nothing_frozen_changes() -> None:
    reading = Reading("door")

    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'value'"):
        reading.value = 1.0  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'value'"):
        del reading.value


def test_others_change_and_have_no_hash() -> None:
    tally = Tally(calls=1)
    tally.rows += 5

    assert tally == Tally(rows=5, calls=1)
    with pytest.raises(TypeError, match="unhashable"):
        hash(tally)


def test_own_methods_stay() -> None:
    assert repr(Silent("A")) == "..."
    assert Silent("A") == Silent("a")
    assert hash(Silent("A")) == 7


def test_secrets_are_not_shown() -> None:
    assert repr(Reading("door", secret="s")) == "Reading(sensor='door', value=0.0, notes=[])"


def test_checks_run_after_every_making() -> None:
    with pytest.raises(ValueError, match="got -1"):
        Reading("door", -1.0)
    with pytest.raises(ValueError, match="got -2"):
        replace(Reading("door"), value=-2.0)


def test_tools_for_data_classes_work() -> None:
    located = Located("door", 1.0, place="hall")

    assert [each.name for each in fields(located)] == [
        "sensor", "value", "notes", "secret", "place",
    ]  # fmt: skip
    assert dataclasses.asdict(located)["place"] == "hall"
    assert copy.deepcopy(located) == located
    assert pickle.loads(pickle.dumps(located)) == located
    match located:
        case Located("door", value):
            assert value == 1.0
        case _:
            pytest.fail("it did not match")


def test_a_record_is_plain_with_all_that_is_in_it() -> None:
    located = Located("door", 1.0, place="hall")

    plain = as_plain({"found": (located, [1, "a"])})

    assert plain == {"found": [dataclasses.asdict(located), [1, "a"]]}
    assert as_plain(None) is None


def test_a_class_without_slots_is_refused() -> None:
    with pytest.raises(TypeError, match="slots"):

        @dataclass(frozen=True)
        class Loose:
            text: str


def test_a_field_that_init_does_not_take_is_refused_when_the_class_is_made() -> None:
    with pytest.raises(TypeError, match=r"Half\.rest: init=False is for dataclasses\.dataclass"):

        @dataclass(frozen=True, slots=True)
        class Half:
            rest: int = field(default=0, init=False)
