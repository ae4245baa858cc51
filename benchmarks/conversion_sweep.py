"""Converts every estimator of scikit-learn, by edgefleet and by plain skl2onnx, and judges both."""

import enum
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from benchmarks.conversion_cases import Case, cases
from benchmarks.conversion_checks import Hostile, fault_of, session_of

__all__ = ["Outcome", "Verdict", "by_edgefleet", "by_skl2onnx", "cell", "judged", "sweep"]

_MAX_REASON: Final = 240


class Verdict(enum.StrEnum):
    """What became of an estimator."""

    RIGHT = "right"
    REFUSED = "refused"
    WRONG = "wrong, silently"
    UNFIT = "could not be fitted"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict on one estimator, with the reason if it is not right."""

    name: str
    verdict: Verdict
    reason: str = ""


Convert = Callable[[Case], bytes]


def by_edgefleet(case: Case) -> bytes:
    """Return the model of the package that ``edgefleet.convert`` makes."""
    from edgefleet.converting import convert

    package = convert(case.model, case.data.held_out, name="m", version="1.0.0")
    return package.model()


def by_skl2onnx(case: Case) -> bytes:
    """Return what ``skl2onnx.to_onnx`` makes of the estimator and one row."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import StringTensorType

    rows = case.data.held_out
    if isinstance(rows, np.ndarray) and rows.dtype != object:
        model = to_onnx(case.model, rows[:1])
    else:
        model = to_onnx(case.model, initial_types=[("X", StringTensorType([None, 1]))])
    data: bytes = model.SerializeToString()
    return data


def sweep(
    convert: Convert, *, kind: str, offset: float = 0.0, only: frozenset[str] | None = None
) -> Iterator[Outcome]:
    """Yield an outcome for every estimator; see :func:`benchmarks.conversion_cases.cases`."""
    for case in cases(kind=kind, offset=offset, only=only):
        with warnings.catch_warnings(), threadpool_limits(1):
            warnings.simplefilter("ignore")
            outcome = judged(case, convert)
        yield outcome


def judged(case: Case, convert: Convert, *, more: Sequence[Hostile] = ()) -> Outcome:
    """Convert and judge; ``more`` rows than those that are made up for every estimator."""
    if case.problem:
        return Outcome(case.name, Verdict.UNFIT, case.problem)
    try:
        session = session_of(convert(case))
    except Exception as error:  # noqa: BLE001  skl2onnx raises whatever its arithmetic raises
        return Outcome(case.name, Verdict.REFUSED, _one_line(error))
    try:
        fault = fault_of(case, session, more=more)
    except Exception as error:  # noqa: BLE001  a model that fails on rows says so, not silently
        return Outcome(case.name, Verdict.REFUSED, f"fails on rows: {_one_line(error)}")
    return Outcome(case.name, Verdict.WRONG if fault else Verdict.RIGHT, fault)


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    text = re.sub(r"\[\d\d:\d\d:\d\d\] |(?<=\s)/\S+/", "", text)  # of their build, or now
    return text[:_MAX_REASON]


def cell(text: str) -> str:
    """Return a text as it stands in a cell of a Markdown table."""
    return re.sub(r"([|<>*_])", r"\\\1", text)
