"""Query templates: an address for each one that the role may execute, its parameters and what it answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import quote

from howdah.data.catalog.model import Catalog
from howdah.data.errors import DataError
from howdah.data.openapi.draft import Draft
from howdah.data.openapi.exchange import answer_to, exchange
from howdah.data.openapi.schema import Schema, closed, nullable
from howdah.data.openapi.viewpoint import Viewpoint
from howdah.data.plan import plan, plan_nested
from howdah.data.plan.functions import changes_something
from howdah.data.plan.scope import BACKEND_VARIABLE
from howdah.data.query.address import is_sendable
from howdah.data.query.ast import Query
from howdah.data.query.parse import check_template
from howdah.data.query.template import SEVERAL, Slot, parameters
from howdah.data.written.metadata import QueryTemplate
from howdah.session import Session

_SLOTS: Final[dict[Slot | None, Schema]] = {
    "value": {},
    "number": nullable({"type": "integer", "minimum": 0}),
    "list": {"type": "array", "items": {}},
    "flag": {"type": "boolean"},
    "words": {"type": "string"},
    "cursor": {"type": ["string", "null"], "description": "The place out of an answer; null for the first page."},
    None: {},
}


def permitted(
    templates: Iterable[QueryTemplate], catalog: Catalog, viewpoint: Viewpoint
) -> Iterator[tuple[QueryTemplate, tuple[Query, ...]]]:
    """The templates that the role may execute, each with its queries. Of others it hears nothing."""
    standpoint = viewpoint.standpoint
    session = Session(standpoint.role, {BACKEND_VARIABLE: "true"} if standpoint.backend else {})
    for template in templates:
        try:
            queries = check_template(template.query, None)
            for query in queries:
                if plan_nested(query, catalog, session, viewpoint.limits) is None:
                    plan(query, catalog, session, viewpoint.limits)
        except DataError:
            continue
        yield template, queries


def path_of(
    template: QueryTemplate, queries: tuple[Query, ...], catalog: Catalog, draft: Draft
) -> tuple[str, dict[str, Any]] | None:
    """The template's address with its operations; None when its name cannot be in one."""
    if not is_sendable(template.name):
        return None
    written = parameters(template.query)
    arguments = {name: _argument(slot, hole) for name, (slot, hole) in written.items()}
    required = [name for name, (_, hole) in written.items() if "default" not in hole]
    answer: Schema = {"type": "array", "items": {}}
    if template.query.get("type") not in SEVERAL:
        answer = answer_to(queries[0], draft)
    said = {"summary": template.comment or f"The query template {template.name}"}
    operations = {"post": {**said, **exchange(answer, closed(arguments, required))}}
    if not any(changes_something(query, catalog.functions) for query in queries):
        in_address = [
            {"name": name, "in": "query", "required": name in required, "schema": {"type": "string"}}
            for name in written
        ]
        operations["get"] = {**said, "parameters": in_address, **exchange(answer)}
    return f"/v1/template/{quote(template.name, safe='')}", operations


def _argument(slot: Slot | None, hole: Any) -> Schema:
    schema = _SLOTS[slot]
    return {**schema, "default": hole["default"]} if "default" in hole else schema
