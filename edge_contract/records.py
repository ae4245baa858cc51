"""Data classes that take a tenth of the time that the standard library's do, until they are used.

``dataclasses.dataclass`` writes and compiles up to seven methods for each class when its module is
imported. Of a hundred classes that takes longer than loading a model and running it, and a program
that starts makes one or two objects of most of them. Here the one method that gains by being
compiled, ``__init__``, is when there are more; the others are functions that all classes share. In
all other respects, for ``fields``, ``replace``, ``match`` and type checkers, they are what they
were.
"""

import dataclasses
import inspect
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, field, fields, replace
from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias

if TYPE_CHECKING:
    from dataclasses import dataclass

__all__ = ["as_plain", "dataclass", "field", "fields", "replace"]

_Values: TypeAlias = Callable[[object], tuple[object, ...]]
_Place: TypeAlias = tuple[str, object, object, bool, bool]
"""A field: name, default, maker of a default, whether it goes by name only, and is compared."""

_ABSENT: Final = object()
_FEW: Final = 20
"""So many objects are made without a compiled method in the time that compiling it takes."""
_PLACES: Final[dict[type, tuple[_Place, ...]]] = {}
_VALUES: Final[dict[type, _Values]] = {}
_TOOLS: Final = ("__dataclass_fields__", "__dataclass_params__")
_UNSLOTTED: Final = ("__dict__", "__weakref__")


def _dataclass(
    *, frozen: bool = False, slots: bool, kw_only: bool = False, eq: bool = True
) -> Callable[[type], type]:
    """Make a class a data class with slots; see :func:`dataclasses.dataclass`."""
    if not slots:
        raise TypeError("slots=True is all there is here: dataclasses.dataclass makes others")

    def made(plain: type) -> type:
        own = [name for name, kind in inspect.get_annotations(plain).items() if _is_field(kind)]
        defaults = {name: plain.__dict__[name] for name in own if name in plain.__dict__}
        places = _places(plain, own, defaults, kw_only=kw_only)
        given: dict[str, object] = {"__repr__": _repr}
        if eq:
            given |= {"__eq__": _eq, "__hash__": _hash if frozen else None}
        if frozen:
            given |= {"__setattr__": _refuse_setting, "__delattr__": _refuse_deleting}
            given |= {"__getstate__": _state, "__setstate__": _set_state}
        given["__init__"] = first = _first_init(places)
        given |= {name: _Tool(defaults, kw_only=kw_only) for name in _TOOLS}
        given["__match_args__"] = tuple(place[0] for place in places if not place[3])
        taken = {name for base in plain.__mro__[1:] for name in base.__dict__.get("__slots__", ())}
        given["__slots__"] = tuple(name for name in own if name not in taken)
        # All at once: whenever a method is set later, the interpreter looks the class over.
        given |= {
            name: value
            for name, value in plain.__dict__.items()
            if name not in _UNSLOTTED
            and name not in defaults
            and not (value is None and name in given)  # a class with __eq__ has None as __hash__
        }
        cls = type(plain)(plain.__name__, plain.__bases__, given)
        _PLACES[cls] = places
        if "__init__" not in plain.__dict__:
            first.__dict__["cls"] = cls
        return cls

    return made


if not TYPE_CHECKING:
    dataclass = _dataclass


