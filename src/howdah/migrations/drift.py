"""Two snapshots → what differs between them → lines for people and JSON for programs. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from howdah.migrations.snapshot import DatabaseObject, Snapshot

Side = Literal["database only", "files only", "different"]
"""Where an object is; in both, and not the same in both."""

_ORDER = (
    "schema",
    "extension",
    "type",
    "domain",
    "table",
    "column",
    "constraint",
    "index",
    "sequence",
    "view",
    "materialized view",
    "function",
    "procedure",
    "aggregate",
    "trigger",
    "rule",
    "policy",
)
_RELATIONS = ("table", "foreign table", "view", "materialized view")


@dataclass(frozen=True, slots=True)
class FacetDifference:
    """One thing about an object that is not the same; None where it is not at all."""

    name: str
    files: str | None
    database: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """An object that the files and the database do not agree on."""

    kind: str
    name: str
    side: Side
    facets: tuple[FacetDifference, ...]


def compare(files: Snapshot, database: Snapshot) -> tuple[Difference, ...]:
    """What differs between what the files make and what is there; nothing when they are equal.

    Of a table that is on one side only, its columns, indexes and so on are not listed as well.
    """
    found = [
        *(_alone(one, "files only") for one in _alone_in(files, database)),
        *(_alone(one, "database only") for one in _alone_in(database, files)),
        *_changed(files, database),
    ]
    return tuple(sorted(found, key=lambda one: (_rank(one.kind), one.name, one.side)))


def _alone_in(here: Snapshot, there: Snapshot) -> Iterator[DatabaseObject]:
    alone = {key for key in here.objects if key not in there.objects}
    for key in alone:
        one = here.objects[key]
        if not any((kind, one.parent) in alone for kind in _RELATIONS):
            yield one


def _alone(one: DatabaseObject, side: Side) -> Difference:
    in_files = side == "files only"
    facets = tuple(
        FacetDifference(name, value if in_files else None, None if in_files else value)
        for name, value in one.facets.items()
    )
    return Difference(one.kind, one.name, side, facets)


def _changed(files: Snapshot, database: Snapshot) -> Iterator[Difference]:
    for key, wanted in files.objects.items():
        found = database.objects.get(key)
        if found is not None and wanted.facets != found.facets:
            names = sorted({*wanted.facets, *found.facets}, key=lambda name: (name == "definition", name))
            facets = tuple(FacetDifference(name, wanted.facets.get(name), found.facets.get(name)) for name in names)
            yield Difference(*key, "different", tuple(one for one in facets if one.files != one.database))


def _rank(kind: str) -> tuple[int, str]:
    return (_ORDER.index(kind) if kind in _ORDER else len(_ORDER), kind)


def to_lines(differences: Sequence[Difference]) -> Iterator[str]:
    """The differences as one reads them: + is in the database, - is what the files say."""
    for one in differences:
        if one.side != "different":
            sign, where = ("+", "the database") if one.side == "database only" else ("-", "the files")
            yield f"{sign} {one.kind} {one.name}: only in {where}"
            yield from (f"    {line}" for line in _definition(one).splitlines())
            continue
        yield f"~ {one.kind} {one.name}"
        for facet in one.facets:
            yield from _facet_lines(facet)


def _definition(one: Difference) -> str:
    """How an object that is on one side only is defined there, if that is one text."""
    return next((facet.files or facet.database or "" for facet in one.facets if facet.name == "definition"), "")


def _facet_lines(facet: FacetDifference) -> Iterator[str]:
    yield f"    {facet.name}"
    if "\n" in f"{facet.files or ''}{facet.database or ''}":
        before, after = ((text or "").splitlines() for text in (facet.files, facet.database))
        for line in difflib.unified_diff(before, after, "the files", "the database", lineterm=""):
            yield f"      {line}"
    else:
        for sign, value in (("-", facet.files), ("+", facet.database)):
            if value is not None:
                yield f"      {sign} {value}"


def to_json(difference: Difference) -> dict[str, Any]:
    """A difference for programs."""
    facets = {one.name: {"files": one.files, "database": one.database} for one in difference.facets}
    return {"kind": difference.kind, "name": difference.name, "side": difference.side, "facets": facets}
