"""Whatever comes in whatever order: rules of the deployer that always hold, and that it arrives."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from edge_contract.messages import Target
from tests.support.agent_slots import V1, V2, V3, Device

VERSIONS = {target.digest: target for target in (V1, V2, V3)}
TARGETS = st.sampled_from(
    [V1, V2, V3, Target("2.0.0", V2.digest), Target("3.0.0", V3.digest, "r", 0, 30.0)]
)
ANY = st.integers(0, 10)


def nth(digests: set[str], number: int) -> Target:
    return VERSIONS[sorted(digests)[number % len(digests)]]


class Story(RuleBasedStateMachine):
    """A device whose good versions keep their files; what it checks is in ``Device``, too."""

    files_may_be_damaged = False
    only_downloads = False

    @initialize()
    def start(self) -> None:
        self.device = Device(download_only=self.only_downloads)
        self.told_to_install: set[str] = set()
        self.allowed: set[str] = set()  # wanted to serve at any time
        self.must_answer = False  # something answered in this life
        self.held = 0  # so many times by the application
        self.serves_while_held = ""

    # What may happen.

    @rule(serve=st.none() | TARGETS, shadow=st.none() | TARGETS)
    def the_cloud_wants(self, serve: Target | None, shadow: Target | None) -> None:
        self.allowed |= {serve.digest} if serve is not None else set()
        self.device.want(serve, shadow)

    @rule(package=TARGETS)
    def the_operator_adopts(self, package: Target) -> None:
        if self.device.deployer.serving is None:
            self.allowed.add(package.digest)
        self.device.carry_out(self.device.deployer.adopt(package.version, package.digest))

    @precondition(lambda self: self.device.fetching)
    @rule(number=ANY)
    def a_download_ends(self, number: int) -> None:
        self.device.fetched(nth(self.device.fetching, number))

    @precondition(lambda self: self.device.fetching)
    @rule(number=ANY, permanent=st.booleans())
    def a_download_breaks_off(self, number: int, permanent: bool) -> None:
        self.device.not_fetched(nth(self.device.fetching, number), permanent=permanent)

    @precondition(lambda self: self.device.loading)
    @rule(number=ANY)
    def a_package_loads(self, number: int) -> None:
        self.device.loads(nth(self.device.loading, number))

    @precondition(lambda self: self.device.loading)
    @rule(number=ANY)
    def a_package_cannot_be_loaded(self, number: int) -> None:
        target = nth(self.device.loading, number)
        if self.files_may_be_damaged or not self.is_good(target):
            self.device.cannot_load(target)

    @precondition(lambda self: self.device.route.serve)
    @rule(calls=st.integers(0, 10), failures=st.sampled_from([0, 0, 0, 1]))
    def calls_are_answered(self, calls: int, failures: int) -> None:
        self.device.answers(VERSIONS[self.device.route.serve], calls, failures)

    @rule(seconds=st.sampled_from([1.0, 5.0, 61.0, 400.0]))
    def time_passes(self, seconds: float) -> None:
        self.device.wait(seconds)

    @rule()
    def the_application_holds(self) -> None:
        self.device.holds()
        self.held += 1
        if self.held == 1:
            self.serves_while_held = self.device.route.serve

    @precondition(lambda self: self.held)
    @rule()
    def the_application_lets_go(self) -> None:
        self.held -= 1
        self.device.lets_go()

    @rule()
    def the_operator_installs(self) -> None:
        wanted = self.device.deployer.to_json()["wanted"]
        assert isinstance(wanted, list)
        if wanted[0] is not None and self.device.deployer.update_ready:
            self.told_to_install.add(wanted[0][1])
        self.device.installs_update()

    @rule()
    def power_is_cut(self) -> None:
        self.device.reboot()
        self.must_answer = False
        self.held = 0

    @rule()
    def failures_are_cleared(self) -> None:
        self.device.carry_out(self.device.deployer.clear_bad(self.device.now_s))

    # What always holds.

    def is_good(self, target: Target) -> bool:
        return any(
            slot.good and slot.digest == target.digest for slot in self.device.deployer.slots
        )

    @invariant()
    def at_most_one_slot_serves(self) -> None:
        assert sum(slot.serves for slot in self.device.deployer.slots) <= 1

    @invariant()
    def no_two_slots_hold_the_same(self) -> None:
        digests = [slot.digest for slot in self.device.deployer.slots if slot.digest]
        assert len(digests) == len(set(digests))

    @invariant()
    def what_answers_once_answers_always(self) -> None:
        answers = bool(self.device.route.serve)
        good = {slot.digest for slot in self.device.deployer.slots if slot.good}
        excused = self.files_may_be_damaged and not good <= self.device.loaded
        assert answers or excused or not self.must_answer
        self.must_answer = answers

    @invariant()
    def while_the_application_holds_only_what_fails_is_replaced(self) -> None:
        if self.held and self.serves_while_held not in {"", *self.device.failed}:
            assert self.device.route.serve == self.serves_while_held

    @invariant()
    def nothing_answers_that_was_never_wanted(self) -> None:
        assert self.device.routed - {self.device.route.shadow} <= self.allowed

    @invariant()
    def what_is_on_trial_has_a_good_one_behind_it(self) -> None:
        deployer = self.device.deployer
        slots = deployer.slots
        if "trial" in self.device.states.values() and not self.files_may_be_damaged:
            assert [slot.good for slot in slots if not slot.serves] == [True]

    @invariant()
    def the_agent_is_woken_only_for_what_is_to_come(self) -> None:
        wake_at_s = self.device.deployer.wake_at_s
        if wake_at_s is not None and wake_at_s <= self.device.now_s:
            self.device.wait(0.0)
            wake_at_s = self.device.deployer.wake_at_s
        assert wake_at_s is None or wake_at_s > self.device.now_s

    # How it ends.

    def teardown(self) -> None:
        """From now on everything works: what is wanted serves, unless it failed here."""
        if not hasattr(self, "device"):
            return
        device = self.device
        for _ in range(self.held):
            device.lets_go()
        for _ in range(20):
            self.the_operator_installs()
            for target in [VERSIONS[digest] for digest in sorted(device.fetching)]:
                device.fetched(target)
            for target in [VERSIONS[digest] for digest in sorted(device.loading)]:
                device.loads(target)
            if device.route.serve:
                device.answers(VERSIONS[device.route.serve], 5)
            device.wait(301.0)
        self.has_arrived()

    def has_arrived(self) -> None:
        device = self.device
        document = device.deployer.to_json()
        assert not device.fetching | device.loading
        wanted = document["wanted"]
        assert isinstance(wanted, list)
        serve, shadow = (None if body is None else body[1] for body in wanted)
        good = {slot.digest for slot in device.deployer.slots if slot.good}
        if serve is not None and serve not in device.failed:
            assert device.route.serve == serve
        else:
            assert bool(device.route.serve) == bool(good)
        if device.route.serve and shadow not in {None, device.route.serve} | device.failed:
            assert device.route.shadow == shadow
        assert device.deployer.report().serving == device.route.serve


class DamagedStory(Story):
    """The same on a device whose files get damaged, or whose memory is short at times."""

    files_may_be_damaged = True


class DownloadingStory(Story):
    """The same on a device on which versions begin only when somebody says so."""

    only_downloads = True

    @invariant()
    def what_is_on_trial_was_asked_for(self) -> None:
        serving = self.device.deployer.serving
        if serving is not None and serving.state.value == "trial":
            assert serving.digest in self.told_to_install


@pytest.mark.parametrize("story", [Story, DamagedStory, DownloadingStory])
def test_the_rules_hold_in_every_story(story: type[Story]) -> None:
    run_state_machine_as_test(
        story, settings=settings(max_examples=100, stateful_step_count=50, deadline=None)
    )
