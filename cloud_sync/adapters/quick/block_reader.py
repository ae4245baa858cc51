"""Reads messages by the hundred: much quicker than one after the other."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from cloud_sync.adapters.quick.blocks import Block
from cloud_sync.adapters.quick.checks import checked_block
from cloud_sync.adapters.quick.drafts import Draft, UnusualError, WindowDraft
from cloud_sync.adapters.quick.layouts import Layout, Layouts
from cloud_sync.adapters.quick.plans import WindowPlan
from cloud_sync.core.counting import SpecLookup
from edge_contract.errors import MessageError
from edge_contract.messages import TelemetryBatch, decode
from edge_contract.messages.codec import text_of
from edge_contract.messages.telemetry import usual_batch
from edge_contract.reading import JsonValue

__all__ = ["BlockReader", "BlockStates"]

_MOST_WINDOWS: Final = 100
_MOST_CHARACTERS: Final = 400_000
"""Windows of a block, and characters of their lists: numpy's work then fits into a cache, and no
peer makes it large."""

_MOST_PLANS: Final = 2_000
_WHOLE: Final = {int}


class BlockStates(Mapping[int, JsonValue]):
    """States of a window by column, which were checked with many others, and nobody has read.

    Attributes:
        block: All of them; ``None`` until they were checked.
        window: Which this is.
    """

    __slots__ = ("_payload", "_place", "_states", "block", "window")

    def __init__(self, payload: bytes, place: int) -> None:
        self._payload = payload
        self._place = place
        self._states: Mapping[int, JsonValue] | None = None
        self.block: Block | None = None
        self.window = 0

    def __getitem__(self, column: int) -> JsonValue:
        """The state of a column, as plain JSON."""
        return self._read()[column]

    def __iter__(self) -> Iterator[int]:
        """Columns, rising."""
        return iter(self._read())

    def __len__(self) -> int:
        """How many columns there are."""
        return len(self._read())

    def _read(self) -> Mapping[int, JsonValue]:
        """Read the message once more; few windows are ever asked for it."""
        if self._states is None:
            match decode(self._payload):
                case TelemetryBatch(entries=entries):
                    self._states = entries[self._place].profile
                case other:
                    raise MessageError(f"{other.kind!r} is no telemetry")
        return self._states


class BlockReader:
    """Reads telemetry. One thread at a time.

    Args:
        parse: Reads JSON.
        layouts: Of specs.
    """

    def __init__(self, parse: Callable[[bytes], object], layouts: Layouts) -> None:
        self._parse = parse
        self._layouts = layouts
        self._plans: dict[tuple[int, tuple[int, ...]], tuple[Layout, WindowPlan]] = {}

    def read(self, payloads: Sequence[bytes], specs: SpecLookup) -> list[TelemetryBatch | None]:
        """Return the batches whose statistics can all be true, and ``None`` in place of others."""
        found: list[TelemetryBatch | None] = []
        draft, first = Draft(), 0
        for payload in payloads:
            found.append(self._read(payload, specs, draft))
            if len(draft.layouts) >= _MOST_WINDOWS or draft.characters >= _MOST_CHARACTERS:
                _check(draft, found, first)
                draft, first = Draft(), len(found)
        _check(draft, found, first)
        return found

    def _read(self, payload: bytes, specs: SpecLookup, draft: Draft) -> TelemetryBatch | None:
        try:
            text = text_of(payload)
            if b"true" in text or b"false" in text:
                return None  # they would count as 1 and 0
            usual = usual_batch(self._parse(text))
            if usual is None or len(usual[0].states) > _MOST_WINDOWS:
                return None
            found, firsts, others = usual
            windows: list[WindowDraft] = []
            for header, profile in zip(found.headers, found.states, strict=True):
                spec = specs(header[0], header[1])
                if spec is None:
                    return None
                windows.append(self._window(self._layouts.of(spec), profile))
            draft.add(windows, firsts, others)
        except (MessageError, UnusualError, ValueError):
            return None
        states = [BlockStates(payload, place) for place in range(len(windows))]
        return TelemetryBatch(found.batch_id, found.entries(states), found.span, found.lost_rows)

    def _window(self, layout: Layout, profile: JsonValue) -> WindowDraft:
        match profile:
            case [list(gaps), list(states)] if len(gaps) == len(states):
                if gaps and {*map(type, gaps)} != _WHOLE:
                    raise UnusualError
            case _:
                raise UnusualError
        key = id(layout), tuple(gaps)
        known = self._plans.get(key)
        if known is None:
            if len(self._plans) >= _MOST_PLANS:
                self._plans.clear()
            known = self._plans[key] = layout, WindowPlan(layout, gaps)
        if not known[1].is_known:
            raise UnusualError
        return WindowDraft(layout, known[1], states)


def _check(draft: Draft, batches: list[TelemetryBatch | None], first: int) -> None:
    """Check the batches from the ``first`` on, which were taken apart; leave out wrong ones."""
    if not draft.layouts:
        return
    block = checked_block(draft)
    is_right = block.is_right.tolist()
    window = 0
    for place in range(first, len(batches)):
        batch = batches[place]
        if batch is None:
            continue
        for entry in batch.entries:
            if isinstance(entry.profile, BlockStates):
                entry.profile.block, entry.profile.window = block, window
            if not is_right[window]:
                batches[place] = None
            window += 1
