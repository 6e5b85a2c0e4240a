"""Query templates: stored requests with parameters, ``{"param": name}`` or with a ``default`` beside it.

A parameter stands where a value stands: what a column is compared with or set to, one member of a list, ``limit`` and
``offset``, what a function is given, the words of a search, the cursor of a page. It is never a table, a column, an
operator or a condition, and what an argument contains never becomes one, nor a reference where the template is a
transaction: so a template does what its author wrote, whatever is sent to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, TypeAlias

from howdah.data.errors import MethodNotAllowed, NotExists, NotSupported, ParseFailed, Path, UnexpectedPayload
from howdah.data.query.predicate import is_comparison, is_connective
from howdah.data.query.reading import expected, read_name, read_object, refuse_other_keys, require
from howdah.data.query.references import stands_for_another

EXECUTE: Final = "execute_query_template"

READS: Final = frozenset({"select", "count", "aggregate"})
SEVERAL: Final = frozenset({"bulk", "transaction"})
TEMPLATE_TYPES: Final = READS | SEVERAL | {"insert", "update", "delete"}

Templates: TypeAlias = Mapping[str, Mapping[str, Any]]
"""Stored requests by name."""

Slot: TypeAlias = Literal["value", "number", "list", "flag", "words", "cursor"]
"""What stands in a place; a ``number`` is one of rows, and without a ``cursor`` a page is the first."""

_Argument = Callable[[str, Mapping[str, Any], Slot], Any]


def expand(
    request: Any, templates: Templates, path: Path = None, *, textual: bool = False, only_reading: bool = False
) -> Any:
    """The request; or, where it executes a template, the request that this is with its arguments.

    ``textual`` arguments were in an address, and are digits where a number is expected. Raises NotExists,
    MethodNotAllowed, ParseFailed (no template's name, no argument) and UnexpectedPayload (an unknown parameter).
    """
    if not isinstance(request, dict) or request.get("type") != EXECUTE or "args" not in request:
        return request
    refuse_other_keys(request, frozenset({"type", "args", "version"}), path)
    place = (path, "args")
    fields = read_object(request["args"], place)
    refuse_other_keys(fields, frozenset({"name", "args"}), place)
    name = read_name(require(fields, "name", place), (place, "name"))
    arguments = read_object(fields.get("args") or {}, (place, "args"))
    template = templates.get(name)
    if template is None:
        raise NotExists(f'query template "{name}" does not exist', path=(place, "name"))
    if only_reading and not only_reads(template):
        raise MethodNotAllowed(f'query template "{name}" writes: send it with POST')
    return fill(template, arguments, (place, "args"), textual=textual)


def fill(template: Mapping[str, Any], arguments: Mapping[str, Any], path: Path, *, textual: bool = False) -> Any:
    """The request that the template is with these arguments; see `expand`.

    Raises ParseFailed for a missing argument and UnexpectedPayload for one that the template has no parameter for.
    """
    known: set[str] = set()

    def argument(name: str, hole: Mapping[str, Any], slot: Slot) -> Any:
        known.add(name)
        if name in arguments:
            value = arguments[name]
            if textual and slot == "number" and isinstance(value, str) and value.isascii() and value.isdigit():
                return int(value)
            if slot in _TEXTS and not isinstance(value, str) and (value is not None or slot == "words"):
                raise expected("String", value, (path, name))
            return _copied(value)
        if "default" in hole:
            return _copied(hole["default"])
        raise ParseFailed(f'the argument "{name}" is missing', path=path)

    filled = _Filling(argument, escaped=template.get("type") == "transaction").request(template, None)
    for name in arguments:
        if name not in known:
            raise UnexpectedPayload(f'the template has no parameter "{name}"', path=(path, name))
    return filled


def sample(template: Mapping[str, Any], path: Path) -> Any:
    """The request with some value for each parameter, of a kind that can stand there: for looking at its form.

    Raises NotSupported for what cannot be a template, and UnexpectedPayload for a parameter where no value stands.
    """
    samples: dict[Slot, Any] = {"value": "", "number": 0, "list": [], "flag": True, "words": "", "cursor": None}
    return _Filling(lambda _name, _hole, slot: samples[slot]).request(template, path)


def parameters(template: Mapping[str, Any]) -> dict[str, tuple[Slot | None, Mapping[str, Any]]]:
    """The template's parameters in order: where each stands (None: in different places), and how it is written.

    >>> parameters({"type": "count", "args": {"table": "t", "where": {"id": {"param": "id"}}}})
    {'id': ('value', {'param': 'id'})}
    """
    found: dict[str, tuple[Slot | None, Mapping[str, Any]]] = {}

    def note(name: str, hole: Mapping[str, Any], slot: Slot) -> None:
        before, written = found.get(name, (slot, hole))
        # One place without a default is enough to make the argument necessary.
        found[name] = (slot if before == slot else None, hole if "default" not in hole else written)

    _Filling(note).request(template, None)
    return found


def only_reads(template: Mapping[str, Any]) -> bool:
    """Whether nothing in the template writes."""
    kind, args = template.get("type"), template.get("args")
    if kind in SEVERAL and isinstance(args, list):
        return all(isinstance(one, Mapping) and only_reads(one) for one in args)
    return isinstance(kind, str) and kind in READS


_WRITTEN: Final = frozenset({"$set", "values", "$inc", "$mul"})
_NUMBERS: Final = frozenset({"limit", "offset"})
_TEXTS: Final = frozenset({"words", "cursor"})
_WITH_SLOTS: Final[Mapping[str, Mapping[str, Slot]]] = {
    "search": {"query": "words"},
    "page": {"after": "cursor", "before": "cursor", "total": "flag"},
}
_NAMING: Final = frozenset({"ceq", "cne", "cneq", "cgt", "clt", "cgte", "clte"})
_LISTS: Final = frozenset(
    {"in", "nin", "has_keys_any", "has_keys_all", "ancestor_any", "descendant_any", "matches_any"}
)


class _Filling:
    """One walk through a template, which makes a copy with ``argument``'s values in it.

    Where they would be read as references they are ``escaped``.
    """

    def __init__(self, argument: _Argument, *, escaped: bool = False) -> None:
        self._argument = argument
        self._escaped = escaped

    def request(self, value: Any, path: Path) -> Any:
        kind = value.get("type") if isinstance(value, Mapping) else None
        if not isinstance(kind, str) or kind not in TEMPLATE_TYPES:
            kinds = ", ".join(sorted(TEMPLATE_TYPES))
            raise NotSupported(f"a template is a request of one of the types {kinds}", path=path)
        place, args = (path, "args"), value.get("args")
        if kind in SEVERAL and isinstance(args, list):
            return {**value, "args": [self.request(one, (place, index)) for index, one in enumerate(args)]}
        return {**value, "args": self.arguments(args, place)}

    def arguments(self, args: Any, path: Path) -> Any:
        if not isinstance(args, Mapping) or _is_hole(args):
            return self.fixed(args, path)
        return {key: self.part(key, value, (path, key)) for key, value in args.items()}

    def part(self, key: str, value: Any, path: Path) -> Any:
        if key == "where":
            return self.condition(value, path)
        if key == "columns" and isinstance(value, list):
            return [self.arguments(one, (path, index)) for index, one in enumerate(value)]
        if key == "objects" and isinstance(value, list):
            return [self.row(one, (path, index)) for index, one in enumerate(value)]
        if key in _WRITTEN:
            return self.row(value, path)
        if key in _NUMBERS and _is_hole(value):
            return self._argument(value["param"], value, "number")
        if key == "arguments" and isinstance(value, list):
            return [self.whole(one) for one in value]
        if key == "arguments" and isinstance(value, Mapping) and not _is_hole(value):
            return {name: self.whole(item) for name, item in value.items()}
        if key in _WITH_SLOTS and isinstance(value, Mapping) and not _is_hole(value):
            return {inner: self.slotted(key, inner, item, (path, inner)) for inner, item in value.items()}
        return self.fixed(value, path)

    def slotted(self, key: str, inner: str, value: Any, path: Path) -> Any:
        """What is inside of a search or a page."""
        slot = _WITH_SLOTS[key].get(inner)
        if slot is None:
            return self.fixed(value, path)
        if _is_hole(value):
            return self._argument(value["param"], value, slot)
        # A place may also be told by values.
        return {name: self.whole(item) for name, item in value.items()} if isinstance(value, Mapping) else value

    def whole(self, value: Any) -> Any:
        """A value by itself, which in a transaction may be a reference where the template says so."""
        return self.given(value, "value") if _is_hole(value) else self.inside(value)

    def given(self, hole: Mapping[str, Any], slot: Slot) -> Any:
        """The argument, which is never a reference."""
        value = self._argument(hole["param"], hole, slot)
        if not self._escaped:
            return value
        if slot == "list" and isinstance(value, list):
            return [_escaped(item) for item in value]
        return _escaped(value)

    def condition(self, value: Any, path: Path) -> Any:
        if isinstance(value, list):
            return [self.condition(one, (path, index)) for index, one in enumerate(value)]
        if not isinstance(value, Mapping) or _is_hole(value):
            return self.fixed(value, path)
        return {key: self.entry(key, item, (path, key)) for key, item in value.items()}

    def entry(self, key: str, value: Any, path: Path) -> Any:
        name = key[1:]
        if is_connective(key):
            if name == "exists" and isinstance(value, Mapping) and not _is_hole(value):
                return {
                    inner: self.condition(item, (path, inner)) if inner == "_where" else self.fixed(item, (path, inner))
                    for inner, item in value.items()
                }
            return self.condition(value, path)
        if not is_comparison(key) or name == "cast":
            if not _is_hole(value):
                return self.condition(value, path)
            # Spelt out, an argument that is an object stays a value and does not become operators.
            return {"$eq": self.given(value, "value")}
        if name in _NAMING:
            return self.fixed(value, path)
        if name == "search":
            return self.slotted("search", "query", value, path) if _is_hole(value) else self.part("search", value, path)
        if name in _LISTS and isinstance(value, list):
            return [self.whole(one) for one in value]
        if _is_hole(value):
            return self.given(value, "list" if name in _LISTS else "flag" if name == "is_null" else "value")
        return self.inside(value)

    def row(self, value: Any, path: Path) -> Any:
        """Columns and their values; below a relationship, rows in ``data``."""
        if not isinstance(value, Mapping) or _is_hole(value):
            return self.fixed(value, path)
        return {key: self.cell(item, (path, key)) for key, item in value.items()}

    def cell(self, value: Any, path: Path) -> Any:
        if not isinstance(value, Mapping) or "data" not in value or not value.keys() <= {"data", "on_conflict"}:
            return self.whole(value)
        place, data = (path, "data"), value["data"]
        rows = [self.row(one, (place, index)) for index, one in enumerate(data)] if isinstance(data, list) else None
        return {**self.fixed(value, path, but="data"), "data": self.row(data, place) if rows is None else rows}

    def inside(self, value: Any) -> Any:
        """A value, and what it contains."""
        if _is_hole(value):
            return self._argument(value["param"], value, "value")
        if isinstance(value, Mapping):
            return {key: self.inside(item) for key, item in value.items()}
        return [self.inside(item) for item in value] if isinstance(value, list) else value

    def fixed(self, value: Any, path: Path, *, but: str | None = None) -> Any:
        """What no argument may change: a copy. Raises UnexpectedPayload when there is a parameter in it."""
        if _is_hole(value):
            raise UnexpectedPayload("a parameter stands for a value, and here is none", path=path)
        if isinstance(value, Mapping):
            return {key: item if key == but else self.fixed(item, (path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.fixed(item, (path, index)) for index, item in enumerate(value)]
        return value


def _escaped(value: Any) -> Any:
    return {"$value": value} if stands_for_another(value) else value


def _copied(value: Any) -> Any:
    """The same with objects and lists of its own: whoever carries a request out may change it, never the template."""
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _is_hole(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("param"), str) and value.keys() <= {"param", "default"}
