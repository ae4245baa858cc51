"""A hypothesis strategy for every kind of message."""

from hypothesis import strategies as st

from edge_contract.messages import (
    Acks,
    Assignment,
    BatchId,
    Birth,
    BootAck,
    CollectorState,
    Command,
    CommandResult,
    Counters,
    Death,
    DesiredState,
    Downloads,
    Message,
    ModelReport,
    Report,
    Resources,
    SlotReport,
    Target,
    TelemetryBatch,
    WindowEntry,
)
from edge_contract.names import NAME_PATTERN, VERSION_PATTERN
from edge_contract.package import Role
from edge_contract.package.digests import DIGEST_PATTERN
from edge_contract.stats import SPECS
from tests.laws.json_values import free_form, plain_text
from tests.laws.streams import any_stream, of

__all__ = ["STRATEGIES", "any_message"]

NAME = st.from_regex(NAME_PATTERN, fullmatch=True)
VERSION = st.from_regex(VERSION_PATTERN, fullmatch=True)
DIGEST = st.from_regex(DIGEST_PATTERN, fullmatch=True)
NATURAL = st.integers(0, 2**53 - 1)
AT_UNIX_S = st.floats(0.0, 4e9) | st.just(0.0)
DURATION_S = st.floats(0.0, 1e9)

STATE = st.sampled_from([spec for cls in SPECS.values() for spec in cls.examples()]).flatmap(
    lambda spec: any_stream(spec, max_size=3).map(lambda stream: of(spec, stream).to_state())
)
"""States as they travel, without the specs that they belong to."""

ENTRY = st.tuples(AT_UNIX_S, AT_UNIX_S).flatmap(
    lambda times: st.builds(
        WindowEntry,
        package=DIGEST,
        role=st.sampled_from(Role.ALL),
        start_unix_s=st.just(min(times)),
        end_unix_s=st.just(max(times)),
        counters=st.builds(Counters, NATURAL, NATURAL, NATURAL, NATURAL),
        profile=st.dictionaries(st.integers(0, 1_000_000), STATE, max_size=3),
    )
)


@st.composite
def telemetry(draw: st.DrawFn) -> TelemetryBatch:
    seq = draw(NATURAL)
    return TelemetryBatch(
        BatchId(draw(NAME), draw(NATURAL), seq),
        entries=tuple(draw(st.lists(ENTRY, max_size=3))),
        span=draw(st.integers(1, min(seq + 1, 2**53 - 1))),
        lost_rows=draw(NATURAL),
    )


@st.composite
def boot_ack(draw: st.DrawFn) -> BootAck:
    floor = draw(NATURAL)
    ahead = draw(st.sets(st.integers(floor, 2**53 - 1), max_size=5))
    return BootAck(draw(NATURAL), floor, tuple(sorted(ahead)))


TARGET = st.builds(
    Target,
    version=VERSION,
    digest=DIGEST,
    rollout=plain_text,
    trial_calls=NATURAL,
    trial_s=DURATION_S,
)


def rounded(digits: int, *, low: int = 0, high: int = 10**6) -> st.SearchStrategy[float | None]:
    """Figures with so many digits behind the point, or none."""
    wholes = st.integers(low * 10**digits, high * 10**digits)
    return st.none() | wholes.map(lambda whole: round(whole / 10**digits, digits))


RESOURCES = st.builds(
    Resources,
    cpu=rounded(3),
    load=rounded(2, high=1),
    memory_mb=rounded(1),
    memory_free_mb=rounded(0),
    temperature_c=rounded(1, low=-100, high=200),
    battery=rounded(2, high=1),
    charging=st.none() | st.booleans(),
    disk_mb=rounded(1),
    disk_free_mb=rounded(0),
)

MODEL_REPORT = st.builds(
    ModelReport,
    serving=DIGEST | st.just(""),
    version=VERSION,
    provider=plain_text,
    slots=st.lists(
        st.builds(
            SlotReport,
            slot=st.sampled_from(["A", "B"]),
            state=st.sampled_from(["empty", "trial", "active", "bad"]),
            version=VERSION | st.just(""),
            digest=DIGEST | st.just(""),
            detail=plain_text,
        ),
        max_size=2,
    ).map(tuple),
    fallback=plain_text,
    downloads=st.builds(Downloads, whole_bytes=NATURAL, delta_bytes=NATURAL, reason=plain_text),
)

STRATEGIES: dict[str, st.SearchStrategy[Message]] = {
    TelemetryBatch.kind: telemetry(),
    Acks.kind: st.builds(Acks, st.lists(boot_ack(), max_size=3).map(tuple)),
    CollectorState.kind: st.builds(CollectorState, st.booleans()),
    Command.kind: st.builds(
        Command,
        command_id=st.from_regex(r"[0-9A-Za-z_-]{1,64}", fullmatch=True),
        name=plain_text,
        expires_unix_s=AT_UNIX_S,
        arguments=free_form,
    ),
    CommandResult.kind: st.builds(
        CommandResult,
        device=NAME,
        command_id=st.from_regex(r"[0-9A-Za-z_-]{1,64}", fullmatch=True),
        ok=st.booleans(),
        detail=plain_text,
        final=st.booleans(),
    ),
    DesiredState.kind: st.builds(
        DesiredState,
        generation=NATURAL,
        models=st.dictionaries(
            NAME,
            st.builds(Assignment, serve=st.none() | TARGET, shadow=st.none() | TARGET),
            max_size=2,
        ),
        packages_url=plain_text,
        telemetry_interval_s=DURATION_S,
    ),
    Birth.kind: st.builds(
        Birth,
        device=NAME,
        boot=NATURAL,
        started_unix_s=AT_UNIX_S,
        clean=st.booleans(),
        agent_version=plain_text,
        facts=free_form,
        tags=st.dictionaries(plain_text, plain_text, max_size=3),
    ),
    Death.kind: st.builds(
        Death, device=NAME, boot=NATURAL, reason=st.sampled_from(["lost", "closed"])
    ),
    Report.kind: st.builds(
        Report,
        device=NAME,
        boot=NATURAL,
        number=NATURAL,
        generation=NATURAL,
        models=st.dictionaries(NAME, MODEL_REPORT, max_size=2),
        waiting_batches=NATURAL,
        resources=RESOURCES,
    ),
}
"""By wire name; a new kind of message needs a line here."""


def any_message() -> st.SearchStrategy[Message]:
    """A message of any kind."""
    return st.one_of(*STRATEGIES.values())
