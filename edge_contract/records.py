"""Data classes that take a tenth of the time that the standard library's do, until they are used.

``dataclasses.dataclass`` writes and compiles up to seven methods for each class when its module is
imported. Of a hundred classes that takes longer than loading a model and running it, and a program
that starts makes one or two objects of most of them. Here the one method that gains by being
compiled, ``__init__``, is when there are more; the others are functions that all classes share. In
all other respects, for ``fields``, ``replace``, ``match`` and type checkers, they are what they
were.
"""

import dataclasses
import operator
from collections.abc import Callable, Sequence
from dataclasses import MISSING, field, fields, replace
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from dataclasses import dataclass

__all__ = ["dataclass", "field", "fields", "replace"]

_Values: TypeAlias = Callable[[object], tuple[object, ...]]
_Slot: TypeAlias = tuple[str, Callable[[object, object], None], object, object]
"""Name, what sets it, default and maker of a default: a field as ``__init__`` fills it."""

_ABSENT: Final = object()
_FEW: Final = 20
"""So many objects are made without a compiled method in the time that compiling it takes."""
_VALUES: Final[dict[type, _Values]] = {}


def _dataclass(
    *, frozen: bool = False, slots: bool, kw_only: bool = False, eq: bool = True
) -> Callable[[type], type]:
    """Make a class a data class with slots; see :func:`dataclasses.dataclass`."""
    bare = dataclasses.dataclass(init=False, repr=False, eq=False, kw_only=kw_only, slots=slots)

    def made(plain: type) -> type:
        own = {name for name, value in plain.__dict__.items() if value is not None}
        cls: type = bare(plain)
        if left_out := [each.name for each in fields(cls) if not each.init]:
            raise TypeError(
                f"{cls.__name__}.{left_out[0]}: init=False is for dataclasses.dataclass"
            )
        given: dict[str, object] = {"__init__": _first_init(cls), "__repr__": _repr}
        if eq:
            given |= {"__eq__": _eq, "__hash__": _hash if frozen else None}
        if frozen:
            given |= {"__setattr__": _refuse_setting, "__delattr__": _refuse_deleting}
            given |= {"__getstate__": _state, "__setstate__": _set_state}
        for name, method in given.items():
            if name not in own:
                setattr(cls, name, method)
        return cls

    return made


if not TYPE_CHECKING:
    dataclass = _dataclass


def _first_init(cls: type) -> Callable[..., None]:
    """Return an ``__init__`` that puts a compiled one into its place when it is often called."""
    left = _FEW
    ordered: list[str] = []
    slots: list[_Slot] = []

    def first(self: object, *args: object, **named: object) -> None:
        nonlocal left, ordered, slots
        if not slots:  # by position first: other threads look at the slots
            ordered = [each.name for each in fields(cls) if not each.kw_only]
            slots = [
                (each.name, getattr(cls, each.name).__set__, each.default, each.default_factory)
                for each in fields(cls)
            ]
        left -= 1
        if left >= 0 and len(args) <= len(ordered):
            given = dict(zip(ordered, args, strict=False))
            if given.keys().isdisjoint(named) and _filled(self, slots, given | named):
                if hasattr(cls, "__post_init__"):
                    self.__post_init__()  # type: ignore[attr-defined]
                return
        compiled = _compiled_init(cls)  # which knows what is wrong with the arguments, too
        setattr(cls, "__init__", compiled)  # noqa: B010  mypy refuses it otherwise
        compiled(self, *args, **named)

    return first


def _filled(self: object, slots: Sequence[_Slot], given: dict[str, object]) -> bool:
    """Set all fields; return whether what was given are their values, and no others."""
    for name, fill, default, make in slots:
        if name in given:
            fill(self, given.pop(name))
        elif default is not MISSING:
            fill(self, default)
        elif callable(make):  # MISSING is not
            fill(self, make())
        else:
            return False
    return not given


def _compiled_init(cls: type) -> Callable[..., None]:
    known: dict[str, object] = {"_absent": _ABSENT}
    ordered: list[str] = []
    named: list[str] = []
    lines: list[str] = []
    for each in fields(cls):
        name = each.name
        known[f"_set_{name}"] = getattr(cls, name).__set__
        value, default = name, ""
        if each.default is not MISSING:
            known[f"_default_{name}"] = each.default
            default = f"=_default_{name}"
        elif each.default_factory is not MISSING:
            known[f"_make_{name}"] = each.default_factory
            default = "=_absent"
            value = f"_make_{name}() if {name} is _absent else {name}"
        (named if each.kw_only else ordered).append(name + default)
        lines.append(f" _set_{name}(self, {value})\n")
    if hasattr(cls, "__post_init__"):
        lines.append(" self.__post_init__()\n")
    parameters = ", ".join(["self", *ordered, *(["*", *named] if named else [])])
    exec(f"def __init__({parameters}):\n{''.join(lines) or ' pass'}", known)  # noqa: S102  our own
    init: Callable[..., None] = known["__init__"]  # type: ignore[assignment]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    return init


def _values_of(cls: type) -> _Values:
    """Return what gives the values of an object that are compared."""
    names = [each.name for each in fields(cls) if each.compare]
    found: _Values
    if len(names) > 1:
        found = operator.attrgetter(*names)
    else:
        found = lambda record: tuple(getattr(record, name) for name in names)  # noqa: E731
    _VALUES[cls] = found
    return found


def _eq(self: object, other: object) -> object:
    cls = type(self)
    if type(other) is not cls:
        return NotImplemented
    values = _VALUES.get(cls) or _values_of(cls)
    return values(self) == values(other)


def _hash(self: object) -> int:
    return hash((_VALUES.get(type(self)) or _values_of(type(self)))(self))


def _repr(self: object) -> str:
    shown = (each.name for each in fields(self) if each.repr)  # type: ignore[arg-type]
    values = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
    return f"{type(self).__qualname__}({values})"


def _refuse_setting(self: object, name: str, value: object) -> None:  # noqa: ARG001
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_deleting(self: object, name: str) -> None:  # noqa: ARG001
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: object) -> list[object]:
    return [getattr(self, each.name) for each in fields(self)]  # type: ignore[arg-type]


def _set_state(self: object, state: list[object]) -> None:
    for each, value in zip(fields(self), state, strict=True):  # type: ignore[arg-type]
        object.__setattr__(self, each.name, value)
