"""cells.geojson: the grid, each cell an area with people who answer for it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from hub.config import words
from hub.config.problems import did_you_mean
from hub.config.table import Table, must_be
from hub.model.network import Cell, Resource
from hub.words import LANGUAGES

Ring = tuple[tuple[float, float], ...]
CORNERS = 4  # a triangle, closed


@dataclass(frozen=True, slots=True, kw_only=True)
class CellFeature:
    """One cell, and the table of its properties for later complaints."""

    cell: Cell
    table: Table


def read_cells(top: Table) -> list[CellFeature]:
    """Return the features of a GeoJSON FeatureCollection.

    Members of GeoJSON that say nothing of a cell (``bbox``, ``name``, ``crs``, ``id``)
    are passed over; an unknown property is a problem.
    """
    if top.text("type") != "FeatureCollection":
        top.wrong("type", words.MUST_BE_WORD.filled(word="FeatureCollection"))
    features = [read_feature(table) for table in top.tables("features", required=True)]
    for key in ("bbox", "name", "crs"):
        top.ignore(key)
    top.close()
    return features


def read_feature(table: Table) -> CellFeature:
    """Return one GeoJSON feature as a cell."""
    table.text("type", "Feature", known=("Feature",))
    ring = read_ring(table.table("geometry"))
    properties = table.table("properties")
    cell = Cell(
        id=properties.name("id"),
        name_en=properties.text("name_en"),
        name_zh=properties.text("name_zh"),
        responsible=properties.name("responsible"),
        deputy=properties.name("deputy"),
        ring=ring,
        policy=properties.name("policy", ""),
        residents=properties.whole("residents", 0),
        resources=tuple(read_resource(inner) for inner in properties.tables("resources")),
        languages=properties.texts("languages", LANGUAGES),
    )
    for index, language in enumerate(cell.languages):
        if language not in LANGUAGES:
            near = did_you_mean(language, LANGUAGES)
            properties.wrong(f"languages[{index}]", words.NOT_KNOWN.filled(value=language), near)
    properties.close()
    for key in ("id", "bbox"):
        table.ignore(key)
    table.close()
    return CellFeature(cell=cell, table=properties)


def read_resource(table: Table) -> Resource:
    """Return something the cell can send or open."""
    resource = Resource(
        kind=table.name("kind"),
        name_en=table.text("name_en"),
        name_zh=table.text("name_zh"),
        where=table.text("where", ""),
    )
    table.close()
    return resource


def read_ring(table: Table) -> Ring:
    """Return the outline of a GeoJSON Polygon, without holes."""
    if table.text("type") != "Polygon":
        table.wrong("type", words.MUST_BE_WORD.filled(word="Polygon"), words.SPLIT)
    rings = table.values("coordinates")
    if len(rings) > 1:
        table.wrong("coordinates", words.HOLES, words.KEEP_OUTLINE)
    points = rings[0] if rings and isinstance(rings[0], list) else []
    ring = tuple((float(p[0]), float(p[1])) for p in points if is_point(p))
    check_ring(table, points, ring)
    table.close()
    return ring


def check_ring(table: Table, points: list[Any], ring: Ring) -> None:
    """Note points that are none, and an outline that is not closed."""
    for index, point in enumerate(points):
        if not is_point(point):
            where = f"coordinates[0][{index}]"
            table.wrong(where, must_be(words.POSITION, point))
    if len(ring) < CORNERS or ring[0] != ring[-1]:
        table.wrong("coordinates", words.NOT_CLOSED, words.CLOSE_RING)


def is_point(point: object) -> bool:
    """Say whether ``point`` is a longitude and a latitude in degrees."""
    if not isinstance(point, list) or not 2 <= len(point) <= 3:
        return False
    if any(isinstance(v, bool) or not isinstance(v, int | float) for v in point):
        return False
    longitude, latitude = float(point[0]), float(point[1])
    return -180 <= longitude <= 180 and -90 <= latitude <= 90


def inside(longitude: float, latitude: float, ring: Ring) -> bool:
    """Say whether a point lies in ``ring``: odd crossings of a ray to the east."""
    crossings = 0
    for (x1, y1), (x2, y2) in pairwise(ring):
        if (y1 > latitude) != (y2 > latitude):
            crossings += longitude < x1 + (latitude - y1) * (x2 - x1) / (y2 - y1)
    return crossings % 2 == 1


def cells_at(longitude: float, latitude: float, features: list[CellFeature]) -> list[str]:
    """Return the ids of the cells in which a point lies."""
    return [f.cell.id for f in features if inside(longitude, latitude, f.cell.ring)]
