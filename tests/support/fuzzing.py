"""Damages inputs at random and says what a reader makes of them; by a seed, so that it comes again.

Inputs that lead to a refusal in words not seen before are kept and damaged further, which leads a
search into a reader nearly as coverage does, at no cost.
"""

import json
import random
import re
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from edge_contract.errors import EdgeError

__all__ = [
    "Findings",
    "Reader",
    "Target",
    "Watch",
    "damaged_bytes",
    "damaged_json",
    "fuzzed",
    "search",
]

MOST_S = 2.0
_MOST_KEPT = 2_000
_MOST_CRASHES = 50
_ODD: Sequence[object] = (
    None, True, False, 0, -1, 1, 2**31, 2**53, 2**63, -(2**63), 10**40, 0.5, -0.0, 1e308, 1e-320,
    "", "\x00", "a" * 70, "../../etc/passwd", "\ud83d\ude00", "sha256:" + "0" * 64, "all", "1.0.0",
    [], {}, [[]], {"": None}, [None] * 50, "NaN", "9" * 30,
)  # fmt: skip


@dataclass(frozen=True)
class Target:
    """Something that reads what others wrote.

    Attributes:
        name: What it is.
        seeds: Inputs that are right.
        read: Reads one; raises an ``EdgeError`` to refuse it.
        damage: Returns another input like one.
    """

    name: str
    seeds: Sequence[bytes]
    read: Callable[[bytes], object]
    damage: Callable[[bytes, random.Random], bytes]


@dataclass
class Findings:
    """What came of it.

    Attributes:
        runs: Inputs that were read.
        read: How many of them were taken for right.
        shapes: Refusals in different words.
        crashes: Inputs on which something else than a refusal was raised, and what; the first ones.
        crashed: How many there were.
        slowest_s: Most processor time for one input.
        grown_mb: By how much the process grew.
        peak_mb: What it took at most, with everything that it had loaded.
    """

    runs: int = 0
    read: int = 0
    shapes: int = 0
    crashes: list[tuple[bytes, str]] = field(default_factory=list)
    crashed: int = 0
    slowest_s: float = 0.0
    grown_mb: float = 0.0
    peak_mb: float = 0.0


class Reader(Protocol):
    """Reads inputs one by one."""

    def read(self, data: bytes) -> bool:
        """Read one; return whether nothing before it came to an end in these words."""
        ...


class Watch:
    """Reads inputs one by one and keeps what came of them.

    Args:
        target: What reads them.
    """

    def __init__(self, target: Target) -> None:
        self.findings = Findings()
        self._target = target
        self._seen: set[str] = set()
        self._before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def read(self, data: bytes) -> bool:
        """Read one; return whether nothing before it came to an end in these words."""
        found = self.findings
        began_s = time.process_time()
        try:
            self._target.read(data)
            shape = "read"
            found.read += 1
        except EdgeError as error:
            shape = re.sub(r"[0-9a-f]{8,}|\d+|'[^']*'", "#", str(error))[:120]
        except Exception as error:  # noqa: BLE001  that is what is looked for
            shape = f"{type(error).__name__}: {error}"
            found.crashed += 1
            if len(found.crashes) < _MOST_CRASHES:
                found.crashes.append((data, shape))
        found.runs += 1
        found.slowest_s = max(found.slowest_s, time.process_time() - began_s)
        found.peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        found.grown_mb = found.peak_mb - self._before_kb / 1024
        if shape in self._seen or len(self._seen) >= _MOST_KEPT:
            return False
        self._seen.add(shape)
        found.shapes = len(self._seen)
        return True


def fuzzed(target: Target, *, seed: int, seconds: float = 0.0, runs: int = 0) -> Findings:
    """Damage and read inputs for so many seconds, or so many times."""
    watch = Watch(target)
    search(watch, target, rng=random.Random(seed), until=_end(watch.findings, seconds, runs))
    return watch.findings


def _end(found: Findings, seconds: float, runs: int) -> Callable[[], bool]:
    ends_s = time.monotonic() + seconds
    if runs:
        return lambda: found.runs >= runs
    return lambda: time.monotonic() >= ends_s


def search(
    reader: Reader, target: Target, *, rng: random.Random, until: Callable[[], bool]
) -> None:
    """Damage and read inputs until it is over, led by the words of refusals."""
    kept = list(target.seeds)
    while not until():
        data = rng.choice(kept)
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            data = target.damage(data, rng)
        if reader.read(data):
            kept.append(data)


def damaged_bytes(data: bytes, rng: random.Random) -> bytes:
    """Flip, cut, double, insert or overwrite some bytes."""
    if not data:
        return rng.randbytes(rng.randrange(1, 20))
    place = rng.randrange(len(data))
    length = min(rng.choice((1, 1, 2, 4, 16, 256)), len(data) - place)
    match rng.randrange(6):
        case 0:
            return data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :]
        case 1:
            return data[:place]
        case 2:
            return data[:place] + data[place + length :]
        case 3:
            return data[: place + length] + data[place:]
        case 4:
            return data[:place] + rng.randbytes(length) + data[place:]
        case _:
            odd = rng.choice(
                (b"\x00", b"\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"PK\x03\x04")
            )
            return data[:place] + odd + data[place + len(odd) :]


def damaged_json(data: bytes, rng: random.Random) -> bytes:
    """Put something odd in the place of one value, or remove, repeat or rename one."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return damaged_bytes(data, rng)
    if rng.random() < 0.03:
        depth = rng.choice((100, 2_000, 100_000))
        return b"[" * depth + b"]" * rng.choice((0, depth))
    places: list[tuple[object, object]] = []
    _collect(document, places, rng)
    if not places:
        return json.dumps(rng.choice(_ODD)).encode()
    holder, key = rng.choice(places)
    _change(holder, key, rng)
    return json.dumps(document).encode()


def _collect(value: object, places: list[tuple[object, object]], rng: random.Random) -> None:
    waiting = [value]
    while waiting and len(places) < 5_000:
        found = waiting.pop()
        if isinstance(found, dict):
            places += [(found, key) for key in found]
            waiting += found.values()
        elif isinstance(found, list):
            some = range(len(found)) if len(found) < 50 else rng.sample(range(len(found)), 50)
            places += [(found, index) for index in some]
            waiting += [found[index] for index in some]


def _change(holder: object, key: object, rng: random.Random) -> None:
    odd = json.loads(json.dumps(rng.choice(_ODD)))
    if isinstance(holder, dict):
        match rng.randrange(4):
            case 0:
                del holder[key]
            case 1:
                holder[rng.choice(("", "x", "__proto__", "n" * 300))] = holder.pop(key)
            case _:
                holder[key] = odd
    elif isinstance(holder, list) and isinstance(key, int):
        match rng.randrange(5):
            case 0:
                del holder[key]
            case 1:
                holder.insert(key, holder[key])
            case 2 if isinstance(holder[key], int | float) and not isinstance(holder[key], bool):
                holder[key] = holder[key] * rng.choice((-1, 2, 1000, 2**40)) + rng.choice(
                    (0, 1, -1)
                )
            case _:
                holder[key] = odd
