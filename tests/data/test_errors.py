"""Errors as the wire shows them, and what is told of an error of Postgres to whom (R62)."""

from __future__ import annotations

import pytest

from howdah.data.errors import (
    CheckFailed,
    DataError,
    MissingSessionVariable,
    PermissionDenied,
    map_database_error,
    render_path,
)

SECRET = "s3cr3t"


def test_the_body_has_path_error_and_code() -> None:
    """An error of any kind has the three keys, and the document itself as its place when it knows no better."""
    assert PermissionDenied("no", path=((None, "args"), "columns")).to_body() == {
        "path": "$.args.columns",
        "error": "no",
        "code": "permission-denied",
    }
    assert MissingSessionVariable("x").to_body()["path"] == "$"


def test_internal_is_for_the_administrator() -> None:
    """What happened inside is in the body only when the body is for an administrator."""
    error = DataError("x", internal={"a": 1})
    assert error.to_body(admin=True)["internal"] == {"a": 1}
    assert "internal" not in error.to_body()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (None, "$"),
        ((None, "args"), "$.args"),
        (((None, "args"), 0), "$.args[0]"),
        (((None, "args"), "$set"), '$.args["$set"]'),
        (((None, "args"), 'a"b\\'), '$.args["a\\"b\\\\"]'),
        (((None, "args"), ""), '$.args[""]'),
        (((None, "args"), "_and"), "$.args._and"),
        (((None, "args"), "name\n"), '$.args["name\n"]'),
    ],
)
def test_paths(path: object, text: str) -> None:
    """Plain keys follow a dot; others are quoted."""
    assert render_path(path) == text  # type: ignore[arg-type]


# sqlstate, message, code, status, what anybody reads
MAPPED = [
    ("HW001", "x", "permission-error", 400, "check constraint of an insert/update permission has failed"),
    ("23505", "duplicate key value ...", "constraint-violation", 400, "Uniqueness violation. "),
    ("23503", "violates foreign key ...", "constraint-violation", 400, "Foreign key violation. "),
    ("23502", "null value in column ...", "constraint-violation", 400, "Not-NULL violation. "),
    ("23514", "violates check ...", "constraint-violation", 400, "Check constraint violation. "),
    ("0A000", "cannot convert NaN to integer", "postgres-error", 400, "a value is out of the range of its type"),
    ("23501", "...", "constraint-violation", 400, "Can not delete or update due to data being referred. "),
    ("23P01", "...", "constraint-violation", 400, "Exclusion constraint violation. "),
    ("22P02", f'invalid input syntax for type integer: "{SECRET}"', "postgres-error", 400, "invalid input syntax"),
    ("22023", "bad parameter", "postgres-error", 400, "bad parameter"),
    ("42704", "type does not exist", "postgres-error", 400, "type does not exist"),
    ("22003", f'value "{SECRET}" is out of range', "postgres-error", 400, "a value is out of the range of its type"),
    ("22012", "division by zero", "postgres-error", 400, "a value cannot be used here"),
    ("P0001", "out of stock", "postgres-error", 400, "out of stock"),
    ("42P10", "...", "constraint-error", 400, "there is no unique or exclusion constraint on target column(s)"),
    ("42883", f"operator does not exist: {SECRET}", "unexpected-payload", 400, "a column's type does not"),
    ("42501", f"permission denied for table {SECRET}", "permission-denied", 400, "the database does not allow this"),
    ("21000", f"... {SECRET}", "postgres-error", 400, "the statement would change the same row twice"),
    ("57014", f"canceling {SECRET}", "postgres-error", 504, "The database took longer"),
    ("40001", f"could not serialize {SECRET}", "postgres-error", 503, "The database could not finish"),
    ("55P03", f"lock {SECRET}", "postgres-error", 503, "The database could not finish"),
    ("08006", f"connection {SECRET}", "postgres-error", 503, "The database could not finish"),
    ("42601", f"lquery syntax error at {SECRET}", "postgres-error", 400, "a value has not the syntax of its type"),
    ("42601", f'syntax error at or near "{SECRET}"', "postgres-error", 500, "query execution failed"),
    ("42622", f"label {SECRET} is too long", "postgres-error", 400, "a value is too long for its type"),
    ("42P01", f"relation {SECRET} does not exist", "postgres-error", 500, "query execution failed"),
    ("XX000", f"cache lookup failed {SECRET}", "postgres-error", 500, "query execution failed"),
    (None, SECRET, "postgres-error", 500, "query execution failed"),
]


@pytest.mark.parametrize(("sqlstate", "message", "code", "status", "text"), MAPPED)
def test_errors_of_postgres(sqlstate: str | None, message: str, code: str, status: int, text: str) -> None:
    """Each has its code and status; nobody but an administrator reads values, names, details or SQL."""
    error = map_database_error(
        sqlstate,
        message,
        admin=False,
        detail=f"Key (secret)=({SECRET})",
        hint=SECRET,
        constraint=f"{SECRET}_key",
        column=SECRET,
    )
    body = error.to_body()
    assert (body["code"], error.status, body["path"]) == (code, status, "$.args")
    assert body["error"].startswith(text)
    assert SECRET not in str(body)


@pytest.mark.parametrize("sqlstate", ["23505", "23503", "23502", "23514", "22P02", "22003", "42P01"])
def test_an_administrator_reads_everything(sqlstate: str) -> None:
    """For an administrator Postgres's message, state, detail and hint are in ``internal``."""
    error = map_database_error(sqlstate, "what Postgres says", admin=True, detail="detail", hint="hint")
    assert error.to_body(admin=True)["internal"] == {
        "error": {"message": "what Postgres says", "status_code": sqlstate, "description": "detail", "hint": "hint"}
    }
    if sqlstate != "42P01":
        assert "what Postgres says" in error.message or sqlstate == "22003"


def test_the_constraint_of_the_own_table_is_named() -> None:
    """A clash in the table the request names is told with the constraint, one in another table without."""
    own = map_database_error("23505", "...", admin=False, constraint="author_name_key", own_table=True)
    other = map_database_error("23505", "...", admin=False, constraint="author_name_key")
    assert own.message == ('Uniqueness violation. duplicate key value violates unique constraint "author_name_key"')
    assert "author_name_key" not in other.message


def test_a_missing_value_is_named_only_when_the_column_is_visible() -> None:
    """The column that must not be null is told to those who know of it."""
    known = map_database_error("23502", "...", admin=False, column="title", visible_columns={"title": "title"})
    hidden = map_database_error("23502", "...", admin=False, column="title", visible_columns={"id": "id"})
    assert known.message == 'Not-NULL violation. null value in column "title" violates not-null constraint'
    assert "title" not in hidden.message


def test_a_failed_check_is_an_error_of_the_request() -> None:
    """What ``howdah.check_violation`` raises becomes permission-error at the arguments."""
    error = map_database_error("HW001", "", admin=True, path=((None, "args"), 1))
    assert isinstance(error, CheckFailed)
    assert error.to_body(admin=True) == {
        "path": "$.args[1]",
        "error": "check constraint of an insert/update permission has failed",
        "code": "permission-error",
    }
