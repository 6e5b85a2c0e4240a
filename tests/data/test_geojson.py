"""GeoJSON → extended WKT: every kind of geometry, and every mistake with its place."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from howdah.data.errors import ParseFailed
from howdah.data.sql.geojson import to_wkt

RING = [[0, 0], [1, 0], [1, 1], [0, 0]]


@pytest.mark.parametrize(
    ("geometry", "wkt"),
    [
        ({"type": "Point", "coordinates": [1, 2]}, "SRID=4326;POINT(1 2)"),
        ({"type": "Point", "coordinates": [1, 2, 3]}, "SRID=4326;POINT Z(1 2 3)"),
        ({"type": "Point", "coordinates": [1, 2, 3, 4]}, "SRID=4326;POINT ZM(1 2 3 4)"),
        ({"type": "Point", "coordinates": []}, "SRID=4326;POINT EMPTY"),
        ({"type": "Point", "coordinates": [Decimal("1.50"), Decimal("-1E+2")]}, "SRID=4326;POINT(1.50 -1E+2)"),
        ({"type": "MultiPoint", "coordinates": [[1, 2], [3, 4]]}, "SRID=4326;MULTIPOINT(1 2,3 4)"),
        ({"type": "LineString", "coordinates": [[1, 2], [3, 4]]}, "SRID=4326;LINESTRING(1 2,3 4)"),
        ({"type": "LineString", "coordinates": []}, "SRID=4326;LINESTRING EMPTY"),
        ({"type": "MultiLineString", "coordinates": [[[1, 2], [3, 4]]]}, "SRID=4326;MULTILINESTRING((1 2,3 4))"),
        ({"type": "Polygon", "coordinates": [RING]}, "SRID=4326;POLYGON((0 0,1 0,1 1,0 0))"),
        ({"type": "MultiPolygon", "coordinates": [[RING]]}, "SRID=4326;MULTIPOLYGON(((0 0,1 0,1 1,0 0)))"),
        (
            {"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [1, 2]}]},
            "SRID=4326;GEOMETRYCOLLECTION(POINT(1 2))",
        ),
        ({"type": "GeometryCollection", "geometries": []}, "SRID=4326;GEOMETRYCOLLECTION EMPTY"),
        (
            {"type": "Point", "coordinates": [1, 2], "crs": {"type": "name", "properties": {"name": "EPSG:3857"}}},
            "SRID=3857;POINT(1 2)",
        ),
        (
            {"type": "Point", "coordinates": [1, 2], "crs": {"properties": {"name": "urn:ogc:def:crs:EPSG::25832"}}},
            "SRID=25832;POINT(1 2)",
        ),
    ],
    ids=str,
)
def test_a_geometry_becomes_the_text_that_postgis_reads(geometry: Any, wkt: str) -> None:
    """With its coordinate system, its dimensions, and numbers digit for digit."""
    assert to_wkt(geometry, None) == wkt


@pytest.mark.parametrize(
    ("geometry", "path"),
    [
        ([1, 2], "$"),
        (5, "$"),
        ({}, "$"),
        ({"type": "point", "coordinates": [1, 2]}, "$.type"),
        ({"type": ["Point"], "coordinates": [1, 2]}, "$.type"),
        ({"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 2]}}, "$.type"),
        ({"type": "Point"}, "$"),
        ({"type": "Point", "coordinates": [1]}, "$.coordinates"),
        ({"type": "Point", "coordinates": [1, 2, 3, 4, 5]}, "$.coordinates"),
        ({"type": "Point", "coordinates": [1, "2"]}, "$.coordinates[1]"),
        ({"type": "Point", "coordinates": [1, True]}, "$.coordinates[1]"),
        ({"type": "Point", "coordinates": "1 2"}, "$.coordinates"),
        ({"type": "Point", "coordinates": [[1, 2]]}, "$.coordinates"),
        ({"type": "LineString", "coordinates": [[1, 2]]}, "$.coordinates"),
        ({"type": "LineString", "coordinates": [1, 2]}, "$.coordinates[0]"),
        ({"type": "LineString", "coordinates": [[1, 2], []]}, "$.coordinates[1]"),
        ({"type": "LineString", "coordinates": [[1, 2], [1, 2, 3]]}, "$.coordinates"),
        ({"type": "MultiLineString", "coordinates": [[[1, 2]]]}, "$.coordinates[0]"),
        ({"type": "MultiLineString", "coordinates": [[]]}, "$.coordinates[0]"),
        ({"type": "Polygon", "coordinates": [RING[:3]]}, "$.coordinates[0]"),
        ({"type": "Polygon", "coordinates": [[*RING[:3], [0, 1]]]}, "$.coordinates[0]"),
        ({"type": "GeometryCollection"}, "$"),
        ({"type": "GeometryCollection", "geometries": [5]}, "$.geometries[0]"),
        ({"type": "Point", "coordinates": [1, 2], "crs": "EPSG:4326"}, "$.crs"),
        ({"type": "Point", "coordinates": [1, 2], "crs": {"properties": {"name": "EPSG:1;DROP"}}}, "$.crs"),
    ],
    ids=str,
)
def test_what_is_no_geometry_is_refused_with_its_place(geometry: Any, path: str) -> None:
    """PostGIS would answer that something went wrong inside it."""
    with pytest.raises(ParseFailed) as refused:
        to_wkt(geometry, None)
    assert refused.value.path == path
