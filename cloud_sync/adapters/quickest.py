"""Chooses how telemetry is counted: with numpy, orjson or both, if they are there."""

from importlib.util import find_spec

from cloud_sync.core.counting import Counting, PlainCounting
from edge_contract.json_text import parse_json
from edge_contract.messages.codec import Tools

__all__ = ["quickest_counting"]


def quickest_counting() -> Counting:
    """Return the quickest way of counting that is installed; all come to the same."""
    parse = parse_many = parse_json
    if find_spec("orjson") is not None:
        from cloud_sync.adapters.quick.parsing import parse_known, parse_quickly

        parse, parse_many = parse_quickly, parse_known
    if find_spec("numpy") is None:
        return PlainCounting(Tools(parse))
    from cloud_sync.adapters.quick.counting import QuickCounting

    return QuickCounting(parse, parse_many)
