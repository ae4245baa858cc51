"""The assembly: everything that an agent keeps on its device, taken up and let go together."""

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from edge_agent.adapters.durable_files import new_folder, remove_folder
from edge_agent.adapters.recorder import Recorder
from edge_agent.config import made, ring_folder
from edge_agent.core.agent import AgentConfig, AgentCore
from edge_agent.holder import forget_holder, opened_alone
from edge_agent.housekeeping import BudgetedPackages, DiskBudget, Housekeeping
from edge_agent.left_rings import claim_rings, sweep_rings
from edge_agent.log_tail import LogTail
from edge_agent.resources import Vitals, meter_here
from edge_agent.status import StatusFile
from edge_contract.records import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from edge_agent.adapters.inputs import Rows
    from edge_agent.core.commands import Action
    from edge_agent.prediction import Prediction
    from edge_agent.prediction_log import PredictionLog
    from edge_agent.samples.keeper import SampleKeeper
    from edge_agent.samples.options import SampleOptions
    from edge_agent.servable import Servable

__all__ = ["Assembly", "Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an agent may take of its device.

    Attributes:
        memory_bytes: Most memory of the process with a model; ``None`` for any.
        disk_bytes: Most that the state folder may hold; ``None`` for any.
        log_predictions: Share of the calls that are written down for people; 0 for none.
    """

    memory_bytes: int | None = None
    disk_bytes: int | None = None
    log_predictions: float = 0.0

    @classmethod
    def in_mib(
        cls, memory_mib: int | None, disk_mib: int | None, *, log_predictions: float
    ) -> Self:
        """Return the limits that are given in MiB; ``None`` for any."""
        return cls(
            memory_bytes=None if memory_mib is None else memory_mib * 2**20,
            disk_bytes=None if disk_mib is None else disk_mib * 2**20,
            log_predictions=log_predictions,
        )


_NO_LIMITS: Final = Limits()
_SAMPLES: Final = "samples"
_TEMPORARY: Final = "edgefleet-agent-"
_SAMPLES_SHARE: Final = 0.1
"""Of the disk that the agent may take, where that is bounded."""


class Assembly:
    """Store, packages and rings of one life, and the core that decides over them.

    Args:
        config: Who the agent is.
        folder: For what must survive a restart; ``None`` for one that is removed at the end.
        limits: What it may take of the device.
        samples: What the device's owner allows; ``None`` for no samples at all.

    Raises:
        UsageError: Another agent uses the folder, or it belongs to another model, or a limit is
            wrong.
        UnavailableError: It cannot be written.
    """

    def __init__(
        self,
        config: AgentConfig,
        folder: Path | None,
        limits: Limits = _NO_LIMITS,
        *,
        samples: "SampleOptions | None" = None,
    ) -> None:
        self._memory_bytes = limits.memory_bytes
        with contextlib.ExitStack() as undo:
            self.folder = _temporary(undo) if folder is None else made(folder)
            # The store comes first: it keeps other processes away from all the rest.
            self.store = opened_alone(self.folder, outlives_us=folder is not None)
            undo.callback(self.store.close)
            undo.callback(forget_holder, self.folder)
            log = LogTail()
            undo.callback(log.close)
            boot = self.store.next_boot(time.time())
            budget = DiskBudget(self.folder, limits.disk_bytes)
            outbox_bytes = budget.outbox_bytes(config.outbox_bytes)
            if outbox_bytes != config.outbox_bytes:  # it would be checked once more
                config = replace(config, outbox_bytes=outbox_bytes)
            self.core = AgentCore(
                config,
                boot,
                state=self.store.state(),
                restored=self.store.messages(config.device),
                more_commands=lambda: self._device_commands(log, life=boot),
            )
            lasts = folder is not None  # what is removed at the end need not reach the disk
            rings = made(ring_folder(self.folder), is_durable=lasts)
            claim_rings(rings, self.folder)
            self.predictions: PredictionLog | None = None
            """Where calls are logged for people, if they are."""
            if limits.log_predictions:
                self.predictions = _prediction_log(self.folder, limits.log_predictions)
                undo.callback(self.predictions.close)
            self.recorder = Recorder(
                rings,
                self.store.marks(),
                owner=self.store.identity(),
                spare=made(self.folder / "rings", is_durable=lasts),
            )
            undo.callback(self.recorder.close)
            self.samples = _sample_keeper(
                self, samples, config.device, disk_bytes=limits.disk_bytes
            )
            """Keeps rows for people to label, if the owner of the device allows that."""
            if self.samples is not None:
                undo.callback(self.samples.close)
            for_people = (self.predictions, self.samples)
            yielding = [each for each in for_people if each is not None]
            self.packages = BudgetedPackages(
                made(self.folder / "packages", is_durable=lasts), budget, yielding, is_durable=lasts
            )
            self.meter = meter_here()
            self.housekeeping = Housekeeping(
                Vitals(self.meter, self.folder), budget, yielding, sweep=lambda: sweep_rings(rings)
            )
            self.status = StatusFile(self.folder)
            self._know_stored_packages()
            self._release = undo.pop_all()

    @property
    def observe(self) -> "Callable[[Servable, Rows, Prediction], None] | None":
        """What is given every call with what was answered; ``None`` if nobody wants that."""
        predictions, samples = self.predictions, self.samples
        if samples is None:
            if predictions is None:
                return None
            return lambda _servable, rows, prediction: predictions.offer(rows, prediction)
        if predictions is None:
            return samples.offer

        def both(servable: "Servable", rows: "Rows", prediction: "Prediction") -> None:
            predictions.offer(rows, prediction)
            samples.offer(servable, rows, prediction)

        return both

    def memory_left(self) -> int | None:
        """Return how much larger the process may become; ``None`` if nobody bounds or knows it."""
        used = None if self._memory_bytes is None else self.meter.process_bytes()
        if used is None or self._memory_bytes is None:
            return None
        return max(self._memory_bytes - used, 0)

    def close(self) -> None:
        """Let go of everything."""
        self._release.close()

    def _device_commands(self, log: LogTail, *, life: int) -> "Mapping[str, Action]":
        from edge_agent.device_commands import device_commands  # rare, and never at a start

        return device_commands(log, life=life, state=self.folder, samples=self.samples)

    def _know_stored_packages(self) -> None:
        """Take up rings that an earlier life left, whichever package they belong to."""
        digests = self.packages.digests()
        for digest in digests:
            found = self.packages.description(digest)
            if found is not None:
                self.recorder.knows(digest, *found)
                self.core.knows(digest, *found)
        self.recorder.forget_others(digests)
        self.store.forget_marks(self.recorder.stale_marks())


def _prediction_log(folder: Path, share: float) -> "PredictionLog":
    from edge_agent.prediction_log import PredictionLog  # few devices keep one

    return PredictionLog(folder, share)


def _sample_keeper(
    parts: Assembly, options: "SampleOptions | None", device: str, *, disk_bytes: int | None
) -> "SampleKeeper | None":
    folder = parts.folder / _SAMPLES
    if options is None or not options.purposes:
        remove_folder(folder)  # whoever allows none any more wants none kept
        return None
    from edge_agent.samples.keeper import SampleKeeper  # few devices keep samples
    from edge_agent.samples.store import SampleStore

    most_bytes = options.most_mib * 2**20
    if disk_bytes is not None:
        most_bytes = min(most_bytes, disk_bytes * _SAMPLES_SHARE)
    store = SampleStore(folder, most_bytes=round(most_bytes), keep_s=options.days * 86_400)
    return SampleKeeper(options, store, parts.recorder, device=device)


def _temporary(undo: contextlib.ExitStack) -> Path:
    folder = _new_temporary()
    undo.callback(remove_folder, ring_folder(folder))
    undo.callback(remove_folder, folder)
    return folder


def _new_temporary() -> Path:
    if os.name == "posix" and "tempfile" not in sys.modules:
        with contextlib.suppress(OSError):  # where tempfile would, without what it brings along
            return new_folder(Path(os.environ.get("TMPDIR") or "/tmp"), _TEMPORARY)  # noqa: S108
    import tempfile

    return Path(tempfile.mkdtemp(prefix=_TEMPORARY))
