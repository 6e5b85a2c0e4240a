"""Metadata in its three forms: values, the exported document, and files. What goes in comes out."""

from __future__ import annotations

import json
import tomllib
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.support import FIXTURE

from howdah.data.catalog import rule
from howdah.data.errors import DataError
from howdah.data.query.ast import TableName
from howdah.data.query.json import decode
from howdah.data.query.limits import Limits
from howdah.data.sql.encode import to_json
from howdah.data.written.document import read_document, to_document
from howdah.data.written.files import (
    RULE_KEYS,
    InvalidMetadataFiles,
    UnreadableMetadataFile,
    from_files,
    place_of,
    read_folder,
    source_hash,
)
from howdah.data.written.files import TEMPLATES as TEMPLATE_FILE
from howdah.data.written.metadata import (
    OPERATIONS,
    ComputedFieldMetadata,
    CustomNames,
    ForeignKeyOn,
    FunctionMetadata,
    ManualMapping,
    Metadata,
    PermissionMetadata,
    QueryTemplate,
    RelationshipMetadata,
    TableMetadata,
    arranged,
)
from howdah.data.written.problem import Problem
from howdah.data.written.write_files import NotWritableAsToml, file_name, to_files, to_text

# What Postgres and JSON can hold: no NUL, no half surrogates.
TEXT = st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)), max_size=12)
NAMES = st.one_of(
    st.sampled_from(["a", "author", 'quo"te', "do.t", "sch ema", "$op", "_and", "大", "a/b"]), TEXT.filter(len)
)
TABLES = st.builds(TableName, st.one_of(st.just("public"), NAMES), NAMES)
SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.decimals(allow_nan=False, allow_infinity=False, places=3).filter(lambda number: "E" not in str(number)),
    TEXT,
)
JSON_VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=8,
)
RULES = {
    operation: st.dictionaries(st.sampled_from(keys), JSON_VALUES, max_size=3) for operation, keys in RULE_KEYS.items()
}
COMMENTS = st.one_of(st.none(), TEXT.filter(len))
RELATIONSHIPS = st.builds(
    RelationshipMetadata,
    NAMES,
    st.sampled_from(["object", "array"]),
    st.one_of(
        st.builds(ForeignKeyOn, NAMES, TABLES),
        st.builds(
            ManualMapping, TABLES, st.dictionaries(NAMES, NAMES, max_size=3).map(lambda pairs: tuple(pairs.items()))
        ),
    ),
    COMMENTS,
) | st.builds(RelationshipMetadata, NAMES, st.just("object"), st.builds(ForeignKeyOn, NAMES), COMMENTS)
PERMISSIONS = st.sampled_from(OPERATIONS).flatmap(
    lambda operation: st.builds(PermissionMetadata, NAMES, st.just(operation), RULES[operation], COMMENTS)
)
TEMPLATES = st.builds(
    QueryTemplate,
    NAMES,
    st.builds(
        lambda where, values: {
            "type": "bulk",
            "args": [
                {"type": "count", "args": {"table": "t", "where": where}},
                {"type": "insert", "args": {"table": "t", "objects": [values]}},
            ],
        },
        st.dictionaries(st.sampled_from(["a", 'quo"te', "b c"]), SCALARS | st.just({"param": "p"}), max_size=3),
        st.dictionaries(NAMES, st.none() | JSON_VALUES, max_size=3),
    ),
    COMMENTS,
)
CUSTOM_NAMES = st.builds(
    CustomNames,
    st.one_of(st.none(), NAMES),
    st.dictionaries(NAMES, NAMES, max_size=3).map(lambda pairs: tuple(pairs.items())),
)
COMPUTED_FIELDS = st.builds(
    ComputedFieldMetadata, NAMES, TABLES, st.one_of(st.none(), NAMES), st.one_of(st.none(), NAMES), COMMENTS
)
FUNCTIONS = st.builds(
    FunctionMetadata,
    TABLES,
    st.one_of(st.none(), NAMES),
    st.sampled_from([None, "query", "mutation"]),
    st.lists(NAMES, max_size=3).map(tuple),
    COMMENTS,
)
TRACKED = st.lists(
    st.builds(
        TableMetadata,
        TABLES,
        st.lists(RELATIONSHIPS, max_size=3, unique_by=lambda one: one.name).map(tuple),
        st.lists(PERMISSIONS, max_size=3, unique_by=lambda one: (one.role, one.operation)).map(tuple),
        CUSTOM_NAMES,
        st.booleans(),
        st.lists(COMPUTED_FIELDS, max_size=2, unique_by=lambda one: one.name).map(tuple),
    ),
    max_size=3,
    unique_by=lambda table: table.name,
)
METADATA = st.builds(
    lambda tables, templates, functions: arranged(Metadata(tuple(tables), tuple(templates), tuple(functions))),
    TRACKED,
    st.lists(TEMPLATES, max_size=2, unique_by=lambda template: template.name),
    st.lists(FUNCTIONS, max_size=2, unique_by=lambda one: one.name),
)


