"""A request that asks for too much is refused before anything is planned (R65)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.data.support import fixture_catalog

from howdah.data.errors import DataError, UnexpectedPayload
from howdah.data.plan import plan
from howdah.data.query.ast import Bulk, MetadataCall, Select
from howdah.data.query.limits import Limits
from howdah.data.query.parse import parse_request
from howdah.session import ADMIN


def select(**args: Any) -> dict[str, Any]:
    return {"type": "select", "args": {"table": "article", "columns": ["id"], **args}}


MANY = Limits(nodes=10_000)

TOO_MUCH = {
    "conditions": (select(where={"$or": [{"id": n} for n in range(2001)]}), "more than 2000 parts"),
    "columns": (select(columns=["id"] * 2001), "more than 2000 parts"),
    "order items": (select(order_by=["id"] * 2001), "more than 2000 parts"),
    "values of a list": (select(where={"id": {"$in": [1] * 10_001}}), "at most 10000 elements"),
    "objects": ({"type": "insert", "args": {"table": "article", "objects": [{}] * 10_001}}, "at most 10000 elements"),
    "requests of a bulk": ({"type": "bulk", "args": [select()] * 2001}, "more than 2000 parts"),
    "assignments": (
        {"type": "update", "args": {"table": "article", "where": {}, "$set": {f"c{n}": 1 for n in range(2001)}}},
        "more than 2000 parts",
    ),
}


@pytest.mark.parametrize(("request_", "message"), TOO_MUCH.values(), ids=TOO_MUCH.keys())
def test_too_much_is_refused(request_: dict[str, Any], message: str) -> None:
    """Each bound is an error of the request with a place."""
    with pytest.raises(UnexpectedPayload, match=message) as caught:
        parse_request(request_)
    assert (caught.value.path or "").startswith("$.args")


def test_as_much_as_allowed_is_read() -> None:
    """The bounds themselves are still inside."""
    request = parse_request(select(where={"id": {"$in": [1] * 10_000}}))
    assert isinstance(request, Select)
    bulk = parse_request({"type": "bulk", "args": [select()] * 900})
    assert isinstance(bulk, Bulk)


def test_wildcards_count_for_what_they_stand_for() -> None:
    """A short request for a great many columns is refused when it is planned."""
    request = parse_request(select(columns=["*.*.*.*.*.*.*.*"]))
    assert isinstance(request, Select)
    with pytest.raises(UnexpectedPayload, match="more than 2000 parts"):
        plan(request, fixture_catalog(), ADMIN)


def count_of(number: int) -> dict[str, Any]:
    return {
        "type": "aggregate",
        "args": {"table": "article", "aggregates": {f"a{n}": {"count": "*"} for n in range(number)}},
    }


def related(number: int) -> dict[str, Any]:
    columns = [{"name": "comments", "alias": f"a{n}", "aggregates": {"n": {"count": "*"}}} for n in range(number)]
    return select(columns=columns)


def test_a_row_has_no_more_values_than_postgres_has_room_for() -> None:
    """More than 1600 aggregates or relationships in one row are refused, not sent; as many are planned."""
    for request, place in ((count_of, "aggregates"), (related, "columns")):
        query = parse_request(request(1600), MANY)
        assert not isinstance(query, Bulk | MetadataCall)
        plan(query, fixture_catalog(), ADMIN, MANY)
        query = parse_request(request(1601), MANY)
        assert not isinstance(query, Bulk | MetadataCall)
        with pytest.raises(UnexpectedPayload, match="at most 1600") as caught:
            plan(query, fixture_catalog(), ADMIN, MANY)
        assert caught.value.path == f"$.args.{place}"


def test_an_insert_has_no_more_values_than_postgres_counts() -> None:
    """Rows times columns beyond 65535 is refused, not sent."""
    rows = [{"title": "x", "body": "y", "author_id": 1, "rating": 1, "price": 1, "tags": [], "published": True}] * 9_999
    request = parse_request({"type": "insert", "args": {"table": "article", "objects": rows}})
    with pytest.raises(DataError, match="at most 65535 values"):
        plan(request, fixture_catalog(), ADMIN)  # type: ignore[arg-type]


def test_limits_are_settings() -> None:
    """Every bound can be set lower."""
    for limits in (Limits(nodes=2), Limits(nesting=0), Limits(list_length=0)):
        with pytest.raises(UnexpectedPayload):
            parse_request(select(columns=["id", {"name": "author", "columns": ["id"]}]), limits)


def test_paths_inside_a_bulk_start_at_the_request() -> None:
    """An error of one request of a bulk, even of a nested one, is placed in the bulk."""
    inner = {"type": "bulk", "args": [select(), select(limit="1")]}
    with pytest.raises(DataError) as caught:
        parse_request({"type": "bulk", "args": [select(), inner]})
    assert caught.value.to_body()["path"] == "$.args[1].args[1].args.limit"
    request = parse_request({"type": "bulk", "args": [select(columns=["nope"])]})
    assert isinstance(request, Bulk)
    with pytest.raises(DataError) as caught:
        plan(request.requests[0], fixture_catalog(), ADMIN)  # type: ignore[arg-type]
    assert caught.value.to_body()["path"] == "$.args[0].args.columns[0]"
