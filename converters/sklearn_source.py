"""scikit-learn estimators and pipelines, through skl2onnx."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from converters.base import Converted, Request, Rows, register
from converters.table import columns_of
from edge_contract.errors import UsageError

if TYPE_CHECKING:
    from converters.sklearn_model import SklearnModel

__all__ = ["SklearnSource"]


@register
class SklearnSource:
    """Fitted estimators, alone, in pipelines and in searches."""

    name: ClassVar[str] = "scikit-learn"

    def accepts(self, model: object) -> bool:
        """Whether ``model`` is an instance of a subclass of scikit-learn's ``BaseEstimator``."""
        return any(
            (base.__module__, base.__qualname__) == ("sklearn.base", "BaseEstimator")
            for base in type(model).__mro__
        )

    def conversions(self, request: Request) -> Iterator[Converted]:
        """Convert with one input for all columns if that is possible, else with one for each."""
        from converters.sklearn_convert import conversions_of
        from converters.sklearn_model import SklearnModel

        model = SklearnModel.of(request.model)
        if request.classes not in ((), model.classes):
            raise UsageError(
                f"classes {list(request.classes[:8])} are not those of the model, "
                f"{list(model.classes[:8])}: leave them out, a fitted classifier knows its own"
            )
        rows = model.aligned(request.rows)
        try:
            yield from conversions_of(model, rows)
        except UsageError:
            _require_accepted(model, rows)
            raise


def _require_accepted(model: "SklearnModel", rows: Rows) -> None:
    """Raise ``UsageError`` with the model's own words if it is the rows that it does not take."""
    try:
        model.say(rows)
    except ValueError as error:
        texts = [repr(column.name) for column in columns_of(rows) if column.is_text]
        hint = f" (columns of text: {', '.join(texts[:8])})" if texts else ""
        raise UsageError(f"the model does not accept the rows of X: {error}{hint}") from error
