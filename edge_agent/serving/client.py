"""A client of the Unix socket, for programs in Python beside the agent's process."""

import json
import socket
import threading
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import numpy as np

from edge_agent.serving.frames import Frame, FrameReader, Purpose
from edge_agent.serving.tensors import bytes_of, datatype_of, from_bytes
from edge_contract.errors import EdgeError, MessageError, UnavailableError, UsageError

if TYPE_CHECKING:
    from edge_agent.ports import Tensor

__all__ = ["Inference", "SocketClient"]

_PIECE_BYTES: Final = 1 << 16
_MOST_BYTES: Final = 1 << 30


class Inference(NamedTuple):
    """What a model answered.

    Attributes:
        outputs: Tensors by name; texts are objects.
        prediction_id: Give it to :meth:`SocketClient.label` when the truth is known.
        version: That answered.
    """

    outputs: "Mapping[str, Tensor]"
    prediction_id: str
    version: str


class SocketClient:
    """A connection to an agent, for use in a ``with`` block. Thread-safe, one request at a time.

    Args:
        path: Of the socket.
        model: Which model, where the agent runs several.
        timeout_s: How long to wait for an answer.

    Raises:
        UnavailableError: Nobody listens there.
    """

    def __init__(
        self, path: str | PathLike[str], *, model: str = "", timeout_s: float = 10.0
    ) -> None:
        self._path = str(path)
        self._names: Mapping[str, object] = {"model_name": model} if model else {}
        self._reader = FrameReader(_MOST_BYTES)
        self._number = 0
        self._lock = threading.Lock()
        self._timeout_s = timeout_s
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout_s)
        try:
            self._socket.connect(self._path)
        except OSError as error:
            self._socket.close()
            raise UnavailableError(f"cannot connect to {self._path!r}: {error}") from error

    def infer(
        self, tensors: "Mapping[str, Tensor]", outputs: Sequence[str] = (), *, timeout_s: float = 0
    ) -> Inference:
        """Predict some rows.

        Args:
            tensors: Inputs by name, or one column for each feature.
            outputs: What to answer with; everything if empty.
            timeout_s: After which the server gives up; 0 for as long as it allows.

        Raises:
            UsageError: The tensors do not fit the model.
            UnavailableError: There is no model, too much waits, or the time is over.
        """
        named = {name: np.asarray(tensor) for name, tensor in tensors.items()}
        chunks = [bytes_of(tensor) for tensor in named.values()]
        asked: dict[str, object] = {
            "inputs": [
                {
                    "name": name,
                    "datatype": datatype_of(tensor),
                    "shape": tensor.shape,
                    "parameters": {"binary_data_size": len(chunk)},
                }
                for (name, tensor), chunk in zip(named.items(), chunks, strict=True)
            ],
            "parameters": {"binary_data_output": True, "timeout": round(timeout_s * 1e6)},
        }
        if outputs:
            asked["outputs"] = [{"name": name} for name in outputs]
        answer, rest = self._ask(Purpose.INFER, asked, b"".join(chunks))
        return _inference(answer, rest)

    def label(self, prediction_id: str, truth: object) -> int:
        """Tell what came true; see :meth:`edge_agent.agent.Agent.label`."""
        asked = {"prediction_id": prediction_id, "truth": truth}
        answer, _ = self._ask(Purpose.LABELS, asked)
        return int(str(answer["labelled"]))

    def metadata(self) -> Mapping[str, object]:
        """Return what the model takes and gives."""
        return self._ask(Purpose.METADATA)[0]

    def is_ready(self) -> bool:
        """Return whether a version serves."""
        try:
            self._ask(Purpose.READY)
        except UnavailableError:
            return False
        return True

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self.close()

    def _ask(
        self, purpose: Purpose, fields: Mapping[str, object] | None = None, rest: bytes = b""
    ) -> tuple[Mapping[str, object], memoryview]:
        """Send a request and return the JSON and the tensors of its answer."""
        asked = {**self._names, **(fields or {})}
        header = json.dumps(asked).encode() if asked else b""
        with self._lock:
            self._number = self._number % 0xFFFFFFFF + 1
            frame = Frame(self._number, purpose, header + rest, len(header))
            try:
                self._socket.sendall(frame.to_bytes())
                answer = self._answer(self._number)
            except (OSError, MessageError) as error:
                self._socket.close()  # an answer that comes late would be taken for the next one's
                raise UnavailableError(f"no answer from {self._path!r}: {error}") from error
        found = json.loads(answer.body[: answer.header_bytes])
        if answer.code != HTTPStatus.OK:
            raise _error(answer.code, str(found.get("error")))
        return found, memoryview(answer.body)[answer.header_bytes :]

    def _answer(self, number: int) -> Frame:
        """Return the answer with a number, or the one that is about the connection as a whole."""
        while True:
            data = self._socket.recv(_PIECE_BYTES)
            if not data:
                raise MessageError("the server has closed the connection")
            for frame in self._reader.feed(data):
                if frame.number in (number, 0):
                    return frame


def _error(status: int, text: str) -> EdgeError:
    is_ours = status < HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.TOO_MANY_REQUESTS
    return UsageError(text) if is_ours else UnavailableError(text)


def _inference(answer: Mapping[str, object], rest: memoryview) -> Inference:
    match answer:
        case {
            "outputs": list(outputs),
            "parameters": {"prediction_id": str(prediction_id)},
            "model_version": str(version),
        }:
            tensors: dict[str, Tensor] = {}
            place = 0
            for output in outputs:
                end = place + int(output["parameters"]["binary_data_size"])
                tensors[output["name"]] = from_bytes(
                    rest[place:end], output["datatype"], output["shape"], name=output["name"]
                )
                place = end
            return Inference(tensors, prediction_id, version)
        case _:
            raise UnavailableError(f"the server gave an answer of another kind: {answer!r:.200}")