def as_plain(value: object) -> object:
    """Return a value with dicts for the records in it, and lists for tuples: JSON can be of it.

    ``dataclasses.asdict`` copies everything else as well, and has to ask each class for its fields.
    """
    if isinstance(value, tuple | list):
        return [as_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {key: as_plain(each) for key, each in value.items()}
    if type(value) in _PLACES:
        return {place[0]: as_plain(getattr(value, place[0])) for place in _PLACES[type(value)]}
    return value


def _is_field(kind: object) -> bool:
    """Return whether an annotation is of a field, and not of the class."""
    if isinstance(kind, str):
        return not kind.startswith(("ClassVar", "typing.ClassVar"))
    return getattr(kind, "__origin__", kind) is not ClassVar


def _places(
    plain: type, own: Sequence[str], defaults: Mapping[str, object], *, kw_only: bool
) -> tuple[_Place, ...]:
    """Return all fields of a class, those of its bases included."""
    found: dict[str, _Place] = {}
    for base in reversed(plain.__mro__[1:]):
        found |= {place[0]: place for place in _PLACES.get(base, ())}
    for name in own:
        default = defaults.get(name, MISSING)
        by_name, is_compared = kw_only, True
        make: object = MISSING
        if isinstance(default, Field):
            if not default.init:
                raise TypeError(f"{plain.__name__}.{name}: init=False is for dataclasses.dataclass")
            by_name = kw_only if default.kw_only is MISSING else default.kw_only
            make, is_compared = default.default_factory, default.compare
            default = default.default
        if type(default).__hash__ is None:
            raise ValueError(
                f"{plain.__name__}.{name} cannot be {default!r} by default: all objects would "
                "share it, use field(default_factory=...)"
            )
        found[name] = (name, default, make, by_name, is_compared)
    _require_order(plain, found.values())
    return tuple(found.values())


def _require_order(plain: type, places: Iterable[_Place]) -> None:
    before = ""
    for name, default, make, by_name, _ in places:
        if by_name:
            continue
        if default is not MISSING or make is not MISSING:
            before = name
        elif before:
            raise TypeError(
                f"{plain.__name__}.{name} has no default and follows {before}, which has one"
            )


class _Tool:
    """What functions of ``dataclasses`` ask a class for, made when one does."""

    def __init__(self, defaults: Mapping[str, object], *, kw_only: bool) -> None:
        self._defaults = defaults
        self._kw_only = kw_only

    def __set_name__(self, owner: type, name: str) -> None:
        self._owner = owner
        self._name = name

    def __get__(self, record: object, cls: type) -> object:
        owner = self._owner
        namespace = {
            "__annotations__": inspect.get_annotations(owner),
            "__doc__": owner.__doc__ or owner.__name__,  # one of a signature takes a millisecond
            **self._defaults,
        }
        twin = type(owner.__name__, owner.__bases__, namespace)
        dataclasses.dataclass(init=False, repr=False, eq=False, kw_only=self._kw_only)(twin)
        for name in _TOOLS:
            setattr(owner, name, twin.__dict__[name])
        return twin.__dict__[self._name]


def _first_init(places: Sequence[_Place]) -> Callable[..., None]:
    """Return an ``__init__`` that puts a compiled one into its place when it is often called."""
    left = _FEW
    ordered = [name for name, _, _, by_name, _ in places if not by_name]
    setters: list[Callable[[object, object], None]] = []

    def first(self: object, *args: object, **named: object) -> None:
        nonlocal left, setters
        cls: type = first.__dict__["cls"]
        if not setters:
            setters = [getattr(cls, place[0]).__set__ for place in places]
        left -= 1
        if left >= 0 and len(args) <= len(ordered):
            given = dict(zip(ordered, args, strict=False))
            if given.keys().isdisjoint(named) and _filled(self, places, setters, given | named):
                if hasattr(cls, "__post_init__"):
                    self.__post_init__()  # type: ignore[attr-defined]
                return
        compiled = _compiled_init(cls, places)  # it knows what is wrong with arguments, too
        setattr(cls, "__init__", compiled)  # noqa: B010  mypy refuses it otherwise
        compiled(self, *args, **named)

    return first


def _filled(
    self: object,
    places: Sequence[_Place],
    setters: Sequence[Callable[[object, object], None]],
    given: dict[str, object],
) -> bool:
    """Set all fields; return whether what was given are their values, and no others."""
    for (name, default, make, *_), fill in zip(places, setters, strict=True):
        if name in given:
            fill(self, given.pop(name))
        elif default is not MISSING:
            fill(self, default)
        elif callable(make):  # MISSING is not
            fill(self, make())
        else:
            return False
    return not given


def _compiled_init(cls: type, places: Sequence[_Place]) -> Callable[..., None]:
    known: dict[str, object] = {"_absent": _ABSENT}
    ordered: list[str] = []
    named: list[str] = []
    lines: list[str] = []
    for name, preset, make, by_name, _ in places:
        known[f"_set_{name}"] = getattr(cls, name).__set__
        value, default = name, ""
        if preset is not MISSING:
            known[f"_default_{name}"] = preset
            default = f"=_default_{name}"
        elif make is not MISSING:
            known[f"_make_{name}"] = make
            default = "=_absent"
            value = f"_make_{name}() if {name} is _absent else {name}"
        (named if by_name else ordered).append(name + default)
        lines.append(f" _set_{name}(self, {value})\n")
    if hasattr(cls, "__post_init__"):
        lines.append(" self.__post_init__()\n")
    parameters = ", ".join(["self", *ordered, *(["*", *named] if named else [])])
    exec(f"def __init__({parameters}):\n{''.join(lines) or ' pass'}", known)  # noqa: S102  our own
    init: Callable[..., None] = known["__init__"]  # type: ignore[assignment]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    return init


def _places_of(cls: type) -> tuple[_Place, ...]:
    return next(_PLACES[each] for each in cls.__mro__ if each in _PLACES)


def _values_of(cls: type) -> _Values:
    """Return what gives the values of an object that are compared."""
    names = [place[0] for place in _places_of(cls) if place[4]]
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
    return [getattr(self, place[0]) for place in _places_of(type(self))]


def _set_state(self: object, state: list[object]) -> None:
    for place, value in zip(_places_of(type(self)), state, strict=True):
        object.__setattr__(self, place[0], value)
