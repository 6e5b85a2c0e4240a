"""Custom names of tables and columns: what becomes of them in the catalog, which clash, and what calls give them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.data.support import cases, compiled, fixture_catalog, fixture_database, read_metadata

from howdah.data.catalog.model import Catalog, Table
from howdah.data.catalog.resolve import resolve
from howdah.data.change.calls import apply_call
from howdah.data.change.settlement import settle
from howdah.data.errors import ARGS, DataError
from howdah.data.found.database import Database
from howdah.data.query.ast import MetadataCall, TableName
from howdah.data.query.predicate import RESERVED
from howdah.data.written.document import read_document, to_document
from howdah.data.written.metadata import CustomNames, Metadata, TableMetadata
from howdah.data.written.naming import name_columns, name_tables
from howdah.session import ADMIN

AUTHOR = TableName("public", "author")
ARTICLE = TableName("public", "article")


def resolved(*tables: dict[str, Any]) -> Catalog:
    return resolve(read_metadata({"tables": list(tables)}), fixture_database(), version=1)


def author(columns: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"table": "author", "configuration": {"custom_column_names": columns}, **more}


def exposed(catalog: Catalog, table: TableName = AUTHOR) -> dict[str, str]:
    found: Table = catalog.tables[table]
    return {name: column.name for name, column in found.exposed_columns.items()}


# -- the catalog -------------------------------------------------------------------------------------------------------


def test_columns_are_exposed_under_their_custom_names() -> None:
    """Requests see the custom name, rules the database's; the others keep their own."""
    catalog = resolved(author({"name": "full_name", "born": "birthday"}))
    assert catalog.problems == ()
    assert exposed(catalog) == {
        "id": "id",
        "full_name": "name",
        "email": "email",
        "active": "active",
        "birthday": "born",
        "secret": "secret",
    }
    assert set(catalog.tables[AUTHOR].columns) == {"id", "name", "email", "active", "born", "secret"}


def test_without_custom_names_there_is_one_set_of_names() -> None:
    """A table without custom names costs nothing: both mappings are one, and so are those of the catalog."""
    catalog = resolved({"table": "author"}, {"table": "article"})
    assert catalog.tables[AUTHOR].exposed_columns is catalog.tables[AUTHOR].columns
    assert catalog.nameable is catalog.tables
    assert not catalog.tables[AUTHOR].customized


def test_two_columns_may_swap_their_names() -> None:
    """Only names that two columns would have at the same time clash."""
    catalog = resolved(author({"name": "email", "email": "name"}))
    assert catalog.problems == ()
    assert exposed(catalog)["name"] == "email"
    assert exposed(catalog)["email"] == "name"


@pytest.mark.parametrize(
    ("columns", "problems"),
    [
        ({"name": "email"}, [("name", "already-exists")]),
        ({"name": "x", "email": "x"}, [("email", "already-exists"), ("name", "already-exists")]),
        ({"nope": "x"}, [("nope", "not-exists")]),
        ({"name": "full name"}, [("name", "invalid-configuration")]),
        ({"name": "-name"}, [("name", "invalid-configuration")]),
        ({"name": "n" * 64}, [("name", "invalid-configuration")]),
        ({"name": "_and"}, [("name", "invalid-configuration")]),
        ({"name": "_eq"}, [("name", "invalid-configuration")]),
        # The second has no custom name then, so that the first cannot have it either.
        ({"id": "name", "name": "email"}, [("id", "already-exists"), ("name", "already-exists")]),
    ],
)
def test_a_name_that_cannot_be_is_a_problem_and_left_out(columns: dict[str, str], problems: list[Any]) -> None:
    """What it was for keeps its own name, and everything else is there."""
    catalog = resolved(author(columns))
    found = [(problem.kind, problem.name, problem.code, problem.path) for problem in catalog.problems]
    path = "$.tables.author.configuration.custom_column_names"
    assert sorted(found) == [("custom name", name, code, f"{path}.{name}") for name, code in problems]
    assert exposed(catalog) == {name: name for name in fixture_catalog().tables[AUTHOR].columns}


