"""The language of filters: ``tag.site == "oslo" and memory_mb >= 512``, read into conditions.

=====================================================  ==========================================
``==  !=  <  <=  >  >=``                               compare with a text in quotes, a number, or
                                                       ``true`` and ``false``
``in ("a", "b")``, ``not in (...)``                    is one of them, is none of them
``like "cam-*"``, ``not like``                         ``*`` is anything, ``?`` is one letter
``has tag.site``                                       is known at all
``and``, ``or``, ``not``, parentheses                  as everywhere; ``and`` binds before ``or``
=====================================================  ==========================================

What fields there are is said by :mod:`cloud_sync.core.device_fields`, what comparing means by
:mod:`cloud_sync.core.device_filter`.
"""

import difflib
import functools
import math
import re
from collections.abc import Collection, Sequence
from typing import Final, NoReturn

from lark import Lark, Token, UnexpectedCharacters, UnexpectedInput, UnexpectedToken
from lark.exceptions import VisitError
from lark.visitors import Transformer_NonRecursive

from cloud_sync.core.device_fields import FIELDS, MODEL_FIELDS, Field, FieldKind, dotted_field
from cloud_sync.core.device_filter import (
    Comparison,
    Condition,
    Either,
    Every,
    FilterError,
    Has,
    In,
    Like,
    Not,
    Operator,
    Scalar,
)

__all__ = ["LONGEST_FILTER", "parse_filter"]

LONGEST_FILTER: Final = 2000
"""Characters in a filter."""

_GRAMMAR: Final = r"""
start: either
?either: every ("or"i every)*          -> either
?every: negated ("and"i negated)*      -> every
?negated: "not"i negated               -> negation
    | "has"i FIELD                     -> has
    | "(" either ")"
    | FIELD OPERATOR value            -> comparison
    | FIELD "in"i _values               -> contained
    | FIELD "not"i "in"i _values         -> not_contained
    | FIELD "like"i TEXT               -> like
    | FIELD "not"i "like"i TEXT         -> not_like
_values: "(" value ("," value)* ","? ")" | "[" value ("," value)* ","? "]"
?value: TEXT | NUMBER | FLAG

FLAG.2: /(true|false)(?![\w.-])/i
FIELD: /[A-Za-z_]\w*(\.([\w-]+|"(\\["\\]|[^"\\])*"))*/i
OPERATOR: /==|!=|<=|>=|<|>/
TEXT: /"(\\["'\\]|[^"\\])*"|'(\\["'\\]|[^'\\])*'/
NUMBER: /[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?(?![\w.])/i
%ignore /\s+/
"""

_SHOWN: Final = 120
"""Characters of a filter that stand in an error."""

_WORDS: Final = {
    "FIELD": "a field such as memory_mb or tag.site",
    "OPERATOR": "one of == != < <= > >=",
    "TEXT": "a text in quotes",
    "NUMBER": "a number",
    "FLAG": "true or false",
    "LPAR": "'('",
    "RPAR": "')'",
    "LSQB": "'['",
    "RSQB": "']'",
    "COMMA": "','",
    "$END": "the end",
}
_SLIPS: Final = {
    "=": "two values are compared with ==",
    "&": "write 'and'",
    "|": "write 'or'",
    "!": "write 'not', or != to compare",
    "~": "write 'like'",
    '"': "this quote is never closed; before a quote inside, and before a backslash, goes one more "
    "backslash",
    "'": "this quote is never closed; before a quote inside, and before a backslash, goes one more "
    "backslash",
}


def parse_filter(text: str, *, facts: Collection[str] = ()) -> Condition:
    """Read a filter.

    Args:
        text: The filter.
        facts: Names of facts that devices report, which may then stand without ``fact.`` before
            them.

    Raises:
        FilterError: It cannot be read, names an unknown field, or compares one with a value of
            another kind.
    """
    if len(text) > LONGEST_FILTER:
        raise FilterError(
            f"a filter has at most {LONGEST_FILTER} characters, got {len(text)}: make groups of "
            "devices and name one"
        )
    for place, letter in enumerate(text):
        if letter == "\x00" or "\ud800" <= letter <= "\udfff":
            raise _error(text, place, f"{letter!r} is no letter that can be kept")
    if not text.strip():
        raise FilterError(f"the filter is empty: write something like {_EXAMPLE}")
    try:
        return _Reading(text, facts).read()
    except UnexpectedInput as error:
        raise _told(text, error) from error
    except VisitError as error:
        if isinstance(error.orig_exc, FilterError):
            raise error.orig_exc from None
        raise


_EXAMPLE: Final = "'tag.site == \"oslo\" and memory_mb >= 512'"


@functools.cache
def _grammar() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", lexer="contextual", propagate_positions=True)