# -- round trips -------------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(METADATA)
def test_an_export_replaced_is_the_same_metadata(metadata: Metadata) -> None:
    """Values → document → text as stored → document → values."""
    text = to_json(to_document(metadata)).encode()
    assert read_document(decode(text, Limits(depth=128))) == metadata


@settings(max_examples=40)
@given(METADATA)
def test_files_written_and_read_are_the_same_metadata(metadata: Metadata) -> None:
    """Values → files → values; numbers keep their digits, names may be anything."""
    assert from_files(to_files(metadata)) == metadata


@settings(max_examples=40)
@given(METADATA)
def test_files_are_valid_toml_for_everybody(metadata: Metadata) -> None:
    """Each file's text is TOML whose schema and table, or function, are what it is about."""
    files = to_files(metadata)
    templates = tomllib.loads(files.pop(TEMPLATE_FILE, ""))
    assert set(templates) == {template.name for template in metadata.query_templates}
    expected = [("table", table.name) for table in metadata.tables]
    expected += [("function", function.name) for function in metadata.functions]
    for (key, name), text in zip(expected, files.values(), strict=True):
        found = tomllib.loads(text)
        assert TableName(found["schema"], found[key]) == name


def test_the_fixture_survives_every_form() -> None:
    """The metadata of the cases is the same after a trip through files."""
    metadata = read_document(json.loads((FIXTURE / "metadata.json").read_text()))
    files = to_files(metadata)
    assert read_document(to_document(from_files(files))) == _with_null_spelt_out(metadata)


def _with_null_spelt_out(metadata: Metadata) -> Metadata:
    return from_files(to_files(metadata))


def test_a_file_looks_as_a_person_would_write_it() -> None:
    """Dotted keys for conditions, long lists on lines of their own, comments beside what they are about."""
    table = TableMetadata(
        TableName("public", "article"),
        (
            RelationshipMetadata("author", "object", ForeignKeyOn("author_id")),
            RelationshipMetadata("comments", "array", ForeignKeyOn("article_id", TableName("app", "comment")), "All."),
            RelationshipMetadata("twin", "object", ManualMapping(TableName("public", "v"), (("id", "twin_id"),))),
        ),
        (
            PermissionMetadata(
                "anonymous",
                "select",
                {"columns": ["id", "title"], "filter": {"is_published": {"_eq": True}}, "limit": 100},
            ),
            PermissionMetadata(
                "user",
                "select",
                {
                    "columns": "*",
                    "filter": {
                        "_or": [
                            {"author_id": {"_eq": "X-Hasura-User-Id"}, "rating": {"_gt": Decimal("2.50")}},
                            {"author": {"name": {"_like": "A%"}}},
                            {"is_published": {"_eq": True}},
                        ]
                    },
                },
                "Own ones, too.",
            ),
            PermissionMetadata("user", "delete", {"filter": {}}),
        ),
    )
    assert to_text(table) == (
        'schema = "public"\n'
        'table = "article"\n'
        "\n"
        "[relationships.author]\n"
        'kind = "object"\n'
        'foreign_key = "author_id"\n'
        "\n"
        "[relationships.comments]\n"
        'kind = "array"\n'
        'foreign_key = "app.comment.article_id"\n'
        'comment = "All."\n'
        "\n"
        "[relationships.twin]\n"
        'kind = "object"\n'
        'remote_table = "v"\n'
        'columns = { id = "twin_id" }\n'
        "\n"
        "[permissions.anonymous.select]\n"
        'columns = ["id", "title"]\n'
        "filter.is_published._eq = true\n"
        "limit = 100\n"
        "\n"
        "[permissions.user.select]\n"
        'columns = "*"\n'
        "filter._or = [\n"
        '  { author_id._eq = "X-Hasura-User-Id", rating._gt = 2.50 },\n'
        '  { author.name._like = "A%" },\n'
        "  { is_published._eq = true },\n"
        "]\n"
        'comment = "Own ones, too."\n'
        "\n"
        "[permissions.user.delete]\n"
        "filter = {}\n"
    )


