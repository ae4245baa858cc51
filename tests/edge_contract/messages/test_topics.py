import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_contract.errors import MessageError, UsageError
from edge_contract.messages import FleetTopics, UpTopic, parse_up_topic
from edge_contract.messages.topics import shard_of
from edge_contract.names import NAME_PATTERN

NAMES = st.from_regex(NAME_PATTERN, fullmatch=True)


def test_topics_of_a_device_are_as_documented() -> None:
    topics = FleetTopics("north").device("cam-7")

    assert topics.telemetry == "ef1/north/t/53/cam-7"
    assert topics.events == "ef1/north/e/53/cam-7"
    assert topics.subscriptions == (
        "ef1/north/d/cam-7",
        "ef1/north/a/cam-7",
        "ef1/north/c/cam-7",
        "ef1/north/c/all",
        "ef1/north/s",
    )


def test_filters_of_the_cloud_are_as_documented() -> None:
    fleet = FleetTopics("north")

    assert fleet.all_telemetry == "ef1/north/t/#"
    assert fleet.all_events == "ef1/north/e/#"


@given(fleet=NAMES, device=NAMES.filter(lambda name: name != "all"))
def test_a_topic_is_read_as_it_was_written(fleet: str, device: str) -> None:
    topics = FleetTopics(fleet).device(device)

    assert parse_up_topic(topics.telemetry) == UpTopic(fleet, "t", device)
    assert parse_up_topic(topics.events) == UpTopic(fleet, "e", device)
    assert 0 <= shard_of(device) < 64


def names_its_shard(topic: str) -> bool:
    *_, shard, device = topic.split("/")
    return shard == str(shard_of(device))


@given(
    topic=st.text().filter(lambda text: not text.startswith("ef1/"))
    | st.from_regex(r"ef1/[a-z]+/[te]/\d+/[a-z]+", fullmatch=True).filter(
        lambda topic: not names_its_shard(topic)
    )
)
def test_any_other_topic_is_refused(topic: str) -> None:
    with pytest.raises(MessageError, match="topic"):
        parse_up_topic(topic)


@pytest.mark.parametrize(
    ("topic", "why"),
    [
        ("ef1/north/t/58/cam-7", "names shard 58, but 'cam-7' is in 53"),
        ("ef1/north/t/053/cam-7", "names shard 053"),
        ("ef1/north/t/" + "9" * 5000 + "/cam-7", "names shard 9999"),
        ("ef1/north/t/٥٣/cam-7", "no telemetry or event topic"),
        (f"ef1/north/t/{shard_of('all')}/all", "of device 'all', a reserved name"),
        ("ef1/north/d/cam-7", "no telemetry or event topic"),
        ("ef2/north/t/53/cam-7", "no telemetry or event topic"),
        ("ef1/north/t/53/cam-7/x", "no telemetry or event topic"),
        ("ef1/north/t/53/cam-7\n", "no telemetry or event topic"),
        ("ef1/a/b/t/53/cam-7", "no telemetry or event topic"),
        ("", "no telemetry or event topic"),
    ],
)
def test_a_wrong_topic_is_refused_with_its_reason(topic: str, why: str) -> None:
    with pytest.raises(MessageError, match=why):
        parse_up_topic(topic)


def test_names_that_would_break_a_topic_are_refused() -> None:
    with pytest.raises(UsageError, match="fleet name 'a/b' is not allowed"):
        FleetTopics("a/b")
    with pytest.raises(UsageError, match=r"device name '\+' is not allowed"):
        FleetTopics("north").device("+")
    with pytest.raises(UsageError, match="device name 'all' is reserved; choose another one"):
        FleetTopics("north").device("all")
