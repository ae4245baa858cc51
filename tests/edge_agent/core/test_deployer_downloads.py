"""What downloads cost is added up and told; broken ones go on, refused ones stay refused."""

from edge_agent.core.deployer import Deployer
from edge_agent.core.effects import FetchPackage, Log
from edge_contract.messages import Assignment, Downloads
from tests.support.agent_slots import V1, V2, Device

BROKEN = "connection lost"


def breaks(device: Device, spent: Downloads) -> None:
    device.fetching.discard(V1.digest)
    device.carry_out(
        device.deployer.on_fetch_failed(
            V1.digest, BROKEN, device.now_s, permanent=False, spent=spent
        )
    )


def waits_s(device: Device, spent: Downloads, *, times: int) -> list[float]:
    """How long the agent rests after each of some broken downloads."""
    found: list[float] = []
    for _ in range(times):
        breaks(device, spent)
        wake_at_s = device.deployer.wake_at_s
        assert wake_at_s is not None
        found.append(wake_at_s - device.now_s)
        device.wait(found[-1])
        assert device.fetching == {V1.digest}
    return found


def test_a_download_that_gets_further_each_time_never_waits_long() -> None:
    device = Device()
    device.want(V1)

    assert waits_s(device, Downloads(whole_bytes=65_536), times=5) == [5.0] * 5


def test_a_download_that_brings_nothing_waits_longer_and_longer() -> None:
    device = Device()
    device.want(V1)

    assert waits_s(device, Downloads(offer_bytes=900), times=4) == [5.0, 10.0, 20.0, 40.0]


def test_what_came_is_added_up_and_reported() -> None:
    device = Device()
    device.want(V1)
    breaks(device, Downloads(whole_bytes=1_000, offer_bytes=30))
    device.wait(5.0)

    device.deployer.on_fetched(
        V1.digest, device.now_s, spent=Downloads(whole_bytes=500, reused_bytes=1_000)
    )

    assert device.deployer.report().downloads == Downloads(
        whole_bytes=1_500, offer_bytes=30, reused_bytes=1_000
    )


def test_a_download_is_told_to_the_log_by_way() -> None:
    deployer = Deployer("digits")
    deployer.on_desired(Assignment(V1), "http://packages", 0.0)

    effects = deployer.on_fetched(V1.digest, 1.0, spent=Downloads(delta_bytes=70, offer_bytes=9))

    assert effects[0] == Log(
        "info",
        "digits 000000000000: 79 bytes fetched: 0 as they are, 0 compressed, 70 as deltas, 9 of "
        "offers; 0 were here",
    )


def test_a_way_that_failed_is_a_warning_with_its_reason() -> None:
    deployer = Deployer("digits")
    deployer.on_desired(Assignment(V1), "http://packages", 0.0)
    spent = Downloads(whole_bytes=70, fallbacks=2, again_bytes=5, reason="delta is damaged")

    (log, *_) = deployer.on_fetched(V1.digest, 1.0, spent=spent)

    assert isinstance(log, Log)
    assert log.level == "warning"
    assert log.text.endswith(
        "; 5 came again for damaged parts; a smaller way failed 2 times, at last: delta is damaged"
    )
    assert deployer.report().downloads.fallbacks == 2


def test_a_reason_of_any_length_fits_the_report() -> None:
    deployer = Deployer("digits")
    deployer.on_desired(Assignment(V1), "http://packages", 0.0)

    deployer.on_fetched(V1.digest, 1.0, spent=Downloads(fallbacks=1, reason="x" * 100_000))

    assert len(deployer.report().downloads.reason) == 1_000


def test_a_refused_digest_is_not_fetched_again_until_it_is_commanded() -> None:
    device = Device()
    device.want(V1)
    device.installs(V1)
    device.want(V2)
    device.not_fetched(V2, permanent=True)
    device.fetches.clear()

    device.want(V2)
    device.wait(86_400.0)
    device.reboot()
    device.want(V2)
    before_the_command = list(device.fetches)
    effects = device.deployer.clear_bad(device.now_s)

    assert before_the_command == []
    assert FetchPackage(V2.digest, ":8080/packages") in effects
