"""Effects: what the core asks its shell to do. Data only; a shell carries them out in order."""

from collections.abc import Mapping
from typing import TypeAlias

from edge_contract.messages import BatchId, Message, TelemetryBatch
from edge_contract.reading import JsonObject
from edge_contract.records import dataclass, field

__all__ = [
    "CollectWindows",
    "DeleteBatches",
    "DeletePackages",
    "Effect",
    "FetchPackage",
    "LoadPackage",
    "Log",
    "PublishBatch",
    "RingMarks",
    "Route",
    "SaveBatches",
    "SaveState",
    "SendEvent",
    "UnloadPackage",
]

RingMarks: TypeAlias = Mapping[str, tuple[int, ...]]
"""How far each ring has been turned into batches: its counters, by the ring's identifier."""


@dataclass(frozen=True, slots=True)
class CollectWindows:
    """Count all rows observed so far and give them to ``AgentCore.on_windows`` at once.

    What that returns is carried out before the effects that stand behind this one.
    """


@dataclass(frozen=True, slots=True)
class SaveBatches:
    """Write batches durably, in one transaction with the marks and replacements.

    Answered at once by ``AgentCore.on_saved`` or ``on_save_failed``.

    Attributes:
        batches: What to keep.
        marks: Ring positions that the batches cover: after a crash rows before them are not
            counted again. Empty when they replace others.
        replaces: Stored batches to forget in the same transaction, before the others are written:
            a merged batch has the name of one of those that it replaces.
    """

    batches: tuple[TelemetryBatch, ...]
    marks: RingMarks = field(default_factory=dict)
    replaces: tuple[BatchId, ...] = ()


@dataclass(frozen=True, slots=True)
class PublishBatch:
    """Hand a batch to the link; losing it is fine, the outbox sends it again.

    Attributes:
        batch_id: Its name.
        message: What is sent.
    """

    batch_id: BatchId
    message: bytes


@dataclass(frozen=True, slots=True)
class DeleteBatches:
    """Remove batches from the durable store; deleting a missing one is no error."""

    batch_ids: tuple[BatchId, ...]


@dataclass(frozen=True, slots=True)
class SendEvent:
    """Publish on the device's event topic; losing it is fine, reports repeat."""

    message: Message


@dataclass(frozen=True, slots=True)
class SaveState:
    """Write the agent's state durably (the journal) before carrying out the next effect.

    If that fails, tell ``AgentCore.on_state_save_failed`` and carry out the other effects all the
    same: the core relies on being answered.
    """

    state: JsonObject


@dataclass(frozen=True, slots=True)
class FetchPackage:
    """Get a package into the local store; runs beside everything else.

    Files that are there and have their digest are kept, damaged ones are fetched again, and a
    download that broke off is resumed. With nothing to fetch it needs no network. Files of packages
    that are here may serve to make new ones of: a shell that can do so tells what it has.

    Answered by ``AgentCore.on_fetched`` or ``on_fetch_failed``.
    """

    digest: str
    url: str


@dataclass(frozen=True, slots=True)
class LoadPackage:
    """Verify a stored package, make its session, run its golden vectors; beside everything else.

    Answered by ``AgentCore.on_loaded`` or ``on_load_failed``.
    """

    digest: str


@dataclass(frozen=True, slots=True)
class UnloadPackage:
    """Drop a session that is no longer routed to."""

    digest: str


@dataclass(frozen=True, slots=True)
class Route:
    """From now on calls of a model go here, in one atomic step. All named packages are loaded.

    Attributes:
        serve: Digest of the package that serves; empty when none can, which is so at the start and
            after the last usable version failed.
        shadow: Digest of one that sees the same inputs; empty for none.
        fallback: Digest of one that answers a call on which ``serve`` fails; empty for none.
        model: Whose calls; empty as long as only one model is spoken of.
    """

    serve: str
    shadow: str = ""
    fallback: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class DeletePackages:
    """Remove every stored package but these."""

    keep: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Log:
    """Tell the log; ``level`` is ``info`` or ``warning``."""

    level: str
    text: str


Effect: TypeAlias = (
    CollectWindows
    | SaveBatches
    | PublishBatch
    | DeleteBatches
    | SendEvent
    | SaveState
    | FetchPackage
    | LoadPackage
    | UnloadPackage
    | Route
    | DeletePackages
    | Log
)
