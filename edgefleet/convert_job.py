"""A conversion of files, here or, for pickles, in a process of its own."""

import json
import multiprocessing
import os
import signal
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final, TypeAlias

from edge_contract.errors import EdgeError, PackageError, UnavailableError, UsageError
from edge_contract.json_text import parse_json
from edge_contract.package import Package

__all__ = ["ConvertJob", "convert_apart"]

Progress: TypeAlias = Callable[[str, float], None]

_KEPT_VARIABLES: Final = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "TMPDIR", "TZ")
_KEPT_PREFIXES: Final = (
    "JAX_", "KERAS_", "MKL_", "OMP_", "OPENBLAS_", "ORT_", "PYTHON", "SYSTEM", "TEMP", "TORCH",
    "VIRTUAL",
)  # fmt: skip
_JOIN_S: Final = 30.0
_STANDARD_OUTPUT: Final = 1
_STANDARD_ERROR: Final = 2
_MAX_ANSWER_BYTES: Final = 1_000_000
_KINDS: Final[Mapping[str, type[EdgeError]]] = {
    kind.__name__: kind for kind in (PackageError, UnavailableError, UsageError)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertJob:
    """What ``edgefleet convert`` was asked for; see :func:`edgefleet.converting.convert`.

    Attributes:
        model: The file of the model, or the folder of one that MLflow saved.
        data: The file of the rows; ``None`` takes the example that MLflow saved with the model.
        target: Column of the labels, if one was named.
        time_column: Column of the times, if one was named.
        trust_pickle: Whether a pickle may be loaded.
        trusted_types: Types beyond the usual ones that a ``.skops`` file may hold.
    """

    model: Path
    data: Path | None
    name: str
    version: str
    target: str = ""
    time_column: str = ""
    description: str = ""
    licence: str = ""
    classes: tuple[str | int, ...] = ()
    mlflow_run: str = ""
    tracker_run: str = ""
    baseline: Mapping[str, float | str] = field(default_factory=dict)
    baseline_source: str = ""
    robustness: bool = True
    image: tuple[int, int] | None = None
    image_input: str = ""
    pre: str | None = None
    post: str | None = None
    statistics: tuple[str, ...] = ()
    accept_difference: float = 0.0
    variants: str = "none"
    max_accuracy_loss: float = 0.01
    joint: int = 16
    embedding: str = ""
    strata: str = ""
    time_zone: str = "UTC"
    trust_pickle: bool = False
    trusted_types: tuple[str, ...] = ()

    @property
    def runs_code(self) -> bool:
        """Whether loading the model runs code that is in the file, or might: Keras looks for it."""
        match self.model.suffix.lower():
            case ".onnx":
                return False
            case ".keras":
                return True
            case ".skops":
                return bool(self.trusted_types)
            case _:
                return self.trust_pickle

    def run(self, progress: Progress) -> Package:
        """Load the files and convert, in this process; raises what the conversion raises."""
        from converters.files import load_model, load_sample, saved_sample
        from edgefleet.converting import convert

        loaded = load_model(
            self.model, trust_pickle=self.trust_pickle, trusted_types=self.trusted_types
        )
        sample = (
            saved_sample(loaded)
            if self.data is None
            else load_sample(
                self.data, target=self.target or None, time_column=self.time_column or None
            )
        )
        return convert(
            loaded,
            sample.rows,
            sample.labels,
            name=self.name,
            version=self.version,
            description=self.description,
            licence=self.licence,
            classes=self.classes,
            mlflow_run=self.mlflow_run,
            tracker_run=self.tracker_run,
            baseline=self.baseline,
            baseline_source=self.baseline_source,
            robustness=self.robustness,
            image=self.image,
            image_input=self.image_input,
            pre=self.pre,
            post=self.post,
            statistics=self.statistics,
            accept_difference=self.accept_difference,
            variants=self.variants,
            max_accuracy_loss=self.max_accuracy_loss,
            joint=self.joint,
            embedding=self.embedding,
            strata=self.strata,
            times=sample.times,
            time_zone=self.time_zone,
            progress=progress,
        )


def convert_apart(job: ConvertJob, progress: Progress) -> Package:
    """Run a job in a process of its own, and return the package, verified.

    The process gets no environment variables but those that Python and its libraries need, so that
    what a pickle runs finds no passwords there, and cannot change how this process checks. It is no
    sandbox: it may do whatever the user may.

    Raises:
        UsageError: As the conversion, or the process ended without an answer.
        PackageError: As the conversion.
    """
    from converters.base import ConversionWarning
    from converters.package_files import load_package

    with tempfile.TemporaryDirectory(prefix="edgefleet-") as folder:
        path = Path(folder) / "converted.modelpkg"
        with _other_process(job, path) as (process, answers):
            try:
                for text in _answers(answers, progress):
                    warnings.warn(text, ConversionWarning, stacklevel=2)
            except EOFError as error:
                process.join(_JOIN_S)
                raise UsageError(
                    f"{_process_of(job)} ended without an answer (exit code {process.exitcode}): "
                    "load the model yourself and call edgefleet.convert to see why"
                ) from error
            except (OSError, ValueError) as error:
                raise UsageError(
                    f"{_process_of(job)} gave an answer that cannot be read: {error}"
                ) from error
        return load_package(path)


@contextmanager
def _other_process(job: ConvertJob, path: Path) -> Iterator[tuple[BaseProcess, Connection]]:
    """Yield a process that does a job, and where it answers; it is gone in the end."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(theirs, job, path), daemon=True)
    try:
        with _interrupts_held_back():
            process.start()
        theirs.close()
        yield process, ours
        process.join(_JOIN_S)
    finally:
        ours.close()
        if process.is_alive():  # after Ctrl-C nobody waits for what it would say
            process.kill()
            process.join(_JOIN_S)


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Let a process that starts now never hear of Ctrl-C: this one hears of it and ends both."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # or starting it would let interrupts through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _process_of(job: ConvertJob) -> str:
    return f"the process that loads {str(job.model)!r}"


def _answers(connection: Connection, progress: Progress) -> list[str]:
    """Return the warnings of a job that went well; passes its progress on meanwhile."""
    while True:
        answer: object = parse_json(connection.recv_bytes(_MAX_ANSWER_BYTES))
        match answer:
            case ["progress", str(step), int() | float() as fraction]:
                progress(step, fraction)
            case ["done", *texts]:
                return [str(text) for text in texts]
            case ["refused", str(kind), str(message)]:
                raise _KINDS.get(kind, UsageError)(message)
            case _:
                raise UsageError(f"the process that loads the model said {str(answer)[:80]!r}")


def _tell(connection: Connection, *answer: str | float) -> None:
    """Send an answer as JSON: to read it, nothing has to be trusted."""
    connection.send_bytes(json.dumps(answer).encode())


def _work(connection: Connection, job: ConvertJob, path: Path) -> None:
    """Convert, and tell how it goes; runs in the other process."""
    from converters.package_files import save_package

    _forget_environment()
    os.dup2(_STANDARD_ERROR, _STANDARD_OUTPUT)  # whose lines are the result: a model prints none
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            package = job.run(partial(_tell, connection, "progress"))
        save_package(package, path)
    except EdgeError as error:
        _tell(connection, "refused", _kind_of(error), str(error))
    except Exception as error:  # noqa: BLE001  whatever a pickle does is told, not lost
        last = traceback.format_exception_only(error)[-1].strip()
        message = f"cannot convert {str(job.model)!r}: {last}"
        _tell(connection, "refused", UsageError.__name__, message)
    else:
        texts = [str(it.message) for it in caught if issubclass(it.category, UserWarning)]
        _tell(connection, "done", *dict.fromkeys(texts))


def _kind_of(error: EdgeError) -> str:
    """Return which of the kinds that are passed on an error is of: who has to act is in it."""
    kinds = (kind.__name__ for kind in type(error).__mro__)
    return next((name for name in kinds if name in _KINDS), UsageError.__name__)


def _forget_environment() -> None:
    for name in list(os.environ):
        if name not in _KEPT_VARIABLES and not name.startswith(_KEPT_PREFIXES):
            del os.environ[name]
