"""One ONNX graph of several, each fed by the one before it: so that a package stays one unit."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import onnx
from onnx import ModelProto, compose, helper, version_converter

from converters.graph import parse_model
from converters.runtime import OnnxModel, first_line_of
from edge_contract.errors import PackageError, UsageError
from edge_contract.package import TensorSpec

__all__ = ["Stage", "composed"]

_MAIN: Final = ("", "ai.onnx")


@dataclass(frozen=True, slots=True)
class Stage:
    """One graph of several.

    Attributes:
        name: For people, and what its values are called in the whole: ``preprocessing``.
        model: The serialized ``ModelProto``.
    """

    name: str
    model: bytes


def composed(stages: Sequence[Stage]) -> bytes:
    """Return one model that does what the stages do one after the other.

    Every input of a later stage is an output of the one before it: the one of its name, or the only
    one. Outputs that nobody takes stay outputs of the whole, unless a later stage has one of the
    same name.

    Raises:
        UsageError: An output does not fit the input that it feeds, or is missing.
        PackageError: The stages cannot be one model.
    """
    protos = [parse_model(stage.model, what=f"the {stage.name} model") for stage in stages]
    _unify_opsets(stages, protos)
    whole = compose.add_prefix(protos[0], _prefix(stages[0]), rename_inputs=False)
    places = {output.name: _prefix(stages[0]) + output.name for output in protos[0].graph.output}
    for before, stage, proto in zip(stages, stages[1:], protos[1:], strict=False):
        links = _links(before, stage)
        kept = {name: place for name, place in places.items() if name not in links.values()}
        added = {output.name: _prefix(stage) + output.name for output in proto.graph.output}
        io_map = [(places[given], _prefix(stage) + taken) for taken, given in links.items()]
        places = {**kept, **added}
        try:
            whole = compose.merge_models(
                whole,
                compose.add_prefix(proto, _prefix(stage)),
                io_map=io_map,
                outputs=list(places.values()),
            )
        except Exception as error:  # onnx raises ValueError, and its checker's own errors
            raise PackageError(
                f"the {before.name} and the {stage.name} model cannot be one: "
                f"{first_line_of(error)}"
            ) from error
    _name_outputs(whole, places)
    data: bytes = whole.SerializeToString(deterministic=True)
    return data


def _prefix(stage: Stage) -> str:
    return f"{stage.name}/"


def _links(before: Stage, after: Stage) -> dict[str, str]:
    """Return which output of the stage before feeds each input of a stage."""
    given = {spec.name: spec for spec in OnnxModel(before.model, what=_what(before)).outputs}
    taken = OnnxModel(after.model, what=_what(after)).inputs
    if len(taken) == 1 and len(given) == 1:
        links = {taken[0].name: next(iter(given))}
    else:
        links = {spec.name: spec.name for spec in taken}
    for spec in taken:
        found = given.get(links[spec.name])
        if found is None or not _fits(found, spec):
            shown = ", ".join(f"{each.name!r} {each}" for each in given.values())
            raise UsageError(
                f"input {spec.name!r} of {_what(after)} is {spec}, and no output of "
                f"{_what(before)} feeds it: that has {shown}; call outputs as the inputs that they "
                "feed"
            )
    return links


def _what(stage: Stage) -> str:
    return f"the {stage.name} model"


def _fits(given: TensorSpec, taken: TensorSpec) -> bool:
    return given.element_type == taken.element_type and (
        len(given.shape) == len(taken.shape)
        and all(
            isinstance(a, str) or isinstance(b, str) or a == b
            for a, b in zip(given.shape, taken.shape, strict=True)
        )
    )


def _unify_opsets(stages: Sequence[Stage], protos: list[ModelProto]) -> None:
    """Bring all stages to the newest operator sets that one of them needs."""
    newest: dict[str, int] = {}
    for proto in protos:
        for domain, number in _opsets(proto):
            newest[domain] = max(newest.get(domain, 0), number)
    for place, stage in enumerate(stages):
        had = dict(_opsets(protos[place]))
        if "" in newest and had.get("", newest[""]) != newest[""]:
            protos[place] = _raised(protos[place], newest[""], stage)
        proto = protos[place]
        del proto.opset_import[:]
        proto.opset_import.extend(helper.make_opsetid(*item) for item in sorted(newest.items()))
        proto.ir_version = max(each.ir_version for each in protos)


def _opsets(proto: ModelProto) -> Iterator[tuple[str, int]]:
    for entry in proto.opset_import:
        yield "" if entry.domain in _MAIN else entry.domain, entry.version


def _raised(proto: ModelProto, version: int, stage: Stage) -> ModelProto:
    try:
        return version_converter.convert_version(proto, version)
    except Exception as error:  # the converter is C++ and raises RuntimeError and others
        raise PackageError(
            f"{_what(stage)} cannot be brought to operator set {version}: {first_line_of(error)}; "
            f"export it with that one"
        ) from error


def _name_outputs(whole: ModelProto, places: Mapping[str, str]) -> None:
    """Give the outputs their own names again."""
    names = {place: name for name, place in places.items()}
    inputs = {value.name for value in whole.graph.input}
    for output in whole.graph.output:
        name = names[output.name]
        if name in inputs:
            raise UsageError(f"{name!r} is an input and an output: give one of them another name")
        whole.graph.node.append(onnx.helper.make_node("Identity", [output.name], [name]))
        output.name = name