@pytest.mark.parametrize(
    ("rule", "written"),
    [
        ({"filter": {"a": None}}, {"filter": {"a": {"_is_null": True}}}),
        ({"filter": {"a": {"$eq": None}}}, {"filter": {"a": {"_is_null": True}}}),
        ({"filter": {"a": {"_ne": None}}}, {"filter": {"a": {"_is_null": False}}}),
        ({"filter": {}, "limit": None}, {"filter": {}}),
    ],
)
def test_what_compares_with_null_is_written_is_null(rule: dict[str, Any], written: dict[str, Any]) -> None:
    """TOML has no null: conditions about it are written in the form that means the same."""
    name = TableName("public", "t")
    metadata = Metadata((TableMetadata(name, (), (PermissionMetadata("user", "select", rule),)),))
    (table,) = from_files(to_files(metadata)).tables
    assert table.permissions[0].rule == written


@pytest.mark.parametrize("rule", [{"filter": {"a": {"_in": [None]}}}, {"filter": {"a": {"_gt": None}}}])
def test_a_null_that_toml_cannot_say_is_refused(rule: dict[str, Any]) -> None:
    """A null anywhere else is an error that names the permission, not a file that means something else."""
    name = TableName("public", "t")
    with pytest.raises(NotWritableAsToml, match="t: user select"):
        to_files(Metadata((TableMetadata(name, (), (PermissionMetadata("user", "select", rule),)),)))


@given(st.lists(TABLES, unique=True))
def test_each_table_has_a_file_of_its_own(tables: list[TableName]) -> None:
    """Names of files are safe for a file system, and no two tables share one unless only dots tell them apart."""
    names = [file_name(table) for table in tables]
    assert all("/" not in name and "\0" not in name and name.endswith(".toml") for name in names)
    assert len(set(names)) == len({f"{table.schema}.{table.name}" for table in tables})


def test_the_keys_of_rules_are_those_that_resolve_knows() -> None:
    """What a file may have in a permission is what the resolver reads."""
    assert {operation: frozenset(keys) for operation, keys in RULE_KEYS.items()} == rule._KEYS


# -- what is wrong with files ------------------------------------------------------------------------------------------

