"""scikit-learn estimators and pipelines, through skl2onnx."""

from collections.abc import Iterator
from typing import ClassVar

from converters.base import Converted, Request, register
from edge_contract.errors import UsageError

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
        return conversions_of(model, model.aligned(request.rows))
