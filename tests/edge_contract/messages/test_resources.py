import pytest

from edge_contract.errors import MessageError
from edge_contract.messages import Resources, resources_in
from edge_contract.reading import Reader

FULL = Resources(
    cpu=0.125,
    load=0.5,
    memory_mb=64.5,
    memory_free_mb=2048,
    temperature_c=-3.5,
    battery=0.75,
    charging=False,
    disk_mb=3.5,
    disk_free_mb=10_240,
)


def test_people_read_what_is_known_with_its_unit() -> None:
    assert FULL.in_words() == {
        "processor": "0.12 cores for the agent",
        "load": "50% of all cores",
        "memory": "64 MiB for the agent",
        "free memory": "2,048 MiB",
        "temperature": "-3.5 °C",
        "battery": "75%, in use",
        "disk": "3.5 MiB for the agent",
        "free disk": "10,240 MiB",
    }
    assert Resources(battery=1.0, charging=True).in_words() == {"battery": "100%, charging"}
    assert Resources().in_words() == {}


def test_a_device_that_knows_less_sends_a_shorter_list() -> None:
    found = Resources.from_reader(Reader([0.125, None], "resources", MessageError))
    assert found == Resources(cpu=0.125)


@pytest.mark.parametrize("value", [-1.0, "much", True, 1e300])
def test_figures_that_are_none_are_refused(value: object) -> None:
    with pytest.raises(MessageError, match=r"resources\[2\] is "):
        Resources.from_reader(Reader([0.0, 0.0, value], "resources", MessageError))


def test_figures_are_found_by_name_and_anything_else_is_left_out() -> None:
    found = resources_in({"cpu": 1, "charging": True, "load": "high", "battery": True, "new": 3})
    assert found == Resources(cpu=1.0, charging=True)
    assert resources_in(None) == Resources()
