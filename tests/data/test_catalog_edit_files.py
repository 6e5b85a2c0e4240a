"""Edited metadata files: they say what is wanted, and what did not change stays as somebody wrote it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from howdah.data.query.ast import TableName
from howdah.data.written.edit_files import edited, edited_files
from howdah.data.written.files import from_files
from howdah.data.written.metadata import (
    OPERATIONS,
    ForeignKeyOn,
    Metadata,
    PermissionMetadata,
    RelationshipMetadata,
    TableMetadata,
    arranged,
)
from howdah.data.written.write_files import to_text

SAMPLE = Path(__file__).parents[2] / "src/howdah/templates/quickstart/hello/metadata/tables/public.article.toml"


def table_of(text: str) -> TableMetadata:
    (table,) = from_files({"a.toml": text}).tables
    return table


@pytest.fixture
def text() -> str:
    return SAMPLE.read_text()


def without(table: TableMetadata, role: str, operation: str) -> TableMetadata:
    kept = tuple(one for one in table.permissions if (one.role, one.operation) != (role, operation))
    return replace(table, permissions=kept)


def test_what_says_the_same_is_not_touched(text: str) -> None:
    """Not a byte of it."""
    assert edited(text, table_of(text)) == text
    assert edited_files({"tables/a.toml": text}, from_files({"tables/a.toml": text})) == {}


def test_a_new_block_comes_behind_its_like(text: str) -> None:
    """Nothing else changes; a comment stays on top of what it is about."""
    table = table_of(text)
    rule = PermissionMetadata("anonymous", "delete", {"filter": {"id": {"_gt": 1}}})
    changed = edited(text, replace(table, permissions=(*table.permissions, rule)))
    block = "\n[permissions.anonymous.delete]\nfilter.id._gt = 1\n"
    assert changed.replace(block, "", 1) == text
    assert changed.index(block) < changed.index("# Users also see")
    relationship = RelationshipMetadata("tags", "array", ForeignKeyOn("article_id", TableName("public", "tag")))
    changed = edited(text, replace(table, relationships=(*table.relationships, relationship)))
    assert changed.replace('\n[relationships.tags]\nkind = "array"\nforeign_key = "tag.article_id"\n', "", 1) == text


def test_a_block_goes_with_the_comment_on_top_of_it(text: str) -> None:
    """And with nothing else."""
    changed = edited(text, without(table_of(text), "user", "select"))
    assert "# Users also see" not in changed
    assert "# Everybody sees" in changed
    assert text.startswith(changed[: changed.index("[permissions.user.insert]")])


def test_a_value_is_changed_where_it_stands(text: str) -> None:
    """In its block, with the layout of all that stays."""
    table = table_of(text)
    limited = tuple(
        replace(one, rule={**one.rule, "limit": 5}) if one.operation == "select" else one for one in table.permissions
    )
    changed = edited(text, replace(table, permissions=limited))
    assert changed.count("limit = 5\n") == 2
    assert changed.replace("limit = 5\n", "") == text


def test_a_layout_that_has_no_blocks_is_kept_or_written_anew() -> None:
    """Inline tables are changed in place; what cannot be is written as it would be from nothing."""
    inline = 'table = "a"  # ours\npermissions = { user = { select = { columns = ["id"], filter = {} } } }\n'
    table = table_of(inline)
    more = replace(table, permissions=(*table.permissions, PermissionMetadata("user", "delete", {"filter": {}})))
    changed = edited(inline, more)
    assert table_of(changed) == arranged(Metadata((more,))).tables[0]


def test_files_come_and_go(text: str) -> None:
    """A new table gets a file of its own name and one that is no longer tracked loses its file."""
    table = TableMetadata(TableName("app", "note"))
    changes = edited_files({"tables/odd name.toml": text}, Metadata((table,)))
    assert changes == {"tables/app.note.toml": to_text(table), "tables/odd name.toml": None}


NAMES = st.sampled_from(["user", "anonymous", "a.b", 'with "quotes"', "ü"])
RULES = st.sampled_from(
    [
        {"filter": {}},
        {"filter": {"$or": [{"a": 1}, {"b": {"_eq": "X-Hasura-User-Id"}}]}, "columns": ["a", "b"]},
        {"columns": "*", "filter": {"a": {"_in": [1, 2, 3]}}, "limit": 3},
    ]
)
PERMISSIONS = st.builds(PermissionMetadata, NAMES, st.sampled_from(OPERATIONS), RULES, st.none() | st.just("why"))
TABLES = st.lists(PERMISSIONS, max_size=5, unique_by=lambda one: (one.role, one.operation)).map(
    lambda permissions: arranged(
        Metadata(
            (
                TableMetadata(
                    TableName("public", "article"),
                    (),
                    tuple(
                        replace(one, rule={key: value for key, value in one.rule.items() if key in KEYS[one.operation]})
                        for one in permissions
                    ),
                ),
            )
        )
    ).tables[0]
)
KEYS = {
    "select": ("columns", "filter", "limit"),
    "update": ("columns", "filter"),
    "delete": ("filter",),
    "insert": ("columns",),
}


@settings(max_examples=150, deadline=None)
@given(TABLES, TABLES)
def test_an_edited_file_says_what_is_wanted(before: TableMetadata, after: TableMetadata) -> None:
    """Whatever it said before."""
    assert table_of(edited(to_text(before), after)) == after
