"""The fields of a class of settings, each with its name outside, and text made into their values. Pure."""

from __future__ import annotations

import dataclasses
import decimal
import enum
import math
import pathlib
import types
import typing
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Final, Literal

from howdah.observe.secret import Secret

NOTHING: Final = object()
"""The default of a field that has none: it must be set."""

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """One setting: its name outside, where it is in the class, what it is, and what is said of it."""

    name: str
    path: tuple[str, ...]
    annotation: Any
    default: Any
    help: str
    checked: bool = False
    """Whether the class checks it itself, as models of pydantic do: what no text can mean to us is left to it."""

    @property
    def required(self) -> bool:
        """Whether somebody has to set it."""
        return self.default is NOTHING

    @property
    def takes_empty(self) -> bool:
        """Whether the empty text is a value, itself or None. To everything else it is as if nothing were set."""
        return self.annotation is str or type(None) in typing.get_args(self.annotation)


def fields_of(settings: type, prefix: str = "") -> Iterator[Field]:
    """Every field of a class of settings, in their order; those of a class within it have its name before theirs.

    ``mail: Mail`` with ``port: int`` is ``MAIL_PORT``.
    """
    for name, annotation, default in _declared(settings):
        kind, help_text = _bare(annotation)
        if is_settings(kind):
            for field in fields_of(kind, f"{prefix}{name.upper()}_"):
                yield dataclasses.replace(field, path=(name, *field.path))
        else:
            checked = not dataclasses.is_dataclass(settings)
            yield Field(f"{prefix}{name.upper()}", (name,), kind, default, help_text, checked)


def is_settings(kind: Any) -> bool:
    """Whether a type is a class of settings: a dataclass, or a model of pydantic."""
    return isinstance(kind, type) and (dataclasses.is_dataclass(kind) or hasattr(kind, "model_fields"))


def build(settings: Any, values: Mapping[tuple[str, ...], Any], path: tuple[str, ...] = ()) -> Any:
    """An instance of the class, with the values by their paths; what is not among them has its default.

    Raises whatever the class raises for values that do not go together.
    """
    given: dict[str, Any] = {}
    for name, annotation, _ in _declared(settings):
        kind, _help = _bare(annotation)
        here = (*path, name)
        if is_settings(kind):
            given[name] = build(kind, values, here)
        elif here in values:
            given[name] = values[here]
    return settings(**given)


def value_of(text: str, field: Field) -> Any:
    """The value of a setting. Raises ValueError, whose text says what it should be and repeats nothing."""
    if field.checked and isinstance(field.annotation, type) and field.annotation not in _READERS:
        return text
    return read(text, field.annotation)


def read(text: str, annotation: Any) -> Any:
    """The value that a text means. Raises ValueError, whose text says what it should be and repeats nothing.

    >>> read("10", int), read("a, b", list[str]), read("", int | None), read("yes", bool)
    (10, ['a', 'b'], None, True)
    """
    kind, _ = _bare(annotation)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in {typing.Union, types.UnionType}:
        return _read_any(text, arguments)
    if origin is Literal:
        return _read_choice(text, arguments)
    if origin in {list, tuple, set, frozenset}:
        item = arguments[0] if arguments else str
        return origin(read(part.strip(), item) for part in text.split(",") if part.strip())
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return kind(_read_choice(text, [member.value for member in kind]))
    reader = _READERS.get(kind)
    if reader is None:
        raise ValueError(f"of the type {getattr(kind, '__name__', kind)}, which no text can mean")
    return reader(text)


def written(value: Any) -> str:
    """A default as it stands in a template; a secret's is not shown.

    >>> written([1, 2]), written(True), written(None), written(Secret("x"))
    ('1,2', 'true', '', '')
    """
    match value:
        case None | Secret():
            return ""
        case bool():
            return "true" if value else "false"
        case enum.Enum():
            return written(value.value)
        case list() | tuple() | set() | frozenset():
            return ",".join(written(item) for item in value)
    return "" if hasattr(value, "get_secret_value") else str(value)  # pydantic's own kind of secret


def described(annotation: Any) -> str:
    """What a field takes, in a word or two.

    >>> described(int), described(list[str]), described(Literal["a", "b"]), described(int | None), described(Secret)
    ('int', 'list of str', 'a or b', 'int', 'secret')
    """
    kind, _ = _bare(annotation)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in {typing.Union, types.UnionType}:
        return " or ".join(described(one) for one in arguments if one is not type(None))
    if origin is Literal:
        return " or ".join(str(one) for one in arguments)
    if origin is not None:
        return f"list of {described(arguments[0]) if arguments else 'str'}"
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return " or ".join(str(member.value) for member in kind)
    return str(getattr(kind, "__name__", kind)).lower()


def _declared(settings: Any) -> Iterator[tuple[str, Any, Any]]:
    """Name, annotation and default of each field."""
    hints = typing.get_type_hints(settings, include_extras=True)
    if dataclasses.is_dataclass(settings):
        for field in dataclasses.fields(settings):
            if not field.init:
                continue
            made = NOTHING if field.default_factory is dataclasses.MISSING else field.default_factory()
            yield field.name, hints[field.name], made if field.default is dataclasses.MISSING else field.default
        return
    for name, model_field in settings.model_fields.items():
        default = NOTHING if model_field.is_required() else model_field.get_default(call_default_factory=True)
        annotation = hints[name]
        if model_field.description:
            annotation = Annotated[annotation, model_field.description]
        yield name, annotation, default


def _bare(annotation: Any) -> tuple[Any, str]:
    """The type without what is said of it, and that."""
    if typing.get_origin(annotation) is Annotated:
        kind, *rest = typing.get_args(annotation)
        return kind, " ".join(one for one in rest if isinstance(one, str))
    return annotation, ""


def _read_any(text: str, kinds: tuple[Any, ...]) -> Any:
    if type(None) in kinds and not text:
        return None
    problem = ValueError("something else")
    for kind in kinds:
        if kind is not type(None):
            try:
                return read(text, kind)
            except ValueError as error:
                problem = error
    raise problem


def _read_choice(text: str, choices: Any) -> Any:
    for choice in choices:
        if str(choice) == text:
            return choice
    raise ValueError(f"one of {', '.join(str(choice) for choice in choices)}")


def _read_bool(text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError("true or false")


def _reader(kind: Callable[[str], Any], said: str) -> Callable[[str], Any]:
    def read_one(text: str) -> Any:
        try:
            value = kind(text)
        except (ValueError, ArithmeticError):
            raise ValueError(said) from None
        if isinstance(value, float | decimal.Decimal) and not math.isfinite(value):
            raise ValueError(said)
        return value

    return read_one


_READERS: Final[Mapping[Any, Callable[[str], Any]]] = {
    str: str,
    Any: str,
    bool: _read_bool,
    int: _reader(int, "a whole number"),
    float: _reader(float, "a number"),
    decimal.Decimal: _reader(decimal.Decimal, "a number"),
    uuid.UUID: _reader(uuid.UUID, "a UUID"),
    pathlib.Path: pathlib.Path,
    Secret: Secret,
}
