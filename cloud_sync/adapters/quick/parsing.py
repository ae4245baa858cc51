"""What messages are decoded with where numpy and orjson are installed."""

from typing import Final

import orjson

from cloud_sync.adapters.quick.states import unpack_quickly
from edge_contract.json_text import check_depth
from edge_contract.messages.codec import Tools

__all__ = ["TOOLS"]


def _parse(data: bytes) -> object:
    """Read JSON no less strictly than the standard library does for us."""
    check_depth(data)
    return orjson.loads(data)


TOOLS: Final = Tools(_parse, unpack_quickly)
