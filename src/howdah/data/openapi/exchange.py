"""What is sent to an address and what comes back."""

from __future__ import annotations

from typing import Any

from howdah.data.openapi import failures, reads, writes
from howdah.data.openapi.draft import Draft
from howdah.data.openapi.schema import Schema, list_of, ref
from howdah.data.openapi.viewpoint import UsableTable
from howdah.data.query.address import PAGE
from howdah.data.query.ast import Aggregate, Count, Query, Select


def exchange(answer: Schema, body: Schema | None = None) -> dict[str, Any]:
    """The parts of an operation that say what is sent and what comes back, errors among it."""
    sent = {} if body is None else {"requestBody": {"required": True, "content": _json(body)}}
    return {
        **sent,
        "responses": {
            "200": {"description": "The answer.", "content": _json(answer)},
            **{status: {"$ref": f"#/components/responses/{name}"} for status, name in failures.FAILED.items()},
        },
    }


def answer_of(operation: str, usable: UsableTable, draft: Draft) -> Schema:
    """What an operation on the table answers."""
    if operation == "select":
        return list_of(reads.row(usable, draft))
    if operation == PAGE:
        return ref(f"{usable.key}.rows")
    if operation == "count":
        return ref("counted")
    if operation == "aggregate":
        return ref("aggregated")
    return writes.written(usable, operation)


def answer_to(query: Query, draft: Draft) -> Schema:
    """What the query is answered with."""
    if isinstance(query, Select | Count | Aggregate) and query.arguments is not None:
        usable = draft.viewpoint.functions[query.table].target
    else:
        usable = next(one for one in draft.viewpoint.tables.values() if one.name == query.table)
    paged = isinstance(query, Select) and query.page is not None
    return answer_of(PAGE if paged else type(query).__name__.lower(), usable, draft)


def _json(schema: Schema) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
