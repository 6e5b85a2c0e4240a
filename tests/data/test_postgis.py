"""PostGIS: geometries go in and out as GeoJSON, and conditions about space obey the role like all others.

PostGIS is in a schema that Postgres does not search. The tests need the distribution's Postgres with PostGIS
(`make test-deps`) and are skipped without it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support import private_cluster, run

from howdah.data.execute import Answer, Engine
from howdah.data.found.introspect import introspect
from howdah.data.query.ast import TableName
from howdah.postgres.connect import connect
from howdah.project.sections import DatabaseSection, DataSection
from howdah.session import ADMIN, Session

SECTION = DatabaseSection(pool_size=2, write_pool_size=2)
USER = Session("user", {"x-hasura-user-id": "1", "x-hasura-home": "SRID=4326;POINT(0 0)"})

SCHEMA = """
    create schema gis;
    create extension postgis schema gis;
    create extension postgis_raster schema gis;
    create domain gis.spot as gis.geometry;
    create table place (
      id integer primary key,
      name text not null,
      area gis.geometry(Polygon, 4326),
      shape gis.geometry,
      location gis.geography(Point, 4326),
      spot gis.spot,
      picture gis.raster,
      hidden boolean not null default false,
      seen timestamptz not null default '2024-05-06 12:00+00',
      tags text[],
      span int4range,
      raw json
    );
    insert into place (id, name, area, shape, location, hidden, tags, span, raw) values
      (1, 'here', gis.st_makeenvelope(0, 0, 2, 2, 4326), gis.st_geomfromtext('POINT(1 1)', 4326),
        gis.st_makepoint(1, 1), false, '{a,b}', '[1,5)', '{"a": 1}'),
      (2, 'there', gis.st_makeenvelope(10, 10, 12, 12, 4326), gis.st_geomfromtext('LINESTRING(0 0, 20 20)', 4326),
        gis.st_makepoint(11, 11), false, '{b}', '[3,9)', '{"a": 2}'),
      (3, 'nowhere', null, null, null, false, null, null, null),
      (4, 'secret', gis.st_makeenvelope(1, 1, 3, 3, 4326), gis.st_geomfromtext('POINT(1 1)', 3857),
        gis.st_makepoint(1, 1.001), true, '{a}', '[1,2)', '{"b": "\\u0000"}');
    set search_path to public, gis;
    update place set picture = gis.st_addband(gis.st_makeemptyraster(2, 2, 0, 2, 1, -1, 0, 0, 4326), '8BUI'::text, 1, 0)
      where id = 1;
