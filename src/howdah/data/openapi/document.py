"""The document: a path for each operation on each table, the path of all queries, and the components both share.

To a role nothing is in it but what it may use: no name, no type and no comment of anything else (R59).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from howdah.data.catalog.model import Catalog
from howdah.data.openapi import failures, reads, search, writes
from howdah.data.openapi.conditions import write_exists, write_where
from howdah.data.openapi.draft import Draft
from howdah.data.openapi.envelope import write_envelopes
from howdah.data.openapi.exchange import answer_of, exchange
from howdah.data.openapi.functions import write_function
from howdah.data.openapi.references import without_marks
from howdah.data.openapi.schema import ref
from howdah.data.openapi.tasks import enqueue_arguments
from howdah.data.openapi.templates import path_of, permitted
from howdah.data.openapi.viewpoint import UsableTable, look
from howdah.data.plan.scope import Standpoint
from howdah.data.query.address import PAGE, TableAddress, write_address
from howdah.data.query.limits import DEFAULT_LIMITS, Limits
from howdah.data.written.metadata import QueryTemplate
from howdah.session import ADMIN_SECRET_HEADER, ANONYMOUS_ROLE

_PREFIX: Final = "/data"
_VERBS: Final = {
    "select": "Rows of",
    PAGE: "A page of rows of",
    "insert": "New rows for",
    "update": "Changes to rows of",
    "delete": "Removes rows of",
    "count": "The number of rows of",
    "aggregate": "What rows amount to, of",
}
_WRITE: Final[dict[str, Callable[[UsableTable, Draft], None]]] = {
    "select": reads.write_rows,
    PAGE: reads.write_page,
    "count": reads.write_count,
    "aggregate": reads.write_aggregate,
    "insert": writes.write_insert,
    "update": writes.write_update,
    "delete": writes.write_delete,
}


def describe(
    catalog: Catalog,
    standpoint: Standpoint,
    limits: Limits = DEFAULT_LIMITS,
    *,
    stringify_numerics: bool = False,
    templates: Iterable[QueryTemplate] = (),
) -> dict[str, Any]:
    """The document of a role: true to the catalog, and to how numbers leave."""
    viewpoint = look(catalog, standpoint, limits, stringify_numerics=stringify_numerics)
    draft = Draft(viewpoint)
    draft.components |= {**reads.SHARED, **search.SHARED, **writes.SHARED}
    paths: dict[str, Any] = {}
    for usable in viewpoint.tables.values():
        if "select" in usable.operations:
            write_where(usable, draft)
        for operation in _WRITE:
            if operation in usable.operations:
                _WRITE[operation](usable, draft)
                address = write_address(TableAddress(operation, usable.name))
                if address is not None:
                    paths[_PREFIX + address] = {"post": _operation(usable, operation, draft)}
    for function in viewpoint.functions.values():
        write_function(function, draft)
    write_exists(draft)
    executable = list(permitted(templates, catalog, viewpoint))
    write_envelopes(draft, [template.name for template, _ in executable], enqueue_arguments(catalog, viewpoint))
    for template, queries in executable:
        found = path_of(template, queries, catalog, draft)
        if found is not None:
            paths[_PREFIX + found[0]] = found[1]
    if viewpoint.is_admin:
        paths[f"{_PREFIX}/v1/query/explain"] = {"post": _EXPLAIN}
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": "Data API",
            "version": str(catalog.version),
            "description": f'What the role "{standpoint.role}" may ask of howdah\'s Data API.',
        },
        "servers": [{"url": "/"}],
        "security": _security(standpoint.role),
        "tags": [{"name": str(usable.name)} for usable in viewpoint.tables.values()],
        "paths": {f"{_PREFIX}/v1/query": {"post": _QUERY}, **paths},
        "components": {
            "schemas": {
                **draft.components,
                **failures.schemas(admin=viewpoint.is_admin),
            },
            "responses": failures.responses(),
            "securitySchemes": {
                "adminSecret": {
                    "type": "apiKey",
                    "in": "header",
                    "name": ADMIN_SECRET_HEADER,
                    "description": "With the header X-Hasura-Role the request is made as another role.",
                }
            },
        },
    }
    described: dict[str, Any] = without_marks(document)
    return described


def _operation(usable: UsableTable, operation: str, draft: Draft) -> dict[str, Any]:
    return {
        "operationId": f"{operation}_{usable.key}",
        "summary": f"{_VERBS[operation]} {usable.name}",
        "tags": [str(usable.name)],
        **exchange(answer_of(operation, usable, draft), ref(f"{usable.key}.{operation}")),
    }


_QUERY: Final = {
    "operationId": "query",
    "summary": "Any request, or several in one transaction",
    **exchange(ref("answer"), ref("query")),
}
_EXPLAIN: Final = {
    "operationId": "explain",
    "summary": "How a request is answered",
    **exchange(ref("answer"), ref("explain")),
}


def _security(role: str) -> list[dict[str, list[str]]]:
    """How a caller comes to have the role."""
    return [{}] if role == ANONYMOUS_ROLE else [{"adminSecret": []}]
