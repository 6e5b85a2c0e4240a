"""Metadata calls: each is refused for what is wrong with it, with its code and path, and changes nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from tests.data.support import fixture_database, fixture_metadata

from howdah.data.catalog.resolve import resolve
from howdah.data.change.calls import CALLS, apply_call
from howdah.data.change.settlement import settle
from howdah.data.errors import ARGS, DataError
from howdah.data.found.database import Database
from howdah.data.query.ast import MetadataCall, TableName
from howdah.data.query.parse import METADATA_CALLS, parse_request
from howdah.data.written.document import to_document
from howdah.data.written.metadata import Metadata


def call(kind: str, args: Any, metadata: Metadata | None = None) -> Metadata:
    before = fixture_metadata() if metadata is None else metadata
    catalog = resolve(before, fixture_database(), version=1)
    return apply_call(MetadataCall(kind, args, ARGS), before, fixture_database(), catalog)


def exported(metadata: Metadata, table: str) -> dict[str, Any]:
    return next(one for one in to_document(metadata)["tables"] if one["table"] == table)


EMPTY = Metadata()
AUTHOR = call("track_table", "author", EMPTY)
BOTH = call("track_table", {"table": "article"}, AUTHOR)
TO_AUTHOR = {"foreign_key_constraint_on": "author_id"}
TO_ARTICLES = {"foreign_key_constraint_on": {"table": "article", "column": "author_id"}}
RELATED = call("create_object_relationship", {"table": "article", "name": "author", "using": TO_AUTHOR}, BOTH)
OWN = {"columns": ["id", "title"], "filter": {"author": {"name": {"$eq": "x"}}}}
PERMITTED = call(
    "create_select_permission",
    {"table": "article", "role": "user", "permission": OWN, "comment": "named x"},
    call(
        "create_select_permission",
        {"table": "author", "role": "user", "permission": {"columns": "*", "filter": {}}},
        RELATED,
    ),
)


# -- what is done ------------------------------------------------------------------------------------------------------


def test_every_call_is_known_to_the_parser() -> None:
    """The calls that the language has are the ones that can be carried out; run_sql is carried out elsewhere."""
    assert set(CALLS) | {"run_sql"} == METADATA_CALLS
    for kind in CALLS:
        assert isinstance(parse_request({"type": kind, "args": {}}), MetadataCall)


@pytest.mark.parametrize("kind", ["track_table", "add_existing_table_or_view"])
@pytest.mark.parametrize(
    "args",
    [
        {"schema": "app", "name": "note"},
        {"table": {"schema": "app", "name": "note"}},
        {"table": {"schema": "app", "name": "note"}, "is_enum": False, "configuration": {}},
    ],
)
def test_a_table_is_tracked(kind: str, args: Any) -> None:
    """A table, named in any of the ways there are, becomes tracked."""
    assert [table.name for table in call(kind, args, EMPTY).tables] == [TableName("app", "note")]


def test_a_view_is_tracked() -> None:
    """A view is tracked as a table is."""
    assert call("track_table", "author_statistics", EMPTY).tables[0].name == TableName("public", "author_statistics")


def test_relationships_are_created() -> None:
    """Both kinds through foreign keys, and through a mapping of columns."""
    manual = {"manual_configuration": {"remote_table": "author", "column_mapping": {"editor_id": "id"}}}
    metadata = call("create_array_relationship", {"table": "author", "name": "articles", "using": TO_ARTICLES}, RELATED)
    metadata = call(
        "create_object_relationship",
        {"table": "article", "name": "editor", "using": manual, "comment": "By hand."},
        metadata,
    )
    assert exported(metadata, "article")["object_relationships"] == [
        {"name": "author", "using": TO_AUTHOR},
        {"name": "editor", "using": manual, "comment": "By hand."},
    ]
    assert exported(metadata, "author")["array_relationships"] == [{"name": "articles", "using": TO_ARTICLES}]


def test_permissions_are_created_and_exported_as_written() -> None:
    """A permission is exported exactly as it was given."""
    assert exported(PERMITTED, "article")["select_permissions"] == [
        {"role": "user", "permission": OWN, "comment": "named x"}
    ]


def test_comments_are_set_and_removed() -> None:
    """A comment is set on relationships and permissions, and removed by null."""
    metadata = call(
        "set_relationship_comment", {"table": "article", "relationship": "author", "comment": "x"}, PERMITTED
    )
    assert exported(metadata, "article")["object_relationships"][0]["comment"] == "x"
    for key in ("type", "permission"):
        args = {"table": "article", "role": "user", key: "select", "comment": None}
        assert (
            "comment"
            not in exported(call("set_permission_comment", args, metadata), "article")["select_permissions"][0]
        )
    assert call("set_relationship_comment", {"table": "article", "name": "author"}, metadata) == PERMITTED


def test_what_was_made_can_be_dropped() -> None:
    """Each call's opposite leads back to where it began."""
    metadata = call("drop_select_permission", {"table": "article", "role": "user"}, PERMITTED)
    metadata = call("drop_select_permission", {"table": "author", "role": "user"}, metadata)
    assert metadata == RELATED
    assert call("drop_relationship", {"table": "article", "relationship": "author"}, metadata) == BOTH
    assert call("untrack_table", {"table": "article"}, BOTH) == AUTHOR
    assert call("untrack_table", "author", AUTHOR) == EMPTY