def test_a_column_may_not_be_called_as_a_relationship_is() -> None:
    """The relationship stays; a relationship may have the own name of a column that is called something else."""
    relationship = {"name": "author", "using": {"foreign_key_constraint_on": "author_id"}}
    article = {"table": "article", "object_relationships": [relationship]}
    clash = resolved({"table": "author"}, {**article, "configuration": {"custom_column_names": {"title": "author"}}})
    assert [(problem.kind, problem.name) for problem in clash.problems] == [("custom name", "title")]
    assert list(clash.tables[ARTICLE].relationships) == ["author"]
    renamed = {**article, "object_relationships": [{**relationship, "name": "author_id"}]}
    free = resolved(
        {"table": "author"}, {**renamed, "configuration": {"custom_column_names": {"author_id": "author_number"}}}
    )
    assert free.problems == ()
    assert list(free.tables[ARTICLE].relationships) == ["author_id"]


@pytest.mark.parametrize(
    ("name", "code"),
    [("article", "already-exists"), ("writer", None), ("author", None), ("a b", "invalid-configuration")],
)
def test_tables_names_clash_only_with_what_is_tracked(name: str, code: str | None) -> None:
    """A custom name that another tracked table has is left out; one nobody uses is how requests call the table."""
    catalog = resolved({"table": "author", "configuration": {"custom_name": name}}, {"table": "article"})
    assert [problem.code for problem in catalog.problems] == ([] if code is None else [code])
    assert str(catalog.tables[AUTHOR].exposed_name) == ("author" if code else name)
    assert set(catalog.tables) == {AUTHOR, ARTICLE}


def test_two_tables_cannot_have_one_custom_name() -> None:
    """The first has it, the second keeps its own."""
    configuration = {"custom_name": "thing"}
    catalog = resolved(
        {"table": "article", "configuration": configuration}, {"table": "author", "configuration": configuration}
    )
    assert [(problem.table, problem.path) for problem in catalog.problems] == [
        (AUTHOR, "$.tables.author.configuration.custom_name")
    ]
    assert catalog.nameable[TableName("public", "thing")].name == ARTICLE


COLUMNS = ["a", "b", "c", "d"]


@given(st.dictionaries(st.sampled_from([*COLUMNS, "gone"]), st.sampled_from([*COLUMNS, "x", "y", "_not"])))
def test_whatever_is_configured_no_two_columns_have_one_name(names: dict[str, str]) -> None:
    """Every column has exactly one name, and each custom name is either in use or a problem."""
    exposed, errors = name_columns(CustomNames(None, tuple(names.items())), COLUMNS, {"x"})
    assert set(exposed) == set(COLUMNS)
    assert len(set(exposed.values())) == len(COLUMNS)
    assert "x" not in exposed.values()
    wrong = {column for column, _ in errors}
    assert all(column in wrong or exposed[column] == name for column, name in names.items())
    assert all(exposed.get(column, column) == column for column in wrong)


@given(st.dictionaries(st.sampled_from(COLUMNS), st.sampled_from([*COLUMNS, "x", "y"])))
def test_whatever_is_configured_no_two_tables_have_one_name(names: dict[str, str]) -> None:
    """No custom name hides another table."""
    tables = [TableMetadata(TableName("public", name), custom_names=CustomNames(names.get(name))) for name in COLUMNS]
    custom, errors = name_tables(tables)
    exposed = [custom.get(table.name, table.name) for table in tables]
    assert len(set(exposed)) == len(COLUMNS)
    assert len(errors) + len(custom) == len(names)


# -- no real name comes through ----------------------------------------------------------------------------------------

REAL = {"ref_no", "sender_id", "parcel_id", "item_id", "memo", "tbl_parcel", "tbl_item"}


