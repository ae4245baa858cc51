"""Writes the test vectors beside this file: the contract as JSON, for every language.

    python -m tests.vectors.make

CPython, Pyodide and the JavaScript kernels must agree with these files. Single-precision numbers
stand as their 32 bits, so that NaN, -0.0 and subnormals survive JSON.
"""

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from edge_contract.cohorts import cohort_position
from edge_contract.messages import Message, encode
from edge_contract.messages.topics import shard_of
from edge_contract.package import Layout, Source, count_rows
from edge_contract.reading import JsonObject, JsonValue
from edge_contract.stats import CENTRED, SPECS, Column, ProfileSpec, SketchSpec
from edge_contract.stats.categories import hash_of_code
from edge_contract.stats.float32 import MAX_FLOAT32, bits_of, float_of, rounded
from edge_contract.stats.profile import state_to_json
from edge_contract.stats.quantised import factor_of, quantised
from edge_contract.stats.text_hash import category_code, text_hash
from tests.vectors.messages import SAMPLES

__all__ = ["HERE", "VECTORS", "written"]

HERE: Final = Path(__file__).parent

SKETCHES: Final = (
    SketchSpec(),
    SketchSpec(integer=True),
    SketchSpec(CENTRED, center=1000.0, scale=2.0),
    SketchSpec(CENTRED, center=0.0, scale=4.0, integer=True),
    SketchSpec(CENTRED, center=rounded(0.1), scale=rounded(0.3)),
    SketchSpec(CENTRED, center=-MAX_FLOAT32, scale=rounded(9e29)),
    SketchSpec(CENTRED, center=MAX_FLOAT32, scale=rounded(1.1e-30)),
)

SCALES: Final = (
    (0.0, 1.0),
    (1000.0, 2.0),
    (rounded(0.1), rounded(0.3)),
    (-MAX_FLOAT32, rounded(9e29)),
    (MAX_FLOAT32, rounded(1.1e-30)),
)
"""Centers and scales of standardised numbers."""

ODD_BITS: Final = (
    0x00000000, 0x80000000,  # zeros
    0x7F800000, 0xFF800000,  # infinities
    0x7FC00000, 0xFFC00000, 0x7F800001, 0x7FFFFFFF,  # quiet and signalling NaNs
    0x00000001, 0x80000001, 0x0007FFFF, 0x00080000, 0x007FFFFF, 0x00800000,  # subnormals
    0x7F7FFFFF, 0xFF7FFFFF, 0x7F7FFFFE, 0x7F000000,  # the largest
    0x3F800000, 0xBF800000, 0x3F7FFFFF, 0x3F800001, 0x3F87FFFF, 0x3F880000,  # around 1
)  # fmt: skip

ORDINARY: Final = (
    2.0, -2.0, 3.0, 17.0, 31.0, 32.0, 33.0, -33.0, 0.1, -0.1, 1e-30, 1e30, 16777216.0, 16777217.0,
    999.0, 999.9, 999.99, 1000.0, 1000.0625, 1000.124, 1000.125, 1000.126, 1001.0, 1100.0, 1e6,
)  # fmt: skip

TEXTS: Final = (
    "",
    "red",
    "green",
    "Ærø",
    "深圳",
    "🚀",
    "a" * 300,
    "line\nbreak",
    "nul\0",
    "\ud800",
)

DEVICES: Final = ("cam-7", "camera_0001", "A", "0", "_x", "z" * 64)


def noise(seed: int) -> Iterator[int]:
    """The same 32-bit numbers everywhere: a linear congruential generator."""
    state = seed
    while True:
        state = (state * 6364136223846793005 + 1442695040888963407) & (2**64 - 1)
        yield state >> 32


def sketches() -> JsonValue:
    """Codes, edges and values of both mappings."""
    random = noise(1)
    bits = [
        *ODD_BITS,
        *(bits_of(rounded(number)) for number in ORDINARY),
        *(next(random) for _ in range(60)),
        *(0x447A0000 + (next(random) & 0xFFF) for _ in range(20)),  # from 1000 to 1000.25
    ]
    return [sketch(spec, bits) for spec in SKETCHES]


def sketch(spec: SketchSpec, bits: list[int]) -> JsonObject:
    buckets = sorted({code for code in map(code_of(spec), bits) if isinstance(code, int)})
    return {
        "spec": spec.to_json(),
        "bits": bits,
        "codes": [code_of(spec)(number) for number in bits],
        "buckets": buckets,
        "edges": [list(spec.edges_of(code)) for code in buckets],
        "values": [spec.value_of(code) for code in buckets],
    }