"""

COLUMNS = ["id", "name", "area", "shape", "location", "spot", "picture", "seen", "tags", "span", "raw"]
TRACK: list[dict[str, Any]] = [
    {"type": "track_table", "args": "place"},
    {
        "type": "create_select_permission",
        "args": {"table": "place", "role": "user", "permission": {"columns": COLUMNS, "filter": {"hidden": False}}},
    },
    {
        "type": "create_insert_permission",
        "args": {
            "table": "place",
            "role": "user",
            "permission": {
                "columns": COLUMNS,
                "check": {"area": {"_st_contains": "X-Hasura-Home"}},
            },
        },
    },
    {
        "type": "create_select_permission",
        "args": {
            "table": "place",
            "role": "neighbour",
            "permission": {
                "columns": ["id"],
                "filter": {"location": {"$st_d_within": {"distance": "X-Hasura-Reach", "from": "X-Hasura-Home"}}},
            },
        },
    },
]


def postgis_programs() -> Path | None:
    """The folder of a Postgres of the distribution that has PostGIS."""
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        version = folder.parent.name
        if (folder / "initdb").exists() and Path(f"/usr/share/postgresql/{version}/extension/postgis.control").exists():
            return folder
    return None


@pytest.fixture(scope="module")
def dsn() -> Iterator[str]:
    """A database with the places."""
    folder = postgis_programs()
    if folder is None:
        pytest.skip("there is no Postgres with PostGIS on this machine (make test-deps, as root)")
    with private_cluster(folder) as (cluster, _):
        name = cluster.template("gis", SCHEMA)

        async def track() -> None:
            engine = Engine(cluster.dsn(name), database=SECTION, data=DataSection())
            await engine.start()
            answer = await engine.answer(json.dumps({"type": "bulk", "args": TRACK}).encode(), ADMIN)
            await engine.stop()
            assert answer.status == 200, answer.body

        run(track())
        yield cluster.dsn(name)


def ask(dsn: str, *requests: dict[str, Any], session: Session = USER) -> list[Answer]:
    async def scenario() -> list[Answer]:
        engine = Engine(dsn, database=SECTION, data=DataSection())
        await engine.start()
        try:
            assert engine.catalog.problems == ()
            # Twice: the second time the statement is remembered.
            answers = []
            for request in requests:
                body = json.dumps(request).encode()
                answer = await engine.answer(body, session)
                if request["type"] == "select":
                    assert await engine.answer(body, session) == answer
                answers.append(answer)
            return answers
        finally:
            await engine.stop()

    return run(scenario())


def ids(dsn: str, where: dict[str, Any], session: Session = USER) -> Any:
    """The ids of the places for which this holds; or the error."""
    request = {"type": "select", "args": {"table": "place", "columns": ["id"], "where": where, "order_by": "id"}}
    (answer,) = ask(dsn, request, session=session)
    body = json.loads(answer.body)
    if answer.status != 200:
        assert answer.status == 400, body
        return body
    return [row["id"] for row in body]


def point(x: float, y: float) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [x, y]}


def box(x: float, y: float, size: float) -> dict[str, Any]:
    corners = [[x, y], [x + size, y], [x + size, y + size], [x, y + size], [x, y]]
    return {"type": "Polygon", "coordinates": [corners]}


LINE = {"type": "LineString", "coordinates": [[-1, 1], [3, 1]]}


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ({"area": {"$st_contains": point(1, 1)}}, [1]),
        ({"area": {"$st_crosses": LINE}}, [1]),
        ({"area": {"$st_equals": box(0, 0, 2)}}, [1]),
        ({"area": {"$st_intersects": LINE}}, [1]),
        ({"area": {"$st_overlaps": box(1, 1, 2)}}, [1]),
        ({"area": {"$st_touches": box(2, 0, 2)}}, [1]),
        ({"area": {"$st_within": box(-1, -1, 9)}}, [1]),
        ({"area": {"$st_3d_intersects": LINE}}, [1]),
        ({"area": {"$st_d_within": {"distance": 8.5, "from": point(18, 18)}}}, [2]),
        ({"area": {"$st_3d_d_within": {"distance": 8.5, "from": point(18, 18)}}}, [2]),
        ({"area": {"_st_contains": "SRID=4326;POINT(1 1)"}}, [1]),
        ({"location": {"$st_intersects": point(11, 11)}}, [2]),
        ({"location": {"$st_d_within": {"distance": 5000, "from": point(1, 1.01)}}}, [1]),
        ({"location": {"$st_d_within": {"distance": 5000, "from": point(1, 1.01), "use_spheroid": False}}}, [1]),
        ({"location": {"$eq": point(11, 11)}}, [2]),
        ({"$not": {"area": {"$st_contains": point(1, 1)}}}, [2]),
        ({"location": {"$is_null": True}}, [3]),
        ({"picture": {"$st_intersects_geom_nband": {"geommin": point(1, 1)}}}, [1]),
        ({"picture": {"$st_intersects_geom_nband": {"geommin": point(1, 1), "nband": 1}}}, [1]),
        ({"picture": {"$st_intersects_nband_geom": {"geommin": point(9, 9), "nband": 1}}}, []),
        ({"area": {"$cast": {"geography": {"$st_d_within": {"distance": 5000, "from": point(2.01, 2)}}}}}, [1]),
        ({"location": {"$cast": {"geometry": {"$st_within": box(0, 0, 2)}}}}, [1]),
        ({"location": {"$cast": {"geometry": {"$cast": {"geography": {"$st_intersects": point(11, 11)}}}}}}, [2]),
        ({"id": {"$cast": {"text": {"$like": "2%"}}}}, [2]),
        ({"id": {"$cast": {"text": "2"}}}, [2]),
        ({"seen": {"$cast": {"date": {"$eq": "2024-05-06"}}}}, [1, 2, 3]),
        ({"raw": {"$cast": {"jsonb": {"$contains": {"a": 2}}}}}, [2]),
        ({"tags": {"$contains": ["a"]}}, [1]),
        ({"tags": {"$contained_in": ["b", "c"]}}, [2]),
        ({"span": {"$eq": "[3,9)"}}, [2]),
        ({"area": {"$st_d_within": {"distance": 1, "from": point(1, 1), "use_spheroid": True}}}, {
            "path": '$.args.where.area["$st_d_within"].use_spheroid',
            "error": '"use_spheroid" is for geography: a geometry lies on a plane'}),
        ({"location": {"$st_contains": point(1, 1)}}, {
            "error": 'operator "st_contains" is for geometry; column "location" is gis.geography'}),
        ({"spot": {"$st_contains": point(1, 1)}}, {
            "error": 'operator "st_contains" is for geometry; column "spot" is gis.spot'}),
        ({"name": {"$st_intersects": point(1, 1)}}, {
            "error": 'operator "st_intersects" is for geometry and geography; column "name" is text'}),
        ({"name": {"$cast": {"integer": 1}}}, {
            "path": '$.args.where.name["$cast"].integer', "code": "unexpected-payload",
            "error": 'column "name" is text, which cannot be cast to "integer"'}),
        ({"name": {"$cast": {"geography": {"$is_null": True}}}}, {"code": "unexpected-payload"}),
        ({"hidden": {"$cast": {"text": "true"}}}, {"code": "permission-denied"}),
        ({"area": {"$st_contains": {"type": "Pt", "coordinates": [1, 1]}}}, {
            "path": '$.args.where.area["$st_contains"].type', "code": "parse-failed"}),
        ({"area": {"$st_contains": "POINT("}}, {
            "code": "postgres-error", "error": "PostGIS cannot use a geometry, or not together with another"}),
        ({"area": {"$st_contains": "POINT(1 1)"}}, {"code": "postgres-error"}),
        ({"area": {"$st_contains": 5}}, {"code": "parse-failed"}),
        ({"area": {"$st_contains": None}}, {"code": "parse-failed"}),
        ({"area": {"$st_contains": "X-Hasura-Home"}}, {"code": "postgres-error"}),
        ({"area": {"$st_d_within": {"from": point(1, 1)}}}, {"error": 'key "distance" not found'}),
        ({"area": {"$st_d_within": {"distance": "far", "from": point(1, 1)}}}, {"code": "postgres-error"}),
        ({"area": {"$st_d_within": point(1, 1)}}, {"code": "unexpected-payload"}),
    ],
    ids=str,
)  # fmt: skip
def test_a_condition_about_space_finds_what_it_says_or_is_refused(dsn: str, where: Any, found: Any) -> None:
    """Every operator and cast, for a role with a row filter; and what is not possible is a 400, never a 500."""
    outcome = ids(dsn, where)
    if isinstance(found, dict):
        assert found.items() <= outcome.items(), outcome
    else:
        assert outcome == found, outcome


def test_rows_behind_the_filter_cannot_make_a_condition_fail(dsn: str) -> None:
    """A hidden row is of another projection, and has JSON that is no jsonb: only the administrator runs into it."""
    for where in (
        {"shape": {"$st_intersects": point(1, 1)}},
        {"shape": {"$cast": {"geography": {"$st_intersects": point(1, 1)}}}},
        {"raw": {"$cast": {"jsonb": {"$contains": {"a": 1}}}}},
    ):
        assert 1 in ids(dsn, where)
        assert ids(dsn, where, session=ADMIN)["code"] == "postgres-error"


def test_geometries_leave_as_geojson(dsn: str) -> None:
    """Geometries and geographies leave as GeoJSON, from a select and from a change."""
    select = {"type": "select", "args": {"table": "place", "columns": ["area", "location"], "where": {"id": 1}}}
    new = {"id": 9, "name": "new", "area": box(-1, -1, 2), "location": point(0, 0), "shape": LINE}
    insert = {
        "type": "insert",
        "args": {"table": "place", "objects": [new], "returning": ["location", "area", "shape"]},
    }
    delete = {"type": "delete", "args": {"table": "place", "where": {"id": 9}, "returning": ["location"]}}
    outside = {"type": "insert", "args": {"table": "place", "objects": [new | {"id": 10, "area": box(5, 5, 1)}]}}
    found, changed, refused = ask(dsn, select, insert, outside)
    (row,) = json.loads(found.body)
    assert row["location"]["coordinates"] == [1, 1]
    assert row["area"]["coordinates"] == [[[0, 0], [0, 2], [2, 2], [2, 0], [0, 0]]]
    (returned,) = json.loads(changed.body)["returning"]
    assert {name: value["coordinates"] for name, value in returned.items()} == {
        "location": [0, 0],
        "area": box(-1, -1, 2)["coordinates"],
        "shape": LINE["coordinates"],
    }
    assert (refused.status, json.loads(refused.body)["code"]) == (400, "permission-error")
    (gone,) = ask(dsn, delete, session=ADMIN)
    assert json.loads(gone.body)["returning"][0]["location"]["type"] == "Point"


def test_the_examples_of_the_page_find_something(dsn: str) -> None:
    """What the page of the query language shows about space is answered with a row."""
    page = (Path(__file__).parents[2] / "docs" / "query-language.md").read_text()
    examples = re.findall(r"^```json with PostGIS\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert examples
    for answer in ask(dsn, *[json.loads(example) for example in examples]):
        assert (answer.status, json.loads(answer.body)[0]["name"]) == (200, "here")


def test_a_filter_about_space_takes_its_values_from_the_session(dsn: str) -> None:
    """The distance and the place of a permission's filter are variables of the session."""
    near = Session("neighbour", {"x-hasura-reach": "200000", "x-hasura-home": "POINT(1 1)"})
    assert ids(dsn, {}, session=near) == [1, 4]
    assert ids(dsn, {}, session=Session("neighbour", {"x-hasura-home": "POINT(1 1)"}))["code"] == "not-found"


def test_types_of_postgis_are_told_from_others_of_their_names(dsn: str) -> None:
    """Their category is found by the extension they belong to, wherever that is; a domain of one is no such type."""

    async def scenario() -> dict[str, str]:
        async with await connect(dsn) as connection:
            columns = (await introspect(connection)).tables[TableName("public", "place")].columns
            return {column.name: column.type.category for column in columns}

    found = run(scenario())
    assert (found["area"], found["location"], found["picture"], found["spot"]) == (
        "geometry",
        "geography",
        "raster",
        "other",
    )
