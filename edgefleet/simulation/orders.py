"""What a simulation orders of the cloud, and how long that takes to reach the devices."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from edge_contract.errors import EdgeError, UnavailableError
from edgefleet.client import Cloud
from edgefleet.simulation.scenario import OrderedCommand, OrderedRollout, Scenario
from edgefleet.simulation.tally import Delays

__all__ = ["CommandRun", "Orders", "RolloutRun"]

_ASK_ROLLOUT_S: Final = 2.0
_COMMAND_EXPIRES_S: Final = 300.0
_ENDED: Final = ("done", "failed", "timed_out")


@dataclass(slots=True)
class CommandRun:
    """A command that was ordered.

    Attributes:
        name: Of the command.
        began_unix_s: When it was ordered.
        command_id: Of the cloud; empty if it refused.
        devices: How many it is for.
        counts: On how many devices it stands how.
        all_after_s: When the cloud knew that it is done everywhere; ``None`` if it is not.
        error: Why the cloud refused it.
        refusals: What devices that failed said, up to the first colon, and how many said so.
        silent: Devices of which there is no result.
    """

    name: str
    began_unix_s: float
    command_id: str = ""
    devices: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    all_after_s: float | None = None
    error: str = ""
    refusals: Counter[str] = field(default_factory=Counter)
    silent: Sequence[str] = ()

    @property
    def is_over(self) -> bool:
        """Whether no more answers are to be expected."""
        ended = sum(self.counts.get(state, 0) for state in _ENDED)
        return bool(self.error) or self.all_after_s is not None or ended >= self.devices > 0


@dataclass(slots=True)
class RolloutRun:
    """A rollout that was ordered.

    Attributes:
        version: What is rolled out.
        strategy: How.
        expect: State in which it must end; empty for any.
        began_unix_s: When it was ordered.
        digest: Of the package.
        rollout_id: Of the cloud; empty if it refused.
        state: Where it stands.
        sentence: The same for people.
        ended_after_s: When the cloud had ended it; ``None`` if it has not.
        reporting: How long it took each device to report that it runs the version for good.
        error: Why the cloud refused it.
    """

    version: str
    strategy: str
    expect: str
    began_unix_s: float
    digest: str = ""
    rollout_id: str = ""
    state: str = ""
    sentence: str = ""
    ended_after_s: float | None = None
    reporting: Delays = field(default_factory=Delays)
    error: str = ""

    @property
    def is_as_expected(self) -> bool:
        """Whether it ended as it must."""
        return not self.error and self.expect in ("", self.state)


class Orders:
    """Gives the orders of a scenario when it is time, and asks what became of them.

    Args:
        scenario: With the orders.
        cloud: Takes them.
        devices: Whom commands are for; empty for the whole fleet.

    Attributes:
        commands: Those that were given.
        rollouts: The same.
    """

    def __init__(self, scenario: Scenario, cloud: Cloud, devices: Sequence[str]) -> None:
        self._model = scenario.model
        self._cloud = cloud
        self._devices = devices
        self._commands = sorted(scenario.commands, key=lambda one: one.at_s)
        self._rollouts = sorted(scenario.rollouts, key=lambda one: one.at_s)
        self._asks_at_s = 0.0
        self._begun: RolloutRun | None = None
        self.commands: list[CommandRun] = []
        self.rollouts: list[RolloutRun] = []

    @property
    def are_done(self) -> bool:
        """Whether everything was ordered, and nothing of it is under way."""
        return not (
            self._commands
            or self._rollouts
            or any(not one.is_over for one in self.commands)
            or any(one.ended_after_s is None and not one.error for one in self.rollouts)
        )

    def tick(self, elapsed_s: float) -> None:
        """Give what is due, and ask after what is under way."""
        try:
            while self._commands and self._commands[0].at_s <= elapsed_s:
                self._give_command(self._commands[0])
                del self._commands[0]
            while self._rollouts and self._rollouts[0].at_s <= elapsed_s:
                self._give_rollout(self._rollouts[0])
                del self._rollouts[0]
        except UnavailableError:
            return  # a cloud that is away gets the order when it is back
        self._ask()

    def explain(self) -> None:
        """Ask why commands are not done everywhere; call it when devices can answer no more.

        Raises:
            UnavailableError: The cloud cannot be asked.
        """
        for run in self.commands:
            if run.command_id and run.all_after_s is None:
                view = self._cloud.command(run.command_id)
                self._note_counts(run, view.counts)
                run.silent = [device for device in view.devices if device not in view.results]
                run.refusals = Counter(
                    str(result["detail"]).partition(":")[0]
                    for result in view.results.values()
                    if not result["ok"]
                )

    def on_served(self, digest: str, at_unix_s: float) -> None:
        """A device has reported a version as active."""
        begun = [] if self._begun is None else [self._begun]
        for run in [*self.rollouts, *begun]:
            if run.digest == digest and at_unix_s >= run.began_unix_s:
                run.reporting.add(at_unix_s - run.began_unix_s)

    def _give_command(self, order: OrderedCommand) -> None:
        run = CommandRun(order.name, time.time())
        try:
            view = self._cloud.send(
                order.name,
                devices=self._devices,
                arguments=order.arguments,
                expires_s=_COMMAND_EXPIRES_S,
            )
        except UnavailableError:
            raise
        except EdgeError as error:
            self.commands.append(run)
            run.error = str(error)
            return
        self.commands.append(run)
        run.command_id, run.counts = view.command_id, dict(view.counts)
        run.devices = sum(run.counts.values())

    def _give_rollout(self, order: OrderedRollout) -> None:
        version, strategy = str(order.order["version"]), str(order.order["strategy"])
        run = RolloutRun(version, strategy, order.expect, time.time())
        try:
            run.digest = self._cloud.version(self._model, version).digest
            run.began_unix_s = time.time()
            self._begun = run  # devices may report before the answer is here
            view = self._cloud.order_rollout({"model": self._model, **order.order})
        except UnavailableError:
            raise
        except EdgeError as error:
            self.rollouts.append(run)
            run.error = str(error)
            return
        finally:
            self._begun = None
        self.rollouts.append(run)
        run.rollout_id, run.state, run.sentence = view.rollout_id, view.state, view.sentence

    def _ask(self) -> None:
        now_s = time.monotonic()
        for command in self.commands:
            if command.command_id and not command.is_over:
                self._ask_command(command)
        if now_s >= self._asks_at_s:
            self._asks_at_s = now_s + _ASK_ROLLOUT_S
            for rollout in self.rollouts:
                if rollout.rollout_id and rollout.ended_after_s is None:
                    self._ask_rollout(rollout)

    def _ask_command(self, run: CommandRun) -> None:
        try:
            counts = self._cloud.command(run.command_id, brief=True).counts
        except UnavailableError:
            return  # asked again soon
        self._note_counts(run, counts)

    def _note_counts(self, run: CommandRun, counts: Mapping[str, int]) -> None:
        run.counts = dict(counts)
        if run.devices and run.counts.get("done", 0) >= run.devices:
            run.all_after_s = time.time() - run.began_unix_s

    def _ask_rollout(self, run: RolloutRun) -> None:
        try:
            view = self._cloud.rollout(run.rollout_id)
        except UnavailableError:
            return  # asked again soon
        run.state, run.sentence = view.state, view.sentence
        if view.ended_unix_s is not None:
            run.ended_after_s = view.ended_unix_s - run.began_unix_s
