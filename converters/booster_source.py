"""What the sources of boosters share: libraries whose models are sums of trees."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from converters.base import Converted, Request

if TYPE_CHECKING:
    from converters.sklearn_more.boosters import BoosterEstimator

__all__ = ["BoosterSource"]


class BoosterSource(ABC):
    """Trained models of one class and those that inherit from it."""

    name: ClassVar[str]
    kind: ClassVar[tuple[str, str]]
    """Module and name of that class."""

    def accepts(self, model: object) -> bool:
        """Whether ``model`` is of that class."""
        return any(
            (base.__module__, base.__qualname__) == self.kind for base in type(model).__mro__
        )

    def conversions(self, request: Request) -> Iterator[Converted]:
        """Convert the trees as those of an estimator are."""
        from converters.sklearn_convert import conversions_of
        from converters.sklearn_model import SklearnModel

        model = SklearnModel.of(self.estimator(request))
        return conversions_of(model, model.aligned(request.rows))

    @abstractmethod
    def estimator(self, request: Request) -> "BoosterEstimator":
        """Return the model as an estimator.

        Raises:
            UsageError: It cannot be converted.
        """
