"""Values become what Postgres reads: by the category of their type, exactly, or they are refused with their place."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from howdah.data.errors import ARGS, MissingSessionVariable, ParseFailed
from howdah.data.sql.statement import Literal, SessionVariable, Statement, bind
from howdah.session import ANONYMOUS, Session


def bound(value: Literal | SessionVariable, session: Session = ANONYMOUS) -> bytes | None:
    return bind(Statement("SELECT $1", (value,), writes=False), session)[0]


@pytest.mark.parametrize(
    ("encoding", "value", "text"),
    [
        ("text", "a'b\\\"", b"a'b\\\""),
        ("text", "", b""),
        ("text", None, None),
        ("datetime", "2024-01-01T00:00:00Z", b"2024-01-01T00:00:00Z"),
        ("boolean", True, b"true"),
        ("boolean", False, b"false"),
        ("number", 5, b"5"),
        ("number", Decimal("1.10"), b"1.10"),
        ("number", Decimal("1E+400"), b"1E+400"),
        ("number", "9007199254740993", b"9007199254740993"),
        ("json", {"a": [1, Decimal("2.0"), "é", None, True]}, '{"a":[1,2.0,"é",null,true]}'.encode()),
        ("json", "text", b'"text"'),
        ("json", [], b"[]"),
        ("array", ["a", None, 'b"\\', "NULL", ""], b'{"a",NULL,"b\\"\\\\","NULL",""}'),
        ("array", [[1, 2], [3, 4]], b'{{"1","2"},{"3","4"}}'),
        ("array", [True, Decimal("1.5")], b'{"true","1.5"}'),
        ("array", "{1,2}", b"{1,2}"),
        ("json array", ["a", {"b": 1}, [1], None], b'{"\\"a\\"","{\\"b\\":1}","[1]",NULL}'),
        ("other", "calm", b"calm"),
        ("other", 5, b"5"),
        ("geometry", {"type": "Point", "coordinates": [1, 2]}, b"SRID=4326;POINT(1 2)"),
        ("geometry", "POINT(1 2)", b"POINT(1 2)"),
        ("pattern", "a.*", b"a.*"),
    ],
)
def test_values(encoding: Any, value: object, text: bytes | None) -> None:
    """What a type can be written with becomes its text; null becomes NULL."""
    assert bound(Literal(value, encoding)) == text


@pytest.mark.parametrize(
    ("encoding", "value"),
    [
        ("text", 5),
        ("text", True),
        ("text", ["a"]),
        ("datetime", 5),
        ("boolean", "true"),
        ("boolean", 1),
        ("number", True),
        ("number", [1]),
        ("number", {}),
        ("array", 5),
        ("array", {"a": 1}),
        ("json array", 5),
        ("other", True),
        ("other", ["a"]),
        ("other", {"a": 1}),
        ("geometry", 5),
        ("geometry", {"type": "Point"}),
        ("pattern", 5),
        ("pattern", "a" * 1001),
    ],
)
def test_wrong_kinds(encoding: Any, value: object) -> None:
    """What a type cannot be written with is refused, with the place of the value."""
    with pytest.raises(ParseFailed) as caught:
        bound(Literal(value, encoding, (ARGS, "x")))
    assert caught.value.to_body()["path"] == "$.args.x"
    assert caught.value.to_body()["code"] == "parse-failed"


def test_lists_become_one_array() -> None:
    """The values of a list are one parameter, each quoted."""
    assert bound(Literal([1, 2], "number", many=True)) == b'{"1","2"}'
    assert bound(Literal([], "text", many=True)) == b"{}"
    assert bound(Literal([{"a": 1}], "json", many=True)) == b'{"{\\"a\\":1}"}'


@pytest.mark.parametrize("values", [[1, None], [1, "x", True]])
def test_wrong_elements(values: list[object]) -> None:
    """An element of a list that its type does not have, or null, is refused with its index."""
    with pytest.raises(ParseFailed) as caught:
        bound(Literal(values, "number", (ARGS, "$in"), many=True))
    assert caught.value.to_body()["path"] == f'$.args["$in"][{len(values) - 1}]'


def test_session_variables() -> None:
    """A session variable becomes its text; the role is one, too."""
    session = Session("user", {"x-hasura-user-id": "7"})
    assert bound(SessionVariable("x-hasura-user-id"), session) == b"7"
    assert bound(SessionVariable("x-hasura-role"), session) == b"user"


def test_a_missing_session_variable_is_an_error() -> None:
    """A variable that a rule needs and the session lacks is never NULL."""
    with pytest.raises(MissingSessionVariable) as caught:
        bound(SessionVariable("x-hasura-user-id"))
    assert caught.value.to_body() == {
        "path": "$",
        "error": '"x-hasura-user-id" header is expected but not found',
        "code": "not-found",
    }