ARTICLE = """\
table = "article"

[relationships.author]
kind = "object"
foreign_key = "author_id"

[permissions.anonymous.select]
columns = ["id"]
filter.is_published._eq = true
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "words", "hint"),
    [
        ('table = "article"', 'tabel = "article"', 1, 'unknown key "tabel"', '"table"'),
        ('table = "article"', "table = 3", 1, '"table" must be a name', None),
        ('table = "article"', "", 1, 'the key "table" is missing', None),
        ('table = "article"', 'table = "article"\nis_enum = "yes"', 2, '"is_enum" must be true or false', None),
        ('table = "article"', 'table = "article"\ncustom_name = 3', 2, '"custom_name" must be a name', None),
        ('table = "article"', 'table = "article"\ncustom_column_names.id = ""', 2, '"id" must be a name', None),
        ('table = "article"', 'table = "article"\ncustom_column_names = 1', 2, "must be a table", None),
        ("[relationships.author]", "[computed_fields]\nx = 3\n[relationships.author]", 4, "must be a table", None),
        (
            "[relationships.author]",
            '[computed_fields.x]\nfunction = "a.b.c"\n[relationships.author]',
            4,
            '"schema.function"',
            None,
        ),
        ("[relationships.author]", "[computed_fields.x]\n[relationships.author]", 3, '"schema.function"', None),
        (
            "[relationships.author]",
            '[computed_fields.x]\nfunction = "f"\ntable_argumnt = "a"\n[relationships.author]',
            5,
            'unknown key "table_argumnt"',
            '"table_argument"',
        ),
        ('kind = "object"', 'kind = "objekt"', 4, 'is "object" or "array"', None),
        ('kind = "object"', "", 3, 'is "object" or "array"', None),
        ('kind = "object"', 'kind = "array"', 5, '"table.column"', None),
        ("foreign_key", "foreign-key", 5, 'unknown key "foreign-key"', '"foreign_key"'),
        ('"author_id"', '"a.b.c.d"', 5, "a column of this table", None),
        ('"author_id"', '"a..b"', 5, "a column of this table", None),
        ('"author_id"', "7", 5, "a column of this table", None),
        ('foreign_key = "author_id"', "", 3, "either", None),
        ('foreign_key = "author_id"', 'remote_table = "v"', 3, '"columns" must be', None),
        ('foreign_key = "author_id"', 'remote_table = "a.b.c"', 5, '"schema.table"', None),
        (".select", ".selct", 7, 'unknown operation "selct"', '"select"'),
        ("columns", "colums", 8, 'unknown key "colums"', '"columns"'),
        ("[permissions.anonymous.select]", "[permissions]\nanonymous = 3\n[x]", 8, "must be a table", None),
        ('["id"]', "[", 9, "this is not TOML", None),
        ('["id"]', "[99999999999999999999]", 7, "cannot be kept", None),
        ('["id"]', '["\\u0000"]', 7, "cannot be kept", None),
        ('["id"]', "[nan]", 7, "cannot be kept", None),
        ('["id"]', "[" * 70 + "]" * 70, 7, "cannot be kept", None),
    ],
)
def test_a_mistake_is_told_with_its_line(old: str, new: str, line: int, words: str, hint: str | None) -> None:
    """What is wrong in a file is said with file, line and, where a name is nearly right, the nearest one."""
    assert old in ARTICLE
    with pytest.raises(InvalidMetadataFiles) as caught:
        from_files({"tables/public.article.toml": ARTICLE.replace(old, new)})
    mistake = next(one for one in caught.value.mistakes if words in one.message)
    assert mistake.place == f"metadata/tables/public.article.toml:{line}"
    assert hint is None or (mistake.hint is not None and hint in mistake.hint)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, 'the key "function" is missing'),
        ('function = "f"\nexposed_as = "both"', 2, '"query" or "mutation"'),
        ('function = "f"\nroles = "user"', 2, '"roles" must be like'),
        ('function = "f"\nroles = [""]', 2, '"roles" must be like'),
        ('function = "f"\ntable = "t"', 2, 'unknown key "table"'),
        ('function = "f"\nsession_argument = 1', 2, '"session_argument" must be a name'),
        ("function = ", 1, "this is not TOML"),
    ],
)
def test_a_mistake_in_a_functions_file_is_told_with_its_line(text: str, line: int, words: str) -> None:
    """As in a table's file, in the folder where functions are."""
    with pytest.raises(InvalidMetadataFiles) as caught:
        from_files({"functions/f.toml": text})
    (mistake,) = caught.value.mistakes
    assert words in mistake.message
    assert mistake.place == f"metadata/functions/f.toml:{line}"


def test_functions_are_read_from_beside_the_tables(tmp_path: Any) -> None:
    """A function has a file of its own, and no two files have the same one."""
    tables, functions = tmp_path / "tables", tmp_path / "functions"
    for folder in (tables, functions):
        folder.mkdir()
    (tables / "public.article.toml").write_text(ARTICLE)
    (functions / "a.toml").write_text('function = "search"\nroles = ["user"]')
    read = read_folder(tmp_path)
    assert list(read) == ["functions/a.toml", "tables/public.article.toml"]
    assert from_files(read).functions == (FunctionMetadata(TableName("public", "search"), roles=("user",)),)
    (functions / "b.toml").write_text('\nfunction = "search"')
    with pytest.raises(InvalidMetadataFiles, match=r"metadata/functions/b.toml:2: function \"search\" has another"):
        from_files(read_folder(tmp_path))


def test_all_mistakes_of_all_files_are_told_at_once() -> None:
    """One error lists what is wrong in every file; a table in two files is such a thing."""
    files = {
        "tables/a.toml": ARTICLE,
        "tables/b.toml": ARTICLE,
        "tables/c.toml": "table = ",
        "tables/d.toml": 'table = "d"\nfoo = 1\nbar = 2\n',
    }
    with pytest.raises(InvalidMetadataFiles) as caught:
        from_files(files)
    assert [one.place.rpartition("/")[2] for one in caught.value.mistakes] == [
        "b.toml:1",
        "c.toml:1",
        "d.toml:2",
        "d.toml:3",
    ]
    assert caught.value.message.startswith("4 mistakes")


