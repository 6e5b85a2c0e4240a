"""The administrator's document says what metadata calls are given, held against the calls themselves."""

from __future__ import annotations

import json
import os
from functools import cache
from typing import Any, Final

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from tests.data.support import fixture_catalog, fixture_metadata

from howdah.data.change.calls import CALLS
from howdah.data.errors import DataError
from howdah.data.openapi import describe
from howdah.data.openapi.metadata import CALLS as DESCRIBED
from howdah.data.plan.scope import Standpoint
from howdah.data.query.parse import METADATA_CALLS
from howdah.data.written.document import to_document

EXAMPLES: Final = int(os.environ.get("HOWDAH_EXAMPLES", "10"))

# What depends on what is tracked. A template's request is held against the language when it is stored.
OF_WHAT_THERE_IS: Final = {"not-exists", "already-exists", "already-tracked", "already-untracked"}
OF_THE_LANGUAGE: Final = frozenset({"create_query_template", "replace_metadata"})
BEYOND_SCHEMAS: Final = ("has another name in custom_column_names", "is there twice", "more than once")


@cache
def components() -> Any:
    return describe(fixture_catalog(), Standpoint("admin", backend=False))["components"]


def refused(kind: str, args: Any) -> DataError | None:
    """What the call is refused with before anything is held against the database, if it is."""
    try:
        CALLS[kind](args, fixture_metadata(), (None, "args"))
    except DataError as error:
        return error
    return None


def requests_of(kind: str) -> Any:
    """Arguments that the document admits for the call."""
    body = {"required": True, "content": {"application/json": {"schema": DESCRIBED[kind]}}}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "calls", "version": "1"},
        "paths": {"/call": {"post": {"requestBody": body, "responses": {"200": {"description": "done"}}}}},
        "components": {"schemas": components()["schemas"]},
    }
    schema = schemathesis.openapi.from_dict(document)
    schema.config.generation.allow_x00 = False
    return schema.as_strategy(generation_mode=GenerationMode.POSITIVE)


def admits(kind: str, args: Any) -> bool:
    schema = {"components": components(), "$ref": f"#/components/schemas/query.{kind}"}
    validator = jsonschema_rs.Draft202012Validator(schema)
    return validator.is_valid({"type": kind, "args": args})


def test_every_call_is_described() -> None:
    assert DESCRIBED.keys() == METADATA_CALLS == CALLS.keys() | {"run_sql"}


@pytest.mark.parametrize("kind", sorted(CALLS))
def test_what_the_document_admits_has_the_form_of_the_call(kind: str) -> None:
    """It is refused for what there is or is not, and never for its form."""

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), database=None, deadline=None)
    @given(requests_of(kind))
    def ask(case: Any) -> None:
        error = refused(kind, case.body)
        if error is not None and kind not in OF_THE_LANGUAGE:
            reason = error.code in OF_WHAT_THERE_IS or any(text in error.message for text in BEYOND_SCHEMAS)
            assert reason, (error.to_body(), json.dumps(case.body))

    ask()


@pytest.mark.parametrize("kind", sorted(CALLS))
def test_arguments_gone_wrong_are_refused_by_both(kind: str) -> None:
    """Something in good arguments replaced or added: what the document admits no more is no call either."""

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), database=None, deadline=None)
    @given(requests_of(kind), st.data())
    def ask(case: Any, data: st.DataObject) -> None:
        args = json.loads(json.dumps(case.body))
        wrong = data.draw(st.sampled_from([0, None, "", [], [1], {"x": 1}, True]))
        if not isinstance(args, dict) or not args or data.draw(st.booleans()):
            args = {**args, "nonsense": wrong} if isinstance(args, dict) else wrong
        else:
            args[data.draw(st.sampled_from(sorted(args)))] = wrong
        if not admits(kind, args):
            assert refused(kind, args) is not None or _is_for_the_catalog(kind), json.dumps(args)

    ask()


def _is_for_the_catalog(kind: str) -> bool:
    """Rules and templates are read when the metadata is held against the database."""
    return "permission" in kind or "template" in kind or kind == "replace_metadata"


CALLS_AND_OTHERS: Final[list[tuple[str, Any, bool]]] = [
    ("track_table", "article", True),
    ("track_table", {"schema": "app", "name": "note"}, True),
    ("track_table", {"table": {"name": "note"}, "configuration": {"custom_name": "memo"}}, True),
    ("track_table", {"table": "note", "configuration": {"custom_root_fields": {"select": "notes"}}}, False),
    ("track_table", "", False),
    ("untrack_table", {"table": "article", "cascade": None}, False),
    (
        "create_array_relationship",
        {
            "table": "author",
            "name": "articles",
            "using": {"foreign_key_constraint_on": {"table": "article", "column": "author_id"}},
        },
        True,
    ),
    (
        "create_array_relationship",
        {"table": "author", "name": "articles", "using": {"foreign_key_constraint_on": "author_id"}},
        False,
    ),
    (
        "create_select_permission",
        {"table": "article", "role": "user", "permission": {"columns": "*", "filter": {"id": "X-Hasura-User-Id"}}},
        True,
    ),
    ("create_select_permission", {"table": "article", "role": "user", "permission": {"columns": ["id"]}}, False),
    (
        "create_insert_permission",
        {"table": "article", "role": "user", "permission": {"check": {}, "filter": {}}},
        False,
    ),
    ("set_permission_comment", {"table": "article", "role": "user", "type": "select", "comment": None}, True),
    ("set_permission_comment", {"table": "article", "role": "user", "type": "read"}, False),
    ("replace_metadata", {"version": 2, "tables": [], "remote_schemas": []}, True),
    ("replace_metadata", {"metadata": {"tables": []}, "allow_inconsistent_metadata": True}, True),
    ("replace_metadata", {"tables": [], "remote_schemas": [{}]}, False),
    ("export_metadata", {}, True),
    ("clear_metadata", {"all": True}, False),
    ("run_sql", {"sql": "select 1", "read_only": True, "cascade": None}, True),
    ("run_sql", {"query": "select 1"}, False),
]


@pytest.mark.parametrize(("kind", "args", "admitted"), CALLS_AND_OTHERS)
def test_the_document_admits_calls_and_nothing_like_them(kind: str, args: Any, admitted: bool) -> None:
    assert admits(kind, args) is admitted


def test_what_is_exported_is_what_is_replaced() -> None:
    """The document of the fixture's metadata, with everything in it."""
    assert admits("replace_metadata", to_document(fixture_metadata()))


def test_nobody_else_hears_of_metadata() -> None:
    written = json.dumps(describe(fixture_catalog(), Standpoint("user", backend=False)))
    assert "metadata." not in written
    assert "track_table" not in written
