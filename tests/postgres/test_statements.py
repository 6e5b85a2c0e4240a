"""Statements are found where they are, and nothing inside a text, a body or a comment is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from howdah.postgres.statements import statement_starts

PIECES = [
    "select 'commit; it''s'",
    "select E'it\\'s; commit'",
    'select "odd;""name" from t',
    "do $$ begin commit; end $$",
    "do $body$ begin perform $$;$$; end $body$",
    "/* commit; /* nested; */ rollback; */ select 1",
    "-- commit;\nselect 1",
    "create function f() returns int begin atomic select case when true then 1 else 2 end; select 2; end",
    "savepoint a",
    "rollback to savepoint a",
    "release savepoint a",
    "set transaction isolation level serializable",
    "select 1",
]


@given(st.lists(st.sampled_from(PIECES), min_size=1))
def test_no_piece_of_sql_is_taken_for_another(pieces: list[str]) -> None:
    """Each of these is one statement that controls no transaction, in whatever company."""
    starts = statement_starts(";\n".join(pieces))
    assert len(starts) == len(pieces)
    assert not any(start.controls_transaction for start in starts)


@pytest.mark.parametrize(
    "statement",
    [
        "COMMIT",
        "begin",
        "BEGIN ISOLATION LEVEL SERIALIZABLE",
        "Start Transaction",
        "rollback",
        "rollback work",
        "end",
        "abort",
        "commit prepared 'x'",
        "prepare transaction 'x'",
        "/* really */ commit",
        "-- really\ncommit",
    ],
)
@given(st.lists(st.sampled_from(PIECES)))
def test_transaction_control_is_seen(statement: str, before: list[str]) -> None:
    """A statement that begins or ends a transaction is found wherever it is."""
    starts = statement_starts(";\n".join([*before, statement]))
    assert starts[-1].controls_transaction


@pytest.mark.parametrize("sql", ["", ";;", " \n-- nothing\n", "/* never closed", "/**/;/**/"])
def test_nothing_is_no_statement(sql: str) -> None:
    """Blanks, comments and bare semicolons are no statements."""
    assert statement_starts(sql) == ()


@given(st.text(max_size=50))
def test_any_text_is_survived(sql: str) -> None:
    """Whatever is written, statements begin on lines that exist."""
    lines = sql.count("\n") + 1
    assert all(1 <= start.line <= lines for start in statement_starts(sql))


def test_lines_are_those_of_the_first_word() -> None:
    """A statement begins where its first word is, after comments and blank lines."""
    assert [start.line for start in statement_starts("select 1;\n\n-- about\n  select\n 2;select 3")] == [1, 4, 5]