def test_dates_become_text() -> None:
    """A TOML date in a rule is the text that Postgres reads."""
    text = (
        'table = "t"\n[permissions.user.select]\nfilter.born._gt = 1970-01-02\nfilter.at._lt = 2024-01-02T03:04:05Z\n'
    )
    (table,) = from_files({"t.toml": text}).tables
    assert table.permissions[0].rule == {
        "filter": {"born": {"_gt": "1970-01-02"}, "at": {"_lt": "2024-01-02T03:04:05+00:00"}}
    }


@pytest.mark.parametrize(
    ("problem", "line"),
    [
        (Problem("table", TableName("public", "article"), "article", "", "", "not-exists", ""), 1),
        (Problem("relationship", TableName("public", "article"), "author", "", ".using", "not-exists", ""), 3),
        (Problem("permission", TableName("public", "article"), "anonymous select", "", ".columns[0]", "", ""), 8),
        (
            Problem(
                "permission", TableName("public", "article"), "anonymous select", "", ".filter.is_published", "", ""
            ),
            9,
        ),
        (Problem("permission", TableName("public", "article"), "anonymous select", "", '.filter["x"]', "", ""), 9),
        (Problem("permission", TableName("app", "article"), "anonymous select", "", "", "", ""), None),
    ],
)
def test_a_problem_of_the_catalog_is_found_in_its_file(problem: Problem, line: int | None) -> None:
    """What does not hold in the database is told with the file and line that wrote it."""
    files = {"broken.toml": "table = ", "tables/public.article.toml": ARTICLE}
    assert place_of(problem, files) == (None if line is None else f"metadata/tables/public.article.toml:{line}")


def test_a_folder_is_read_and_hashed(tmp_path: Any) -> None:
    """Files are read by name; the hash changes with any text or name, and no folder is no files."""
    assert read_folder(tmp_path / "metadata") == {}
    tables = tmp_path / "tables"
    tables.mkdir()
    (tables / "b.toml").write_text("table = 1")
    (tables / "a.toml").write_text("ünï")
    (tables / "notes.md").write_text("not metadata")
    (tmp_path / "notes.toml").write_text("not metadata")
    (tmp_path / "query_templates.toml").write_text("")
    files = read_folder(tmp_path)
    assert files == {"tables/a.toml": "ünï", "tables/b.toml": "table = 1", "query_templates.toml": ""}
    one = {"tables/a.toml": "ünï"}
    hashes = {source_hash(some) for some in (files, {}, one, {**files, "tables/b.toml": "table = 2"})}
    assert len(hashes) == 4
    (tables / "c.toml").write_bytes(b"\xff")
    with pytest.raises(UnreadableMetadataFile, match=r"c\.toml"):
        read_folder(tmp_path)


# -- what is wrong with documents --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ([], "$"),
        ({"tables": {}}, "$.tables"),
        ({"tables": [{}]}, "$.tables[0]"),
        ({"tables": [{"table": "t", "typo": []}]}, "$.tables[0].typo"),
        ({"tables": [{"table": 1}]}, "$.tables[0].table"),
        ({"tables": [{"table": "t", "object_relationships": [{"name": "a"}]}]}, "$.tables[0].object_relationships[0]"),
        (
            {"tables": [{"table": "t", "array_relationships": [{"name": "a", "using": {}}]}]},
            "$.tables[0].array_relationships[0].using",
        ),
        (
            {"tables": [{"table": "t", "select_permissions": [{"role": "", "permission": {}}]}]},
            "$.tables[0].select_permissions[0].role",
        ),
        ({"functions": [1]}, "$.functions[0]"),
        (
            {"functions": [{"function": "f", "configuration": {"exposed_as": "x"}}]},
            "$.functions[0].configuration.exposed_as",
        ),
        (
            {"functions": [{"function": "f", "configuration": {"custom_name": "x"}}]},
            "$.functions[0].configuration.custom_name",
        ),
        ({"tables": [{"table": "t", "computed_fields": [{"name": "a"}]}]}, "$.tables[0].computed_fields[0]"),
        ({"remote_schemas": [1]}, "$.remote_schemas"),
    ],
)
def test_a_malformed_document_is_refused_with_its_place(document: Any, path: str) -> None:
    """What is no metadata is refused with the path of what is wrong."""
    with pytest.raises(DataError) as caught:
        read_document(document)
    assert caught.value.path == path


def test_empty_lists_of_what_is_not_here_are_accepted() -> None:
    """An export of another server, whose remote schemas and templates are empty, can be taken over."""
    assert read_document({"version": 2, "tables": [], "remote_schemas": [], "query_templates": []}) == Metadata()
