"""GeoJSON (RFC 7946) → the text that PostGIS reads for geometries and geographies alike.

PostGIS reads GeoJSON as a geometry only, without its coordinate system, and says of most mistakes in it that something
went wrong inside PostGIS.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

from howdah.data.errors import ParseFailed, Path, wrong_kind

_DEPTHS: Final = {
    "Point": 0,
    "MultiPoint": 1,
    "LineString": 1,
    "MultiLineString": 2,
    "Polygon": 2,
    "MultiPolygon": 3,
}
"""How many lists the positions of a geometry are in."""

_DIMENSIONS: Final = {2: "", 3: " Z", 4: " ZM"}

_RING: Final = 4
"""Positions of the shortest ring: a triangle whose last position is its first."""

_WORLD: Final = "4326"
"""The coordinate system of GeoJSON: longitude and latitude."""

_SYSTEM: Final = re.compile(r"(?:EPSG:|urn:ogc:def:crs:EPSG:[0-9.]*:)([0-9]{1,6})")


def to_wkt(value: Any, path: Path) -> str:
    """The geometry as extended WKT; numbers keep their digits. Raises ParseFailed, with the place, for what is none.

    >>> to_wkt({"type": "LineString", "coordinates": [[1, 2], [3, Decimal("4.50")]]}, None)
    'SRID=4326;LINESTRING(1 2,3 4.50)'
    """
    if not isinstance(value, dict):
        raise ParseFailed(wrong_kind("GeoJSON (Object)", value), path=path)
    return f"SRID={_system(value.get('crs'), (path, 'crs'))};{_geometry(value, path)}"


def _system(crs: Any, path: Path) -> str:
    """The number of the coordinate system; other ones than GeoJSON's are written as PostGIS writes them."""
    if crs is None:
        return _WORLD
    properties = crs.get("properties") if isinstance(crs, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    found = _SYSTEM.fullmatch(name) if isinstance(name, str) else None
    if found is None:
        message = 'a "crs" is like {"type": "name", "properties": {"name": "EPSG:3857"}}'
        raise ParseFailed(message, path=path)
    return found[1]


def _geometry(value: Any, path: Path) -> str:
    if not isinstance(value, dict):
        raise ParseFailed(wrong_kind("GeoJSON (Object)", value), path=path)
    kind = value.get("type")
    if kind == "GeometryCollection":
        place = (path, "geometries")
        geometries = value.get("geometries")
        if not isinstance(geometries, list):
            raise ParseFailed('a GeometryCollection has "geometries", a list', path=path)
        parts = [_geometry(geometry, (place, index)) for index, geometry in enumerate(geometries)]
        return f"GEOMETRYCOLLECTION({','.join(parts)})" if parts else "GEOMETRYCOLLECTION EMPTY"
    depth = _DEPTHS.get(kind) if isinstance(kind, str) else None
    if depth is None:
        message = 'the "type" of a geometry is one of ' + ", ".join((*_DEPTHS, "GeometryCollection"))
        raise ParseFailed(message, path=(path, "type") if "type" in value else path)
    if "coordinates" not in value:
        raise ParseFailed(f'a {kind} has "coordinates"', path=path)
    place = (path, "coordinates")
    sizes: set[int] = set()
    coordinates = _coordinates(value["coordinates"], depth, place, sizes, str(kind))
    word = str(kind).upper()
    if len(sizes) > 1:
        raise ParseFailed("the positions of a geometry all have the same number of numbers", path=place)
    if not sizes:
        return f"{word} EMPTY"
    return f"{word}{_DIMENSIONS[sizes.pop()]}{coordinates if depth else f'({coordinates})'}"


def _coordinates(value: Any, depth: int, path: Path, sizes: set[int], kind: str) -> str:
    if not isinstance(value, list):
        raise ParseFailed(wrong_kind("Array", value), path=path)
    if depth == 0:
        return _position(value, path, sizes) if value or kind != "Point" else ""
    if depth == 1 and value:
        if kind.endswith("Polygon") and (len(value) < _RING or value[0] != value[-1]):
            raise ParseFailed(f"a ring has at least {_RING} positions, and ends where it begins", path=path)
        if kind.endswith("LineString") and len(value) == 1:
            raise ParseFailed("a line has at least two positions", path=path)
    if not value and depth < _DEPTHS[kind]:
        raise ParseFailed("a part of a geometry cannot be empty", path=path)
    return f"({','.join([_coordinates(item, depth - 1, (path, at), sizes, kind) for at, item in enumerate(value)])})"


def _position(value: list[Any], path: Path, sizes: set[int]) -> str:
    if len(value) not in _DIMENSIONS:
        raise ParseFailed("a position has 2 to 4 numbers: longitude and latitude first", path=path)
    for index, number in enumerate(value):
        if not isinstance(number, int | Decimal | float) or isinstance(number, bool):
            raise ParseFailed(wrong_kind("Number", number), path=(path, index))
    sizes.add(len(value))
    return " ".join([str(number) for number in value])
