"""The laws of all sources, for those that are tried in a process of their own."""

from collections.abc import Callable

from converters.base import Request
from tests.converters import test_source_laws as of_all

__all__ = ["LAWS", "obey"]

Law = Callable[[str], None]

LAWS: tuple[Law, ...] = (
    of_all.test_a_source_accepts_its_own_models_and_no_other_source_does,
    of_all.test_a_conversion_describes_the_tensors_of_its_graph,
    of_all.test_a_conversion_feeds_every_input_with_every_row,
    of_all.test_a_source_model_speaks_about_outputs_that_are_there,
    of_all.test_the_same_model_gives_the_same_bytes,
    of_all.test_a_source_refuses_rows_of_another_width,
)


def obey(law: Law, name: str, example: Callable[[], Request]) -> None:
    """Fail unless a source obeys a law with its example."""
    of_all.EXAMPLES[name] = example
    law(name)
