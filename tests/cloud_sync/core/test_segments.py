import pytest

from cloud_sync.core.facts import DeviceFacts, DeviceStatus
from cloud_sync.core.segment_index import SegmentIndex, SegmentRules
from cloud_sync.core.segments import WHOLE_FLEET, Segment
from edge_contract.errors import UsageError
from edge_contract.messages import ModelReport

OSLO, BERGEN = Segment("tag:site", "oslo"), Segment("tag:site", "bergen")
ARM, X86 = Segment("hardware", "aarch64"), Segment("hardware", "x86_64")


def device(number: int, machine: str = "", provider: str = "", **tags: str) -> DeviceFacts:
    return DeviceFacts(
        name=f"cam-{number:03d}",
        status=DeviceStatus.ONLINE,
        models={"gate": ModelReport("", "", provider)} if provider else {},
        facts={"machine": machine} if machine else {},
        tags=tags,
    )


def two_sites() -> list[DeviceFacts]:
    return [device(number, site="oslo" if number < 3 else "bergen") for number in range(5)]


def test_a_segment_is_written_and_read_as_text() -> None:
    assert OSLO.key == "tag:site=oslo"
    assert (OSLO.title, ARM.title) == ("site=oslo", "hardware=aarch64")
    assert (WHOLE_FLEET.key, WHOLE_FLEET.title) == ("", "the whole fleet")
    for segment in (OSLO, ARM, WHOLE_FLEET, Segment("tag:a b", "x=y")):
        assert Segment.from_key(segment.key) == segment


@pytest.mark.parametrize("key", ["oslo", "site=oslo", "tag:=oslo", "=oslo", "tag:site"])
def test_text_that_names_no_segment_is_refused(key: str) -> None:
    with pytest.raises(UsageError, match="tag:NAME=VALUE"):
        Segment.from_key(key)


def test_devices_are_told_apart_by_every_tag_that_has_groups_and_by_their_hardware() -> None:
    index = SegmentIndex(
        SegmentRules(),
        [
            device(0, "aarch64", site="oslo", serial="a"),
            device(1, "aarch64", site="oslo", serial="b"),
            device(2, "x86_64", site="bergen", serial="c"),
            device(3, "x86_64", site="bergen", serial="d"),
        ],
    )

    assert index.of("cam-000") == (ARM, OSLO)
    assert index.of("cam-003") == (X86, BERGEN)
    assert index.of("cam-999") == ()
    assert index.members()[OSLO] == {"cam-000", "cam-001"}
    assert sorted(index.members()) == [ARM, X86, BERGEN, OSLO]


def test_the_class_of_the_hardware_names_accelerators_that_are_used() -> None:
    index = SegmentIndex(
        SegmentRules(),
        [
            device(0, "aarch64", "CUDAExecutionProvider"),
            device(1, "aarch64", "CUDAExecutionProvider"),
            device(2, "aarch64", "CPUExecutionProvider"),
            device(3, "aarch64", "CPUExecutionProvider"),
        ],
    )

    assert index.of("cam-001") == (Segment("hardware", "aarch64+CUDA"),)
    assert index.of("cam-002") == (ARM,)


def test_what_all_devices_have_in_common_is_no_segment() -> None:
    index = SegmentIndex(SegmentRules(), [device(n, "x86_64", site="oslo") for n in range(4)])

    assert index.members() == {}


def test_a_single_device_is_no_segment_until_another_joins_it() -> None:
    index = SegmentIndex(SegmentRules(), [*two_sites(), device(7, site="voss")])
    assert index.of("cam-007") == ()

    index.note(device(8, site="voss"))

    assert index.of("cam-007") == (Segment("tag:site", "voss"),)


def test_a_larger_cohort_can_be_asked_for() -> None:
    index = SegmentIndex(SegmentRules(min_devices=3), two_sites())

    assert index.members() == {OSLO: frozenset({"cam-000", "cam-001", "cam-002"})}


def test_a_device_that_gets_another_tag_is_in_another_segment_from_then_on() -> None:
    index = SegmentIndex(SegmentRules(), two_sites())
    assert index.of("cam-000") == (OSLO,)

    index.note(device(0, site="bergen"))

    assert index.of("cam-000") == (BERGEN,)
    assert index.members()[OSLO] == {"cam-001", "cam-002"}


def test_a_tag_that_names_devices_is_not_watched_unless_asked_for() -> None:
    fleet = [device(n, serial=f"s{n % 60}") for n in range(120)]

    assert SegmentIndex(SegmentRules(), fleet).members() == {}
    asked = SegmentIndex(SegmentRules(sources=("tag:serial",), max_values=50), fleet)
    assert len(asked.members()) == 51
    assert len(asked.members()[Segment("tag:serial", "(other)")]) == 20
    assert asked.left_out() == {"tag:serial": 10}


def test_segments_that_nobody_asked_for_are_a_hundred_at_most() -> None:
    fleet = [
        device(n, color=f"c{n % 40}", shelf=f"s{n % 30}", row=f"r{n % 45}", site=f"o{n % 2}")
        for n in range(360)
    ]

    sources = {segment.source for segment in SegmentIndex(SegmentRules(), fleet).members()}

    assert sources == {"tag:site", "tag:shelf", "tag:color"}


def test_only_what_is_asked_for_is_watched() -> None:
    fleet = [device(n, "aarch64" if n % 2 else "x86_64", site=f"o{n % 2}") for n in range(8)]

    assert set(SegmentIndex(SegmentRules(sources=("hardware",)), fleet).members()) == {ARM, X86}
    assert SegmentIndex(SegmentRules(sources=()), fleet).members() == {}
    assert SegmentIndex(SegmentRules(sources=("tag:floor",)), fleet).of("cam-000") == ()


@pytest.mark.parametrize("source", ["site", "tag:", "tag:a=b", ""])
def test_a_source_that_is_none_is_refused(source: str) -> None:
    with pytest.raises(UsageError, match="cannot tell devices apart by"):
        SegmentRules(sources=(source,))


def test_limits_that_make_no_sense_are_refused() -> None:
    with pytest.raises(UsageError, match="max_values must be at least 2, got 1"):
        SegmentRules(max_values=1)
    with pytest.raises(UsageError, match="at least 2 devices, got 1"):
        SegmentRules(min_devices=1)
