import asyncio

import pytest

import edge_agent.browser
from edge_contract.errors import UsageError


def test_outside_of_a_browser_it_says_what_to_use() -> None:
    with pytest.raises(UsageError, match=r"elsewhere use edgefleet\.Agent"):
        asyncio.run(edge_agent.browser.start("digits", site="/"))
