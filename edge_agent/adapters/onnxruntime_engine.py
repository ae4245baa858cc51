"""Runs models with onnxruntime."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from edge_agent.adapters.silent_onnxruntime import onnxruntime
from edge_contract.errors import PackageError, UnavailableError
from edge_contract.package import Package

if TYPE_CHECKING:
    from edge_agent.ports import Tensor

__all__ = ["OnnxRuntimeEngine"]

_QUIET: Final = 4  # fatal only: errors come as exceptions, and the agent tells of them


class OnnxRuntimeEngine:
    """Makes onnxruntime sessions.

    Args:
        threads: For one call; 1 suits small models and leaves the device to others.
        providers: Execution providers by preference; those that are missing are skipped.
    """

    def __init__(
        self, *, threads: int = 1, providers: Sequence[str] = ("CPUExecutionProvider",)
    ) -> None:
        available = onnxruntime.get_available_providers()
        self._providers = [name for name in providers if name in available] or [
            "CPUExecutionProvider"
        ]
        self._options = onnxruntime.SessionOptions()
        self._options.log_severity_level = _QUIET
        self._options.intra_op_num_threads = threads
        self._options.inter_op_num_threads = 1
        self._options.add_session_config_entry("session.intra_op.allow_spinning", "0")

    def load(self, package: Package) -> "OnnxRuntimeSession":
        """Return a session of the package's model; see :class:`edge_agent.ports.InferenceEngine`.

        The model goes in as bytes, so that it cannot name other files of the device.
        """
        try:
            session = onnxruntime.InferenceSession(
                package.model(), self._options, providers=self._providers
            )
        except Exception as error:  # onnxruntime's errors share no better base class
            raise PackageError(
                f"model of {package.manifest.reference} cannot run here: {_first_line(error)}"
            ) from error
        names = {tensor.name for tensor in session.get_inputs()}
        expected = {tensor.name for tensor in package.manifest.inputs}
        if names != expected:
            raise PackageError(
                f"model of {package.manifest.reference} has inputs {sorted(names)}, "
                f"its manifest says {sorted(expected)}; convert it again"
            )
        outputs = [output.tensor.name for output in package.manifest.outputs]
        return OnnxRuntimeSession(session, outputs)


class OnnxRuntimeSession:
    """One onnxruntime session; any thread may run it."""

    def __init__(self, session: onnxruntime.InferenceSession, outputs: Sequence[str]) -> None:
        self._session = session
        self._outputs = list(outputs)

    @property
    def provider(self) -> str:
        """The first execution provider that the session has taken."""
        return str(self._session.get_providers()[0])

    def run(self, feeds: "Mapping[str, Tensor]") -> "Sequence[Tensor]":
        """Run the model once; see :class:`edge_agent.ports.InferenceSession`."""
        try:
            outputs: Sequence[Tensor] = self._session.run(self._outputs, feeds)
        except Exception as error:  # onnxruntime's errors share no better base class
            raise UnavailableError(f"the model failed: {_first_line(error)}") from error
        return outputs


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
