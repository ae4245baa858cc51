"""Filters mean what people expect, and mistakes are told with their place."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("lark")

from cloud_sync.core.device_fields import FIELDS, dotted_field
from cloud_sync.core.device_filter import (
    Comparison,
    Condition,
    Either,
    Every,
    FilterError,
    Has,
    In,
    Like,
    Not,
    Operator,
    matching,
)
from cloud_sync.core.facts import DeviceFacts, DeviceStatus
from cloud_sync.filter_language import parse_filter
from edge_contract.messages import ModelReport

GATE = DeviceFacts(
    "gate-1",
    DeviceStatus.ONLINE,
    boots=3,
    models={"digits": ModelReport("sha256:0", "1.10.0", "CPUExecutionProvider", variant="int8")},
    facts={
        "cpus": 4,
        "memory_mb": 512,
        "python": "3.11.7",
        "gpu": True,
        "providers": ["CPU", "ACL"],
    },
    tags={"site": "oslo", "floor": "12", "my line": 'a "b"'},
    agent_version="0.1.0",
)
BARE = DeviceFacts("cam-2", DeviceStatus.OFFLINE)


@pytest.mark.parametrize(
    "text",
    [
        'tag.site == "oslo" and memory_mb >= 512',
        "cpus > 3.5 and cpus < 4.5 and boots != 2",
        "name == 'gate-1' or cpus > 100",
        'tag.site in ("bergen", "oslo")',
        'tag.site not in ["bergen"]',
        'name like "g*-?"',
        'status == "online"',
        'not status == "offline"',
        "has tag.site and not has tag.lens",
        'tag.floor >= "3"',
        'python < "3.12" and python > "3.9.20"',
        'model.digits >= "1.9.3" and model.digits.variant == "int8"',
        'model.digits.version > "1.10.0-rc.1"',
        'providers == "ACL"',
        'models == "digits"',
        "fact.gpu == true AND gpu != FALSE",
        'tag."my line" == "a \\"b\\""',
        'agent_version like "0.*"',
        "cpus == 4 or cpus == 5 and cpus == 6",
    ],
)
def test_a_filter_picks_the_device_it_describes_and_not_a_bare_one(text: str) -> None:
    condition = parse_filter(text, facts=["gpu"])

    assert condition.matches(GATE)
    assert parse_filter(str(condition)) == condition


@pytest.mark.parametrize(
    "text",
    [
        'tag.site == "Oslo"',
        'fact.cpus == "4"',
        "fact.gpu == 1",
        'tag.site == "oslo" and cpus > 4',
        '(name == "gate-1" or cpus > 1) and boots == 2',
        'not (tag.site == "oslo")',
        'name like "gate"',
        'model.gate == "1.0.0"',
        'providers != "ACL"',
    ],
)
def test_a_filter_leaves_out_a_device_that_it_does_not_describe(text: str) -> None:
    assert not parse_filter(text).matches(GATE)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("memory_mb >= 0", False),
        ("memory_mb < 1e9", False),
        ("memory_mb != 512", True),
        ('tag.site not in ("oslo")', True),
        ("not has memory_mb", True),
        ('model.digits like "*"', False),
        ('agent_version == ""', False),
    ],
)
def test_what_is_not_known_of_a_device_is_equal_to_nothing(text: str, holds: bool) -> None:
    assert parse_filter(text).matches(BARE) is holds


def test_the_devices_that_match_come_by_rising_name() -> None:
    found = matching(parse_filter('name like "*"'), [GATE, BARE])

    assert found == ["cam-2", "gate-1"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the filter is empty"),
        ("   ", "the filter is empty"),
        ('tag.site = "oslo"', "column 10: '=' cannot stand here: two values are compared with =="),
        ('tag.site == "oslo', "column 13: '\"' cannot stand here: this quote is never closed"),
        ("tag.site == oslo", "column 13: found 'oslo'.*a text stands in quotes: \"oslo\""),
        ("memry_mb > 3", "column 1: field 'memry_mb' is unknown: did you mean 'memory_mb'"),
        ("cpus > 3 and lens == 2", "column 14: field 'lens' is unknown; known are name, status"),
        ("model.digits.colour == 2", "column 1: field 'model.digits.colour' is unknown"),
        ('memory_mb > "3"', 'column 13: memory_mb is a number, got "3"'),
        ("tag.floor >= 3", 'column 14: tag.floor is a text: write "3"'),
        ('status == "onlin"', "column 11: status is one of online, offline, unreachable"),
        ('status > "offline"', 'column 8: "offline" has no order'),
        ("fact.gpu > true", "column 10: true has no order"),
        ("cpus > 1e999", "column 8: 1e999 is too large a number"),
        ("cpus >", "column 7: it ends here, expected a number"),
        ("(cpus > 3", "column 10: it ends here, expected '\\)'"),
        ("cpus > 3 cpus", "column 10: found 'cpus', expected 'and', 'or' or the end"),
        ("cpus in ()", "column 10: found '\\)', expected a number"),
        ('memory_mb like "5*"', "column 16: memory_mb is a number"),
        ("cpus > 3 && cpus < 5", "column 10: '&' cannot stand here: write 'and'"),
        ('name == "a\0"', "column 11: '.x00' is no letter that can be kept"),
        ("x" * 2001, "a filter has at most 2000 characters, got 2001"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_is_known(text: str, message: str) -> None:
    with pytest.raises(FilterError, match=message):
        parse_filter(text)


def test_brackets_and_negations_as_deep_as_a_filter_can_hold_are_no_danger() -> None:
    brackets = parse_filter("(" * 990 + "cpus > 3" + ")" * 990)
    negations = parse_filter("not " * 491 + "cpus > 3")
    mixed = parse_filter("not(cpus>1 or " * 130 + "cpus>1" + ")" * 130)

    assert brackets == parse_filter("cpus > 3")
    assert negations == Not(brackets)
    assert mixed.matches(GATE) is False


@given(st.text(max_size=60))
def test_any_text_is_a_filter_or_refused(text: str) -> None:
    with contextlib.suppress(FilterError):
        assert parse_filter(text).matches(GATE) in {True, False}


LETTERS = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
TAGS = st.text(LETTERS, min_size=1, max_size=5).map(lambda name: dotted_field("tag", (name,)))
TEXTS = st.text(LETTERS, max_size=5)
LEAVES: st.SearchStrategy[Condition] = st.one_of(
    st.builds(Comparison, TAGS, st.sampled_from(Operator), TEXTS),
    st.builds(
        Comparison,
        st.just(FIELDS["cpus"]),
        st.sampled_from(Operator),
        st.floats(allow_nan=False, allow_infinity=False),
    ),
    st.builds(In, TAGS, st.lists(TEXTS, min_size=1, max_size=3).map(tuple)),
    st.builds(Like, TAGS, TEXTS),
    st.builds(Has, TAGS),
)


def grown(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    """Conditions of others, in the shape that reading gives them."""
    pairs = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.one_of(
        inner.filter(lambda one: not isinstance(one, Not)).map(Not),
        pairs.filter(lambda two: not any(isinstance(one, Every) for one in two)).map(Every),
        pairs.filter(lambda two: not any(isinstance(one, Either) for one in two)).map(Either),
    )


@given(st.recursive(LEAVES, grown, max_leaves=5))
def test_a_condition_written_out_reads_back_as_itself(condition: Condition) -> None:
    assert parse_filter(str(condition)) == condition
