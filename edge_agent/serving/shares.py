"""What one call of the model gave, as the requests that were joined in it are answered.

Each gets the rows that it sent. What their answers are made of is made for all of them at once:
one by one that would take longer than the model.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from edge_agent.serving.json_tensors import json_of, json_of_rows
from edge_agent.serving.tensors import bytes_of, bytes_of_rows
from edge_contract.errors import UnavailableError

if TYPE_CHECKING:
    from edge_agent.ports import Tensor
    from edge_agent.prediction import Prediction
    from edge_agent.serving.interface import ModelInterface

__all__ = ["Share", "Shares"]


class Shares:
    """The prediction of one call, and which of its rows each request sent.

    Args:
        prediction: Of all rows.
        counts: How many rows each request sent, in order; of one alone it does not matter.

    Raises:
        UnavailableError: Several requests share an output that has not one item for each row.
    """

    __slots__ = (
        "_are_rows", "_binary", "_counts", "_ids", "_json", "_named", "interface", "prediction",
    )  # fmt: skip

    def __init__(self, prediction: "Prediction", counts: Sequence[int]) -> None:
        self.prediction = prediction
        self.interface: ModelInterface | None = None
        """Of the version that predicted: whoever writes the first answer looks it up for all."""
        rows = len(prediction)
        self._counts = counts if len(counts) > 1 else [rows]
        self._are_rows = len(counts) == rows > 1
        self._ids: Sequence[str] | None = None
        self._json: dict[str, Sequence[bytes]] = {}
        self._binary: dict[str, Sequence[tuple[bytes, bytes]]] = {}
        self._named: Mapping[str, Tensor] | None = None
        for tensor in prediction.tensors if len(counts) > 1 else ():
            if tensor.ndim == 0 or len(tensor) != rows:
                raise UnavailableError(
                    f"an output of {prediction.model} has shape {list(tensor.shape)} for {rows} "
                    "rows, which cannot be told apart: predict them one by one"
                )

    @property
    def ids(self) -> Sequence[str]:
        """The identifiers under which truths are taken, one for each request."""
        if self._ids is None:
            self._ids = self.prediction.ids_of(self._counts)
        return self._ids

    def json(self, name: str, interface: "ModelInterface") -> Sequence[bytes]:
        """Return an output as a JSON object for each request."""
        found = self._json.get(name)
        if found is None:
            tensor = self._tensors(interface)[name]
            if len(self._counts) == 1:
                found = (b'%b"data":%b}' % (interface.output_head(name, tensor), json_of(tensor)),)
            elif self._are_rows:
                head = interface.output_head(name, tensor[:1])
                found = [b'%b"data":[%b]}' % (head, text) for text in json_of_rows(tensor)]
            else:
                found = [
                    b'%b"data":%b}' % (interface.output_head(name, part), json_of(part))
                    for part in self._parts(tensor)
                ]
            self._json[name] = found
        return found

    def binary(self, name: str, interface: "ModelInterface") -> Sequence[tuple[bytes, bytes]]:
        """Return an output for each request as a JSON object, and the bytes that it announces."""
        found = self._binary.get(name)
        if found is None:
            tensor = self._tensors(interface)[name]
            if self._are_rows:
                head = interface.output_head(name, tensor[:1])
                pairs = [(head, chunk) for chunk in bytes_of_rows(tensor)]
            else:
                pairs = [
                    (interface.output_head(name, part), bytes_of(part))
                    for part in self._parts(tensor)
                ]
            found = self._binary[name] = [
                (b'%b"parameters":{"binary_data_size":%d}}' % (head, len(chunk)), chunk)
                for head, chunk in pairs
            ]
        return found

    def _tensors(self, interface: "ModelInterface") -> "Mapping[str, Tensor]":
        if self._named is None:
            self._named = interface.tensors_of(self.prediction)
        return self._named

    def _parts(self, tensor: "Tensor") -> "Sequence[Tensor]":
        """Return the rows of each request; of one alone all there is, by rows or not."""
        if len(self._counts) == 1:
            return (tensor,)
        ends = list(accumulate(self._counts))
        return [tensor[end - n : end] for end, n in zip(ends, self._counts, strict=True)]


class Share(NamedTuple):
    """What one request gets.

    Attributes:
        shares: Of the call.
        place: Of the request among those that were joined.
    """

    shares: Shares
    place: int