def test_a_relationship_is_renamed() -> None:
    """A relationship that no rule names is renamed."""
    metadata = call("rename_relationship", {"table": "article", "name": "author", "new_name": "writer"}, RELATED)
    assert [one["name"] for one in exported(metadata, "article")["object_relationships"]] == ["writer"]


def test_cascade_takes_along_what_depends() -> None:
    """With cascade, dropping a relationship drops the permission that names it, and untracking all that leads there."""
    args = {"table": "article", "relationship": "author", "cascade": True}
    metadata = call("drop_relationship", args, PERMITTED)
    assert exported(metadata, "article")["select_permissions"] == []
    assert exported(metadata, "author")["select_permissions"] != []
    metadata = call("untrack_table", {"table": "author", "cascade": True}, PERMITTED)
    assert to_document(metadata) == to_document(call("track_table", "article", EMPTY))


def test_all_of_it_is_replaced_and_cleared() -> None:
    """An export can be put back in one call, and everything dropped in one."""
    assert call("replace_metadata", to_document(PERMITTED), EMPTY) == PERMITTED
    assert call("clear_metadata", {}, PERMITTED) == EMPTY
    assert call("export_metadata", {}, PERMITTED) == PERMITTED
    assert call("reload_metadata", {"reload_remote_schemas": True}, PERMITTED) == PERMITTED


# -- what is refused ---------------------------------------------------------------------------------------------------

