"""The pages that show networks, tried in the process of their frameworks."""

from pathlib import Path

import pytest

from tests.docs.pages import NETWORKS, blocks_of, need_of, pages, text_of
from tests.docs.test_code_blocks import Page


@pytest.mark.filterwarnings("ignore:the reference has .* rows, below 5000")
@pytest.mark.parametrize("name", [name for name in pages() if need_of(text_of(name)) == NETWORKS])
def test_every_block_of_a_page_works_in_the_order_of_the_page(name: str, tmp_path: Path) -> None:
    runner = Page(name, tmp_path, api="", broker="")

    for block in blocks_of(text_of(name)):
        runner.run(block)
