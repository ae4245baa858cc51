"""Compares the vector files with the contract as it runs here, wherever here is."""

import base64
import json

from edge_contract.messages import decode
from edge_contract.reading import JsonValue
from tests.vectors.make import HERE, VECTORS

__all__ = ["differences"]


def differences() -> list[str]:
    """What the files and the contract do not agree on; empty if all is well."""
    found = []
    for name, make in VECTORS.items():
        stored: JsonValue = json.loads((HERE / f"{name}.json").read_text("utf-8"))
        made: JsonValue = json.loads(json.dumps(make()))
        if name == "messages":
            found += undecoded(stored)
            stored, made = without_payloads(stored), without_payloads(made)
        if text_of(stored) != text_of(made):
            found.append(f"{name}.json differs: run python -m tests.vectors.make")
    return found


def undecoded(stored: JsonValue) -> list[str]:
    """Which stored payloads do not decode to the body that stands beside them."""
    assert isinstance(stored, list)
    return [
        f"messages.json: payload of kind {item['kind']!r} holds something else"
        for item in stored
        for message in [decode(base64.b64decode(item["payload"]))]
        if (message.kind, text_of(message.to_body())) != (item["kind"], text_of(item["body"]))
    ]


def without_payloads(stored: JsonValue) -> JsonValue:
    """The messages without their compressed bytes, which depend on the zlib in use."""
    assert isinstance(stored, list)
    return [{"kind": item["kind"], "body": item["body"]} for item in stored]


def text_of(value: JsonValue) -> str:
    """The value as text: unlike ``==`` it tells 1 from 1.0 and 0.0 from -0.0."""
    return json.dumps(value, sort_keys=True)