REFUSED: list[tuple[str, Any, str, str]] = [
    ("track_table", "author", "already-tracked", "$.args"),
    ("track_table", "nowhere", "not-exists", "$.args"),
    ("track_table", {"name": "note"}, "not-exists", "$.args"),
    ("track_table", {"table": "rating", "is_enum": True}, "invalid-configuration", "$.args.is_enum"),
    ("track_table", {"table": "rating", "typo": 1}, "unexpected-payload", "$.args.typo"),
    ("track_table", 7, "parse-failed", "$.args"),
    ("untrack_table", {"table": "rating"}, "already-untracked", "$.args"),
    ("untrack_table", {"table": "author"}, "dependency-error", "$.args"),
    ("untrack_table", {"table": "author", "cascade": "yes"}, "parse-failed", "$.args.cascade"),
    ("create_object_relationship", {"table": "rating", "name": "x", "using": TO_AUTHOR}, "not-exists", "$.args.table"),
    (
        "create_object_relationship",
        {"table": "article", "name": "author", "using": TO_AUTHOR},
        "already-exists",
        "$.args.name",
    ),
    (
        "create_object_relationship",
        {"table": "article", "name": "title", "using": TO_AUTHOR},
        "already-exists",
        "$.args",
    ),
    ("create_object_relationship", {"table": "article", "name": "", "using": TO_AUTHOR}, "parse-failed", "$.args.name"),
    ("create_object_relationship", {"table": "article", "using": TO_AUTHOR}, "parse-failed", "$.args"),
    ("create_object_relationship", {"table": "article", "name": "x"}, "parse-failed", "$.args"),
    ("create_object_relationship", {"table": "article", "name": "x", "using": {}}, "parse-failed", "$.args.using"),
    (
        "create_object_relationship",
        {"table": "article", "name": "x", "using": {"foreign_key_constraint_on": "title"}},
        "constraint-error",
        "$.args.using.foreign_key_constraint_on",
    ),
    (
        "create_object_relationship",
        {"table": "article", "name": "x", "using": {"foreign_key_constraint_on": "no_column"}},
        "not-exists",
        "$.args.using.foreign_key_constraint_on",
    ),
    (
        "create_array_relationship",
        {
            "table": "author",
            "name": "x",
            "using": {"foreign_key_constraint_on": {"table": "rating", "column": "user_id"}},
        },
        "not-exists",
        "$.args.using.foreign_key_constraint_on.table",
    ),
    (
        "create_array_relationship",
        {"table": "author", "name": "x", "using": TO_AUTHOR},
        "parse-failed",
        "$.args.using.foreign_key_constraint_on",
    ),
    (
        "create_array_relationship",
        {
            "table": "author",
            "name": "x",
            "using": {"manual_configuration": {"remote_table": "article", "column_mapping": {"id": "title"}}},
        },
        "invalid-configuration",
        "$.args.using.manual_configuration.column_mapping.id",
    ),
    ("drop_relationship", {"table": "article", "relationship": "x"}, "not-exists", "$.args.relationship"),
    ("drop_relationship", {"table": "article", "relationship": "author"}, "dependency-error", "$.args"),
    ("rename_relationship", {"table": "article", "name": "author", "new_name": "title"}, "already-exists", "$.args"),
    ("rename_relationship", {"table": "article", "name": "x", "new_name": "y"}, "not-exists", "$.args.name"),
    (
        "set_relationship_comment",
        {"table": "article", "relationship": "author", "comment": 1},
        "parse-failed",
        "$.args.comment",
    ),
    ("create_select_permission", {"table": "article", "role": "user", "permission": OWN}, "already-exists", "$.args"),
    (
        "create_select_permission",
        {"table": "article", "role": "admin", "permission": OWN},
        "not-supported",
        "$.args.permission",
    ),
    (
        "create_select_permission",
        {"table": "article", "role": "guest", "permission": {"columns": ["id", "nothing"], "filter": {}}},
        "not-exists",
        "$.args.permission.columns[1]",
    ),
    (
        "create_select_permission",
        {"table": "article", "role": "guest", "permission": {"columns": "*"}},
        "parse-failed",
        "$.args.permission",
    ),
    (
        "create_update_permission",
        {"table": "article", "role": "guest", "permission": {"columns": ["title"], "filter": {"id": {"$near": 1}}}},
        "unexpected-payload",
        '$.args.permission.filter.id["$near"]',
    ),
    ("create_insert_permission", {"table": "article", "role": "guest"}, "parse-failed", "$.args"),
    ("drop_delete_permission", {"table": "article", "role": "user"}, "not-exists", "$.args.role"),
    ("set_permission_comment", {"table": "article", "role": "user", "type": "x"}, "parse-failed", "$.args.type"),
    ("set_permission_comment", {"table": "article", "role": "user", "type": "delete"}, "not-exists", "$.args.role"),
    ("replace_metadata", {"tables": [{"table": "nowhere"}]}, "not-exists", "$.args"),
    ("replace_metadata", {"tables": 1}, "parse-failed", "$.args.tables"),
    ("clear_metadata", {"all": True}, "unexpected-payload", "$.args.all"),
    ("export_metadata", [], "parse-failed", "$.args"),
]


@pytest.mark.parametrize(("kind", "args", "code", "path"), REFUSED)
def test_a_call_is_refused_with_code_and_path(kind: str, args: Any, code: str, path: str) -> None:
    """Whatever is wrong with a call is refused with the code for it, at the place where it is written."""
    with pytest.raises(DataError) as caught:
        call(kind, args, PERMITTED)
    assert (caught.value.code, caught.value.path) == (code, path), caught.value.message


def test_a_refusal_for_dependents_names_them() -> None:
    """What depends on a thing to be dropped is listed."""
    with pytest.raises(DataError) as caught:
        call("untrack_table", {"table": "author"}, PERMITTED)
    assert caught.value.message == (
        "cannot drop due to the following dependent objects: "
        "relationship article.author, permission article.user.select"
    )


def test_what_was_wrong_before_is_not_held_against_a_call() -> None:
    """A call on metadata that already has problems is judged by what it adds."""
    database = fixture_database()
    broken = Database({name: table for name, table in database.tables.items() if name.name != "author"})
    catalog = resolve(PERMITTED, broken, version=1)
    assert catalog.problems
    tracked = apply_call(MetadataCall("track_table", "rating", ARGS), PERMITTED, broken, catalog)
    assert tracked.table(TableName("public", "rating")) is not None


def test_after_a_change_of_the_database_what_is_gone_is_refused_or_goes_along() -> None:
    """Metadata must still hold after the database changed; with cascade what does not is removed."""
    database = fixture_database()
    without = Database({name: table for name, table in database.tables.items() if name.name != "author"})
    catalog = resolve(PERMITTED, database, version=1)
    assert settle(PERMITTED, database, database, catalog, ARGS, cascade=False) == PERMITTED
    with pytest.raises(DataError) as caught:
        settle(PERMITTED, database, without, catalog, ARGS, cascade=False)
    assert caught.value.code == "dependency-error"
    settled = settle(PERMITTED, database, without, catalog, ARGS, cascade=True)
    assert [table.name.name for table in settled.tables] == ["article"]
