"""Runs models with onnxruntime."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from edge_agent.adapters.compiled_models import LEAST_BYTES, CompiledModels, is_worth_compiling
from edge_agent.adapters.many_rows import ManyRows
from edge_agent.adapters.profiles import profile_of
from edge_agent.adapters.providers import CPU, Choice, choices_of, missing_reason
from edge_agent.adapters.silent_onnxruntime import onnxruntime
from edge_contract.errors import PackageError, UnavailableError, UsageError
from edge_contract.onnx_file import require_safe_model
from edge_contract.package import ArtifactRole, Package

if TYPE_CHECKING:
    from edge_agent.adapters.many_rows import Run
    from edge_agent.ports import Tensor

    _PlainRun: TypeAlias = Callable[..., Sequence[Tensor]]

__all__ = ["OnnxRuntimeEngine"]

_QUIET: Final = 4  # fatal only: errors come as exceptions, and the agent tells of them
_NAMED: Final = 3
_SMALL_BYTES: Final = 1 << 20  # of larger models other steps take so much that it does not matter
_MOST_THREADS: Final = 1024  # more are a slip, and take the memory of their stacks
_TENSOR_TYPES: Final = {
    "float32": "tensor(float)",
    "float64": "tensor(double)",
    "int64": "tensor(int64)",
    "int32": "tensor(int32)",
    "bool": "tensor(bool)",
}


class OnnxRuntimeEngine:
    """Makes onnxruntime sessions.

    Args:
        profile: What a session may take of the device, see :data:`PROFILES`.
        threads: For one call, other than the profile says; 0 leaves it to the runtime.
        providers: Execution providers by preference (``cuda``, ``cpu``, ...; ``auto`` for whatever
            accelerator there is). One that is missing, fails, or could run no operator of the
            model is passed over; the processor comes last in any case.
        device_memory_mb: What an accelerator may take for itself, in MiB.

    Raises:
        UsageError: A provider or the profile is unknown, or the number of threads is none.
    """

    def __init__(
        self,
        *,
        profile: str = "balanced",
        threads: int | None = None,
        providers: Sequence[str] = ("cpu",),
        device_memory_mb: int | None = None,
    ) -> None:
        taken = profile_of(profile)
        if threads is not None and threads not in range(_MOST_THREADS + 1):
            raise UsageError(
                f"threads for a call must be a whole number from 0 to {_MOST_THREADS}, "
                f"got {threads!r}"
            )
        self._choices = choices_of(providers, device_memory_mb=device_memory_mb)
        self._compiled: CompiledModels | None = None
        self._has_loaded = False
        self._options = onnxruntime.SessionOptions()
        self._options.log_severity_level = _QUIET
        self.threads = taken.threads() if threads is None else threads
        """How many threads a call gets; 0 for as many as the runtime thinks right."""
        self._options.intra_op_num_threads = self.threads
        self._options.inter_op_num_threads = 1
        self._options.enable_cpu_mem_arena = taken.keeps_memory
        self._options.enable_mem_pattern = taken.keeps_memory
        self._options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        if self._choices[0].name != CPU and hasattr(onnxruntime, "preload_dlls"):
            onnxruntime.preload_dlls()  # CUDA and cuDNN, where they were installed as packages

    def load(self, package: Package) -> "OnnxRuntimeSession":
        """Return a session of the package's model; see :class:`edge_agent.ports.InferenceEngine`.

        The model goes in as bytes, so that it cannot name other files of the device.
        """
        name = package.manifest.reference
        passed_over: list[str] = []
        session = self._compiled_before(package)
        is_compiled = session is not None
        quicker: Callable[[], onnxruntime.InferenceSession | None] | None = None
        if session is None:
            model = package.model()
            session = self._compiled_now(package, model)
            is_compiled = session is not None
            if session is None:
                require_safe_model(model, what=f"model of {name}")
                session, passed_over = self._first_that_runs(model, name)
                if len(model) <= _SMALL_BYTES and b"Scaler" in model:
                    quicker = partial(self._with_quick_scaler, model, name)
        self._has_loaded = True
        names = {tensor.name for tensor in session.get_inputs()}
        expected = {tensor.name for tensor in package.manifest.inputs}
        if names != expected:
            raise PackageError(
                f"model of {name} has inputs {sorted(names)}, "
                f"its manifest says {sorted(expected)}; convert it again"
            )
        outputs = [output.tensor.name for output in package.manifest.outputs]
        return OnnxRuntimeSession(
            session,
            outputs,
            fallback="; ".join(passed_over),
            is_compiled=is_compiled,
            quicker=quicker,
        )

    def keep_compiled(self, compiled: CompiledModels) -> None:
        """Load forests from a compiled form, which all but the first model wait for.

        The first one does not, because nothing else serves yet: later starts find it compiled.
        """
        if [choice.name for choice in self._choices] == [CPU]:
            self._compiled = compiled

    def _compiled_before(self, package: Package) -> onnxruntime.InferenceSession | None:
        """Return a session of the compiled form, if it is here; the model is not even read."""
        artifact = package.manifest.artifact(ArtifactRole.MODEL, variant=package.variant)
        if self._compiled is None or artifact.size < LEAST_BYTES:
            return None
        return self._of_compiled(artifact.digest, self._compiled.path(artifact.digest))

    def _compiled_now(self, package: Package, model: bytes) -> onnxruntime.InferenceSession | None:
        """Return a session of the compiled form, if there is time to make it."""
        if self._compiled is None or not is_worth_compiling(model):
            return None
        digest = package.manifest.artifact(ArtifactRole.MODEL, variant=package.variant).digest
        if not self._has_loaded:
            self._compiled.compile_later(digest, model)
            return None
        return self._of_compiled(digest, self._compiled.compile(digest, model))

    def _of_compiled(self, digest: str, path: Path | None) -> onnxruntime.InferenceSession | None:
        if self._compiled is None or path is None:
            return None
        try:
            return self._session(path, self._choices[-1])
        except Exception:  # onnxruntime's errors share no better base class  # noqa: BLE001
            self._compiled.forget(digest)
            return None

    def _with_quick_scaler(self, model: bytes, name: str) -> onnxruntime.InferenceSession | None:
        """Return a session that is quicker for many rows and says the same, if there is one."""
        from edge_agent.adapters.quick_scalers import with_quick_scaler  # when many rows came

        changed = with_quick_scaler(model, what=f"model of {name}")
        if changed is model:
            return None
        try:
            return self._session(changed, self._choices[-1])
        except Exception:  # onnxruntime's errors share no better base class  # noqa: BLE001
            return None

    def _first_that_runs(
        self, model: bytes, name: str
    ) -> "tuple[onnxruntime.InferenceSession, list[str]]":
        """Return a session on the first provider that takes the model, and why not on others."""
        passed_over: list[str] = []
        *accelerators, processor = self._choices
        for choice in accelerators:
            if choice.name not in onnxruntime.get_available_providers():
                passed_over.append(missing_reason(choice.name))
                continue
            try:
                session = self._session(model, choice)
            except Exception as error:  # onnxruntime's errors share no better base class  # noqa: BLE001
                passed_over.append(f"{choice.name}: {_first_line(error)}")
                continue
            reason = _not_used(session, choice.name)
            if not reason:
                return session, passed_over
            passed_over.append(reason)
        try:
            return self._session(model, processor), passed_over
        except Exception as error:  # onnxruntime's errors share no better base class
            raise PackageError(f"model of {name} cannot run here: {_first_line(error)}") from error

    def _session(self, model: bytes | Path, choice: Choice) -> onnxruntime.InferenceSession:
        providers = [(choice.name, choice.options)]
        if choice.name != CPU:
            providers.append((CPU, {}))  # for the operators that the accelerator does not have
        given = model if isinstance(model, bytes) else str(model)
        session = onnxruntime.InferenceSession(given, self._options, providers=providers)
        if hasattr(session, "_model_bytes"):
            session._model_bytes = None  # kept for changing providers, which nobody does
        return session


class OnnxRuntimeSession:
    """One onnxruntime session; any thread may run it."""

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        outputs: Sequence[str],
        *,
        fallback: str = "",
        is_compiled: bool = False,
        quicker: Callable[[], onnxruntime.InferenceSession | None] | None = None,
    ) -> None:
        self.is_compiled = is_compiled
        """Whether it is of the compiled form, which is let go of in no time."""
        self._session = session
        self._outputs = list(outputs)
        self._fallback = fallback
        self._run: Run = partial(_quick_run(session), self._outputs)
        if quicker is not None and session.get_providers() == [CPU]:
            self._run = ManyRows(self._run, partial(self._quicker_run, quicker))
        self._run_options = onnxruntime.RunOptions()

    @property
    def provider(self) -> str:
        """The first execution provider that the session has taken."""
        return str(self._session.get_providers()[0])

    @property
    def fallback(self) -> str:
        """Why no provider that was preferred to this one is used; empty if there was none."""
        return self._fallback

    def run(self, feeds: "Mapping[str, Tensor]") -> "Sequence[Tensor]":
        """Run the model once; see :class:`edge_agent.ports.InferenceSession`."""
        try:
            outputs: Sequence[Tensor] = self._run(feeds, self._run_options)
        except Exception as error:  # onnxruntime's errors share no better base class
            raise UnavailableError(f"the model failed: {_first_line(error)}") from error
        return outputs

    def _quicker_run(self, make: Callable[[], onnxruntime.InferenceSession | None]) -> "Run | None":
        session = make()
        return None if session is None else partial(_quick_run(session), self._outputs)

    def bound(
        self, inputs: "Mapping[str, Tensor]", outputs: "Mapping[str, Tensor]"
    ) -> Callable[[], None] | None:
        """Run on fixed memory, where the processor does it and no tensor is of texts."""
        session = self._session
        if session.get_providers() != [CPU]:
            return None
        types = {
            given.name: given.type for given in (*session.get_inputs(), *session.get_outputs())
        }
        if any(
            types.get(name) != _TENSOR_TYPES.get(tensor.dtype.name, "")
            for name, tensor in (*inputs.items(), *outputs.items())
        ):
            return None
        binding = session.io_binding()
        for name, tensor in inputs.items():
            binding.bind_input(name, "cpu", 0, tensor.dtype.type, tensor.shape, tensor.ctypes.data)
        for name, tensor in outputs.items():
            binding.bind_output(name, "cpu", 0, tensor.dtype.type, tensor.shape, tensor.ctypes.data)
        inner, within = getattr(session, "_sess", None), getattr(binding, "_iobinding", None)
        if within is None or not hasattr(inner, "run_with_iobinding"):
            return partial(session.run_with_iobinding, binding)
        # What the public method calls: going through that takes a tenth of a small model's time,
        # and options that it would have to make anew for each call a tenth as well.
        options = onnxruntime.RunOptions()
        return partial(inner.run_with_iobinding, within, options)  # type: ignore[union-attr]


def _quick_run(session: onnxruntime.InferenceSession) -> "_PlainRun":
    """Return what the public ``run`` calls, where it does nothing of its own but look at names."""
    is_plain = session.get_providers() == [CPU]
    run: _PlainRun | None = (
        getattr(getattr(session, "_sess", None), "run", None) if is_plain else None
    )
    return session.run if run is None else run


def _not_used(session: onnxruntime.InferenceSession, name: str) -> str:
    """Return why a session that was made for a provider does not run on it; empty if it does."""
    if name not in session.get_providers():
        return missing_reason(name)
    if not hasattr(session, "get_provider_graph_assignment_info"):  # before onnxruntime 1.24
        return ""
    elsewhere: Counter[str] = Counter()
    for part in session.get_provider_graph_assignment_info():
        if part.ep_name == name:
            return ""
        elsewhere.update(node.op_type for node in part.get_nodes())
    operators = ", ".join(operator for operator, _ in elsewhere.most_common(_NAMED))
    return f"{name} has none of the model's operators ({operators}): they run on the processor"


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
