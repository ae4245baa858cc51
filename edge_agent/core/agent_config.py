"""Who an agent is and how it behaves."""

from collections.abc import Mapping, Sequence
from typing import Final

from edge_agent.core.telemetry import checked_interval_s
from edge_agent.core.update_gate import UpdateGate
from edge_contract.errors import MessageError, UsageError
from edge_contract.messages import Birth, decode, encode
from edge_contract.names import checked_name
from edge_contract.reading import JsonValue
from edge_contract.records import dataclass, field

__all__ = ["AgentConfig"]

_MIN_SALT_CHARACTERS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentConfig:
    """Who the agent is and how it behaves.

    Attributes:
        fleet: Name of the fleet.
        device: Name of the device, unique in the fleet.
        models: Names of the models that it runs, at least one.
        interval_s: Length of a window, until the cloud says otherwise.
        agent_version: Version of edgefleet.
        facts: Hardware and software, for the birth message.
        tags: What the operator calls the device.
        outbox_bytes: Bound of the outbox.
        ack_timeout_s: How long to wait for the collector before sending again.
        salt: Secret of the fleet, the same on all its devices, with which unknown categories are
            hashed; ``None`` for one that this device alone has: then the same text on two devices
            counts as two.
        noise_epsilon: Noise on every count that leaves, see :mod:`edge_contract.stats.noise`; 0
            for none. The birth message says it, as the fact ``noise_epsilon``.
        download_only: Whether new versions wait until somebody lets them serve.
        maintenance_windows: When new versions may begin to serve, as
            :mod:`edge_contract.maintenance` reads them; at any
            time if there are none.

    Raises:
        UsageError: A value is not allowed, or the cloud could not read it.
        UnavailableError: A maintenance window needs a time zone database, and there is none.
    """

    fleet: str
    device: str
    models: Sequence[str]
    interval_s: float = 60.0
    agent_version: str = ""
    facts: Mapping[str, JsonValue] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    outbox_bytes: int = 32_000_000
    ack_timeout_s: float = 10.0
    salt: str | None = field(default=None, repr=False)
    noise_epsilon: float = 0.0
    download_only: bool = False
    maintenance_windows: Sequence[str] = ()

    def __post_init__(self) -> None:
        _check_models(self.models)
        checked_interval_s(self.interval_s)
        if self.noise_epsilon:
            from edge_contract.stats.noise import checked_epsilon  # few devices add noise

            checked_epsilon(self.noise_epsilon)
        self.update_gate()
        if self.salt is not None and len(self.salt) < _MIN_SALT_CHARACTERS:
            raise UsageError(
                f"salt has {len(self.salt)} characters, fewer than {_MIN_SALT_CHARACTERS}: it "
                "could be guessed; give all devices of the fleet the same long random text"
            )
        try:
            decode(encode(self.birth(0, started_unix_s=0.0, clean=True)))
        except MessageError as error:
            raise UsageError(
                f"device {self.device!r} cannot introduce itself: {error}; check its name, "
                "agent_version, facts and tags"
            ) from error

    def update_gate(self) -> UpdateGate:
        """Return what says when updates may begin; raises as the constructor does."""
        if not self.maintenance_windows:
            return UpdateGate(download_only=self.download_only)
        from edge_contract.maintenance import LocalWindow  # most devices have none

        windows = [LocalWindow.parse(text) for text in self.maintenance_windows]
        return UpdateGate(download_only=self.download_only, windows=windows)

    def hash_salt(self, own: str) -> str:
        """Return what unknown categories are hashed with.

        Args:
            own: A secret of this device, for when the fleet has none.
        """
        return f"device/{own}" if self.salt is None else f"fleet/{self.fleet}/{self.salt}"

    def birth(self, boot: int, *, started_unix_s: float, clean: bool) -> Birth:
        """Return how the agent introduces itself.

        Args:
            boot: Its life.
            started_unix_s: When that began.
            clean: Whether the one before it ended on purpose.
        """
        facts = dict(self.facts)
        if self.noise_epsilon:
            from edge_contract.stats.noise import NOISE_FACT

            facts[NOISE_FACT] = self.noise_epsilon
        return Birth(self.device, boot, started_unix_s, clean, self.agent_version, facts, self.tags)


def _check_models(models: Sequence[str]) -> None:
    for model in models:
        checked_name(model, "model")
    twice = sorted({model for model in models if list(models).count(model) > 1})
    if twice or not models:
        found = f"got {twice[0]!r} twice" if twice else "got none"
        raise UsageError(f"an agent runs one model or several of different names, {found}")