def test_no_answer_to_a_client_has_a_real_name() -> None:
    """What the cases of custom names answer, and refuse, to those who are no administrators (R62)."""
    seen = 0
    for case in cases():
        if not case.folder.name.startswith("custom_names_") or case.session.is_admin:
            continue
        asked = case.request.decode()
        for name in ("response.json", "error.json"):
            path = case.folder / name
            if path.exists():
                seen += 1
                told = {word for word in REAL if word in path.read_text() and word not in asked}
                assert told == set(), f"{path}: {told}"
    assert seen > 20


def test_a_request_and_its_twin_without_custom_names_are_one_statement_but_for_keys() -> None:
    """Custom names change what things are called in the answer, and nothing about what is done."""
    tables = to_document(
        read_metadata(json.loads((cases()[0].folder.parents[1] / "fixture/metadata.json").read_text()))
    )
    for table in tables["tables"]:
        table.pop("configuration", None)
    plain = resolve(read_document(tables), fixture_database(), version=1)
    twin = {"table": {"schema": "app", "name": "tbl_parcel"}, "columns": ["weight"], "where": {"ref_no": "x"}}
    custom = {"table": "parcel", "columns": ["cost"], "where": {"reference": "x"}}
    one = compiled(json.dumps({"type": "select", "args": twin}).encode(), ADMIN, plain).text
    other = compiled(json.dumps({"type": "select", "args": custom}).encode(), ADMIN, fixture_catalog()).text
    assert other == one.replace('"t1"."weight" FROM', '"t1"."weight" AS "cost" FROM')


# -- the calls ---------------------------------------------------------------------------------------------------------


def call(kind: str, args: Any, metadata: Metadata, database: Database | None = None) -> Metadata:
    database = database or fixture_database()
    return apply_call(MetadataCall(kind, args, ARGS), metadata, database, resolve(metadata, database, version=1))


def tracked(*tables: dict[str, Any]) -> Metadata:
    return read_metadata({"tables": list(tables)})


BOTH = tracked({"table": "article"}, {"table": "author"})
NAMED = call("set_table_customization", {"table": "author", "configuration": {"custom_name": "writer"}}, BOTH)


@pytest.mark.parametrize(
    ("kind", "args"),
    [
        (
            "set_table_customization",
            {"table": "author", "configuration": {"custom_name": "writer", "custom_column_names": {"name": "label"}}},
        ),
        (
            "set_table_customization",
            {"table": "author", "configuration": {"custom_name": "writer", "column_config": {
                "name": {"custom_name": "label"}, "id": {}}, "custom_root_fields": {}}},
        ),
        ("set_table_custom_fields", {"table": "author", "custom_column_names": {"name": "label"}}),
        ("set_table_custom_fields", {"table": "author", "custom_column_names": {"name": "label"},
                                     "custom_root_fields": {}}),
    ],
)  # fmt: skip
def test_names_are_given(kind: str, args: Any) -> None:
    """In the older form and in the newer ones; an export has what was given."""
    after = call(kind, args, NAMED)
    (written,) = (table for table in to_document(after)["tables"] if table["table"] == "author")
    assert written["configuration"] == {"custom_name": "writer", "custom_column_names": {"name": "label"}}


def test_names_are_taken_back() -> None:
    """A customization replaces the one before; the older call leaves the table's own name alone."""
    named = call("set_table_custom_fields", {"table": "author", "custom_column_names": {"name": "label"}}, NAMED)
    assert call("set_table_custom_fields", {"table": "author"}, named) == NAMED
    assert call("set_table_customization", {"table": "author", "configuration": {}}, named) == BOTH


def test_a_table_is_tracked_with_its_names() -> None:
    """The configuration may come with the table."""
    args = {"table": "author", "configuration": {"custom_name": "writer"}}
    assert call("track_table", args, tracked({"table": "article"})) == NAMED


