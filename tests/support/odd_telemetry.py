"""Telemetry as odd as it gets: rows of odd numbers, messages in which one thing is another."""

import json
import random
import zlib

from edge_contract.messages.codec import ENVELOPE

__all__ = ["ODD", "mutated", "rounded"]

ODD = [0.0, float("nan"), float("inf"), -float("inf"), 1e38, -1e-38, 1000.0]


def mutated(chance: random.Random, payload: bytes) -> bytes:
    """The same with one thing changed."""
    strange: list[object] = [
        *(-1, 0, 1, 2**31, 2**53, 2**60, 2**70, -(2**63), 0.0, 0.5, -0.5, 1e300, -1e39, True, None),
        *("", "~", "!~", "x", "#!~!~", [], [[]], {}, [{}, {}], [0], ["!"], {"a": 1}, [[], []]),
        *(60.0, 10**17, "abcde", [1, 2, 3, 4, 5], 2**53 + 1, False),
    ]
    value = json.loads(zlib.decompress(payload[1:]))
    place: list[object] = value[1]
    while True:
        index = chance.randrange(len(place))
        inner = place[index]
        if isinstance(inner, list) and inner and chance.random() < 0.9:
            place = inner
            continue
        break
    if isinstance(inner, str) and len(inner) > 20 and chance.random() < 0.9:
        at = chance.randrange(len(inner))
        other = chance.choice(["", "~", "!", "~~", "^", "\x7f", "\u20ac", "zz!", "PPPP!", "zzzz!"])
        place[index] = inner[:at] + other + inner[at + chance.randint(0, 2) :]
    elif chance.random() < 0.2:
        del place[index]
    elif chance.random() < 0.2:
        place.insert(index, chance.choice(strange))
    else:
        place[index] = chance.choice(strange)
    return bytes([ENVELOPE]) + zlib.compress(json.dumps(value).encode())


def rounded(state: object) -> object:
    """Sums of floats may differ in their last bits."""
    if isinstance(state, float):
        return float(f"{state:.9g}")
    if isinstance(state, dict):
        return {key: rounded(item) for key, item in state.items()}
    return [rounded(item) for item in state] if isinstance(state, list) else state