class _Reading(Transformer_NonRecursive[Token, Condition]):
    """Turns what the grammar finds into conditions."""

    def __init__(self, text: str, facts: Collection[str]) -> None:
        super().__init__()
        self._text = text
        self._facts = facts

    def read(self) -> Condition:
        """Return the condition."""
        return self.transform(_grammar().parse(self._text))

    def start(self, parts: Sequence[Condition]) -> Condition:
        (condition,) = parts
        return condition

    def either(self, parts: Sequence[Condition]) -> Condition:
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def every(self, parts: Sequence[Condition]) -> Condition:
        return parts[0] if len(parts) == 1 else Every(tuple(parts))

    def negation(self, parts: Sequence[Condition]) -> Condition:
        (inner,) = parts
        return inner.condition if isinstance(inner, Not) else Not(inner)

    def has(self, parts: Sequence[Token]) -> Condition:
        (name,) = parts
        return Has(self._field(name))

    def comparison(self, parts: Sequence[Token]) -> Condition:
        name, operator, value = parts
        field = self._field(name)
        compared = Operator(str(operator))
        scalar = self._scalar(value, field)
        if compared not in (Operator.EQUAL, Operator.DIFFERENT) and (
            isinstance(scalar, bool) or field.values
        ):
            self._refuse(operator, f"{value} has no order: use == or !=")
        return Comparison(field, compared, scalar)

    def contained(self, parts: Sequence[Token]) -> Condition:
        name, *values = parts
        field = self._field(name)
        return In(field, tuple(self._scalar(value, field) for value in values))

    def not_contained(self, parts: Sequence[Token]) -> Condition:
        return Not(self.contained(parts))

    def like(self, parts: Sequence[Token]) -> Condition:
        name, pattern = parts
        field = self._field(name)
        if field.kind is FieldKind.NUMBER:
            self._refuse(pattern, f"{name} is a number; a pattern fits texts alone")
        return Like(field, _text_of(pattern))

    def not_like(self, parts: Sequence[Token]) -> Condition:
        return Not(self.like(parts))

    def _field(self, token: Token) -> Field:
        head, *rest = (part or name for part, name in _PARTS.findall(str(token)))
        parts = tuple(_UNESCAPED.sub(r"\1", part) for part in rest)
        if not parts and head in FIELDS:
            return FIELDS[head]
        if not parts and head in self._facts:
            parts, head = (head,), "fact"
        field = dotted_field(head, parts) if parts else None
        if field is None:
            self._refuse(token, f"field {str(token)!r} is unknown{self._suggestion(token)}")
        return field

    def _suggestion(self, token: Token) -> str:
        known = list(dict.fromkeys([*FIELDS, *sorted(self._facts)]))
        dotted = ("tag.NAME", "fact.NAME", *(f"model.NAME.{part}" for part in MODEL_FIELDS))
        close = difflib.get_close_matches(str(token), known, n=1)
        hint = f": did you mean {close[0]!r}?" if close else ""
        return f"{hint or ';'} known are {', '.join([*known, *dotted])}"

    def _scalar(self, token: Token, field: Field) -> Scalar:
        """Return a value that a field can be compared with."""
        value = _value_of(token)
        is_text = isinstance(value, str)
        if isinstance(value, float) and not math.isfinite(value):
            self._refuse(token, f"{token} is too large a number")
        if field.kind in (FieldKind.TEXT, FieldKind.TEXTS) and not is_text:
            self._refuse(token, f'{field.name} is a text: write "{token}"')
        if field.kind is FieldKind.NUMBER and (is_text or isinstance(value, bool)):
            self._refuse(token, f"{field.name} is a number, got {token}")
        if field.values and value not in field.values:
            self._refuse(token, f"{field.name} is one of {', '.join(field.values)}, got {token}")
        return value

    def _refuse(self, token: Token, why: str) -> NoReturn:
        raise _error(self._text, token.start_pos or 0, why)


_PARTS: Final = re.compile(r"\"((?:\\[\"\\]|[^\"\\])*)\"|([\w-]+)")
_UNESCAPED: Final = re.compile(r"\\([\"'\\])")


def _value_of(token: Token) -> Scalar:
    match token.type:
        case "TEXT":
            return _text_of(token)
        case "FLAG":
            return token.lower() == "true"
        case _:
            return float(token)


def _text_of(token: Token) -> str:
    return _UNESCAPED.sub(r"\1", token[1:-1])


def _told(text: str, error: UnexpectedInput) -> FilterError:
    """Return an error of the parser in our words."""
    match error:
        case UnexpectedCharacters():
            place = int(vars(error)["pos_in_stream"])  # which lark declares as always missing
            letter = text[place]
            what = f"{letter!r} cannot stand here"
            if letter in _SLIPS:
                what = f"{what}: {_SLIPS[letter]}"
            return _error(text, place, what)
        case UnexpectedToken(token=token, accepts=accepts):
            at_end = token.type == "$END"
            place = len(text) if at_end else token.start_pos or 0
            wanted = sorted(_WORDS.get(name, f"'{name.lower()}'") for name in accepts or ())
            expected = ", ".join(wanted[:-1]) + " or " * (len(wanted) > 1) + wanted[-1]
            found = "it ends here" if at_end else f"found {str(token)!r}"
            hint = ""
            if token.type == "FIELD" and "TEXT" in (accepts or ()):
                hint = f'; a text stands in quotes: "{token}"'
            return _error(text, place, f"{found}, expected {expected}{hint}")
        case _:
            return _error(text, 0, str(error))


def _error(text: str, place: int, what: str) -> FilterError:
    start = max(place - _SHOWN // 2, 0)
    shown = text[start : start + _SHOWN]
    before = "..." if start else ""
    after = "..." if start + _SHOWN < len(text) else ""
    return FilterError(f"filter {before}{shown!r}{after} at column {place + 1}: {what}")