@pytest.mark.parametrize(
    ("kind", "args", "code", "path"),
    [
        ("set_table_customization", {"table": "author"}, "parse-failed", "$.args"),
        ("set_table_customization", {"table": "rating", "configuration": {}}, "not-exists", "$.args.table"),
        ("set_table_customization", {"table": "author", "configuration": {"custom_name": "article"}},
         "already-exists", "$.args.configuration.custom_name"),
        ("set_table_customization", {"table": "author", "configuration": {"custom_name": ""}},
         "parse-failed", "$.args.configuration.custom_name"),
        ("set_table_customization", {"table": "author", "configuration": {"custom_column_names": {"name": 1}}},
         "parse-failed", "$.args.configuration.custom_column_names.name"),
        ("set_table_customization", {"table": "author", "configuration": {"custom_column_names": {"name": "email"}}},
         "already-exists", "$.args.configuration.custom_column_names.name"),
        ("set_table_customization", {"table": "author", "configuration": {"custom_root_fields": {"select": "x"}}},
         "not-supported", "$.args.configuration.custom_root_fields"),
        ("set_table_customization", {"table": "author", "configuration": {"typo": 1}},
         "unexpected-payload", "$.args.configuration.typo"),
        ("set_table_customization", {"table": "author", "configuration": {
            "custom_column_names": {"name": "a"}, "column_config": {"name": {"custom_name": "b"}}}},
         "unexpected-payload", "$.args.configuration.column_config.name.custom_name"),
        ("set_table_custom_fields", {"table": "author", "custom_column_names": {"nope": "x"}},
         "not-exists", "$.args.custom_column_names.nope"),
        ("set_table_custom_fields", {"table": "author", "custom_root_fields": {"select": "x"}},
         "not-supported", "$.args.custom_root_fields"),
        ("track_table", {"table": "rating", "configuration": {"custom_name": "author"}},
         "already-exists", "$.args.configuration.custom_name"),
        ("track_table", {"table": "rating", "configuration": {"custom_column_names": {"nope": "x"}}},
         "not-exists", "$.args.configuration.custom_column_names.nope"),
    ],
)  # fmt: skip
def test_a_call_is_refused(kind: str, args: Any, code: str, path: str) -> None:
    """With the code for what is wrong, at its place."""
    with pytest.raises(DataError) as caught:
        call(kind, args, BOTH)
    assert (caught.value.code, caught.value.path) == (code, path), caught.value.message


def test_a_table_cannot_be_tracked_under_a_name_that_is_another_ones_custom_name() -> None:
    """Requests could not tell them apart."""
    named = call("set_table_customization", {"table": "author", "configuration": {"custom_name": "rating"}}, BOTH)
    with pytest.raises(DataError) as caught:
        call("track_table", "rating", named)
    assert (caught.value.code, caught.value.message) == (
        "already-exists",
        '"rating" is the custom name of table "author"',
    )


def test_the_name_of_a_column_that_is_gone_goes_along_with_cascade() -> None:
    """A column that is dropped is missed by its custom name, unless that may go, too."""
    names = {"table": "author", "custom_column_names": {"born": "birthday", "email": "mail"}}
    metadata = call("set_table_custom_fields", names, BOTH)
    database = fixture_database()
    table = database.tables[AUTHOR]
    columns = tuple(column for column in table.columns if column.name != "born")
    changed = replace(database, tables={**database.tables, AUTHOR: replace(table, columns=columns)})
    catalog = resolve(metadata, database, version=1)
    with pytest.raises(DataError, match=r"custom name of author\.born"):
        settle(metadata, fixture_database(), changed, catalog, ARGS, cascade=False)
    settled = settle(metadata, fixture_database(), changed, catalog, ARGS, cascade=True)
    found = settled.table(AUTHOR)
    assert found is not None
    assert found.custom_names.columns == (("email", "mail"),)


def test_no_operator_can_be_a_name() -> None:
    """What the grammar reads as an operator is reserved, with both prefixes."""
    assert {"$and", "_or", "_not", "_exists", "_eq", "$neq", "_has_keys_any", "_is_null"} <= RESERVED
