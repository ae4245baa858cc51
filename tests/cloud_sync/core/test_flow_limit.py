"""A device may not speak faster than the cloud can hear all of them."""

import pytest

from cloud_sync.core.flow_limit import FlowLimit
from edge_contract.errors import UsageError


def test_a_flood_is_cut_to_the_rate_and_others_are_not_touched() -> None:
    flow = FlowLimit(per_s=10.0, burst=20.0)

    at_once = sum(flow.allows("loud", 100, 0.0) for _ in range(1000))
    later = sum(flow.allows("loud", 100, 1.0) for _ in range(1000))

    assert (at_once, later) == (20, 10)
    assert flow.allows("quiet", 100, 1.0)


def test_large_messages_count_as_several() -> None:
    flow = FlowLimit(per_s=1.0, burst=10.0)

    assert sum(flow.allows("loud", 65_536, 0.0) for _ in range(10)) == 2


def test_who_was_offline_may_catch_up() -> None:
    flow = FlowLimit()

    assert all(flow.allows("cam-1", 3_000, 0.01 * number) for number in range(2_900))


def test_limits_below_one_message_are_refused() -> None:
    with pytest.raises(UsageError, match="1 message a second or more"):
        FlowLimit(per_s=0.5)
