"""The grid: in which cell a place lies, and who answers for it. Pure.

Outlines are (longitude, latitude) in degrees, taken as a plane: right for cells of
a few kilometres that do not cross the antimeridian.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.model.network import Cell, Network, Site

Point = tuple[float, float]


def contains(ring: Sequence[Point], longitude: float, latitude: float) -> bool:
    """Say whether the point lies inside ``ring`` (first equal to last).

    A point on an edge shared by two cells lies in exactly one of them, unless it is
    on their western or southern hull.
    """
    inside = False
    for (x1, y1), (x2, y2) in pairwise(ring):
        if (y1 > latitude) != (y2 > latitude):
            crossing = x1 + (latitude - y1) / (y2 - y1) * (x2 - x1)
            inside ^= longitude < crossing
    return inside


def cell_of(network: Network, site: Site | None) -> Cell | None:
    """Return the cell that ``site`` declares or lies in; None where nobody answers."""
    if site is None:
        return None
    if site.cell:
        return network.cells.get(site.cell)
    around = (
        cell
        for _, cell in sorted(network.cells.items())
        if contains(cell.ring, site.longitude, site.latitude)
    )
    return next(around, None)


def answering(cell: Cell | None) -> tuple[str, ...]:
    """Return the ids of those who answer for ``cell``: responsible, then deputy."""
    if cell is None:
        return ()
    return tuple(dict.fromkeys(p for p in (cell.responsible, cell.deputy) if p))