def code_of(spec: SketchSpec) -> Callable[[int], int | str]:
    """The bucket of a number given as bits, or the name of the counter that it raises instead."""

    def code(bits: int) -> int | str:
        counted = spec.empty()
        counted.observe((float_of(bits),))
        if counted.counts:
            return next(iter(counted.counts))
        if counted.zero:
            return "zero"
        if counted.missing:
            return "missing"
        return "positive_infinity" if counted.positive_infinity else "negative_infinity"

    return code


def quantised_numbers() -> JsonValue:
    """Standardised numbers as integers, those half-way between two included."""
    random = noise(3)
    bits = [
        *ODD_BITS,
        *(bits_of(rounded(number)) for number in ORDINARY),
        *(bits_of(number / 32) for number in range(-100, 101)),
        *(next(random) for _ in range(60)),
        *(0x447A0000 + (next(random) & 0xFFF) for _ in range(20)),
    ]
    return [
        {
            "center": center,
            "scale": scale,
            "bits": bits,
            "numbers": [
                quantised(float_of(number), center=center, factor=factor_of(scale))
                for number in bits
            ],
        }
        for center, scale in SCALES
    ]


def hashes() -> JsonValue:
    """Hashes of texts and of category codes."""
    return {
        "known": {"red": 0, "green": 1},
        "texts": [
            {
                "text": text,
                "salt": salt,
                "hash": text_hash(text, salt=salt),
                "code": category_code(text, {"red": 0, "green": 1}, salt=salt),
            }
            for text in TEXTS
            for salt in ("", "north")
        ],
        "codes": [
            {"bits": bits, "hash": hash_of_code(float_of(bits))}
            for bits in (*ODD_BITS[:4], *ODD_BITS[8:], bits_of(-8388608.0), bits_of(-8388609.0))
        ],
    }


def profile() -> JsonValue:
    """Every kind of statistic over the same rows, with its state."""
    columns: list[Column] = []
    sources: list[Source] = []
    specs = (*(spec for kind in sorted(SPECS) for spec in SPECS[kind].examples()), SketchSpec())
    for number, spec in enumerate(specs):
        places = tuple((number + step) % 7 for step in range(spec.arity))
        columns.append(Column(f"subject:{number}", spec))
        sources.append(Source(places, skips_nan=number == len(specs) - 1))
    profile_spec, layout = ProfileSpec(tuple(columns)), Layout(7, tuple(sources))
    rows = [[number_bits(random) for _ in range(7)] for random in [noise(2)] for _ in range(80)]
    counted = count_rows(profile_spec, layout, ([float_of(bits) for bits in row] for row in rows))
    return {
        "columns": profile_spec.to_json(),
        "width": layout.width,
        "sources": [
            {"positions": list(source.positions), "skips_nan": source.skips_nan}
            for source in layout.sources
        ],
        "rows": rows,
        "state": state_to_json(counted.to_state()),
    }


def number_bits(random: Iterator[int]) -> int:
    """Bits of a class, a probability, some measured value or something odd."""
    choice, value = next(random) % 8, next(random)
    if choice == 0:
        return ODD_BITS[value % 14]  # the largest numbers would drown all sums
    if choice <= 3:
        return bits_of(float(value % 5 - 1))
    if choice <= 5:
        return bits_of(rounded(value / 2**32))
    return bits_of(rounded((value - 2**31) / 2**21))


def messages() -> JsonValue:
    """Payloads of every kind with what is in them; other zlibs give other bytes for the same."""
    return [message(sample) for sample in SAMPLES]


def message(sample: Message) -> JsonObject:
    return {
        "kind": sample.kind,
        "body": json.loads(json.dumps(sample.to_body())),
        "payload": base64.b64encode(encode(sample)).decode(),
    }


def cohorts() -> JsonValue:
    """Where devices stand in rollouts, and their shards."""
    return [
        {
            "device": device,
            "shard": shard_of(device),
            "positions": {salt: cohort_position(salt, device) for salt in ("", "r-1", "Ærø")},
        }
        for device in DEVICES
    ]


VECTORS: Final[dict[str, Callable[[], JsonValue]]] = {
    "cohorts": cohorts,
    "hashes": hashes,
    "messages": messages,
    "profile": profile,
    "quantised": quantised_numbers,
    "sketches": sketches,
}
"""What each file holds, by its name without ``.json``."""


def written(value: JsonValue) -> str:
    """The text of a file: one item of the outermost list or object a line."""
    match value:
        case list():
            lines = [json.dumps(item, sort_keys=True) for item in value]
            return "[\n" + ",\n".join(lines) + "\n]\n"
        case dict():
            fields = [f'"{name}": {json.dumps(value[name])}' for name in sorted(value)]
            return "{\n" + ",\n".join(fields) + "\n}\n"
        case _:
            return json.dumps(value) + "\n"


if __name__ == "__main__":
    for name, make in VECTORS.items():
        (HERE / f"{name}.json").write_text(written(make()), "utf-8")
