"""Reads damaged input for so long in a process of its own, led by coverage where atheris is there.

    python -m benchmarks.fuzz_process TARGET SECONDS SEED FOLDER

A process of its own, because libFuzzer ends the one that it runs in, and because its memory is
looked at. What was found so far lies in ``FOLDER/findings.json`` from the first second on, and the
inputs of crashes beside it.
"""

import contextlib
import importlib
import json
import random
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from tests.support.fuzzing import Target, Watch

__all__ = ["FINDINGS", "main"]

FINDINGS: Final = "findings.json"
_MOST_BYTES: Final = 1_000_000
_HANGS_S: Final = 60
_MOST_MB: Final = 2_048
_FREELY: Final = 0.3  # of inputs are changed byte by byte, as libFuzzer does


class _Atheris(Protocol):
    """What is used of the module, which is not installed where types are checked."""

    def instrument_imports(self, include: list[str]) -> contextlib.AbstractContextManager[None]:
        """Count the branches of what is imported inside of the block."""
        ...

    def Setup(  # noqa: N802  its name there
        self,
        args: list[str],
        test_one_input: Callable[[bytes], None],
        *,
        custom_mutator: Callable[[bytes, int, int], bytes],
    ) -> list[str]:
        """Prepare."""
        ...

    def Mutate(self, data: bytes, max_size: int) -> bytes:  # noqa: N802  its name there
        """Change an input as libFuzzer does, and put in what comparisons asked for."""
        ...

    def Fuzz(self) -> None:  # noqa: N802  its name there
        """Read inputs until the time is over, and end the process."""
        ...


def main() -> None:
    """Do what the command line says."""
    name, seconds, seed, folder = sys.argv[1:]
    place = Path(folder)
    atheris = _installed()
    parts = ["edge_contract", "cloud_sync"]
    with atheris.instrument_imports(parts) if atheris else contextlib.nullcontext():
        from tests.support import fuzz_targets, fuzzing
    found = {target.name: target for target in fuzz_targets.targets(place)}[name]
    telling = _Telling(fuzzing.Watch(found), place, guided=atheris is not None)
    if atheris is None:
        ends_s = time.monotonic() + float(seconds)
        fuzzing.search(
            telling,
            found,
            rng=random.Random(int(seed)),
            until=lambda: time.monotonic() >= ends_s,
        )
        telling.write()
    else:
        _guided(atheris, found, telling, seconds=float(seconds), seed=int(seed), folder=place)


def _installed() -> _Atheris | None:
    try:
        found: _Atheris = importlib.import_module("atheris")
    except ImportError:
        return None
    return found


def _guided(
    atheris: _Atheris,
    target: "Target",
    telling: "_Telling",
    *,
    seconds: float,
    seed: int,
    folder: Path,
) -> None:
    """Let libFuzzer choose what is damaged; it ends the process."""
    rng = random.Random(seed)

    def damage(data: bytes, most: int, number: int) -> bytes:
        rng.seed(number)
        if rng.random() < _FREELY:
            return atheris.Mutate(data, most)
        changed = target.damage(data, rng)
        return changed if len(changed) <= most else data

    corpus = folder / "corpus"
    corpus.mkdir()
    for number, content in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(content)
    options = [
        f"-max_total_time={seconds:.0f}",
        f"-seed={seed}",
        f"-max_len={_MOST_BYTES}",
        f"-timeout={_HANGS_S}",
        f"-rss_limit_mb={_MOST_MB}",
        f"-artifact_prefix={folder}/",
        "-len_control=0",
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], telling.read_one, custom_mutator=damage)
    atheris.Fuzz()


class _Telling:
    """Reads inputs and writes down once a second what came of them.

    As it goes, since nothing says when libFuzzer ends.
    """

    def __init__(self, watch: "Watch", folder: Path, *, guided: bool) -> None:
        self._watch = watch
        self._folder = folder
        self._guided = guided
        self._told_s = 0.0

    def read_one(self, data: bytes) -> None:
        self.read(data)

    def read(self, data: bytes) -> bool:
        fresh = self._watch.read(data)
        if time.monotonic() - self._told_s >= 1.0:
            self.write()
        return fresh

    def write(self) -> None:
        self._told_s = time.monotonic()
        document: dict[str, object] = asdict(self._watch.findings)
        document["guided"] = self._guided
        document["crashes"] = [
            {"what": what, "input": data[:2_000].hex()}
            for data, what in self._watch.findings.crashes
        ]
        fresh = self._folder / "findings.fresh"
        fresh.write_text(json.dumps(document))
        fresh.replace(self._folder / FINDINGS)


if __name__ == "__main__":
    main()
