"""Simulated worlds by kind: a new one is one file here and one line below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tocsin_edge.worlds.building import Building, BuildingSettings
from tocsin_edge.worlds.pumps import Pumps, PumpsSettings
from tocsin_edge.worlds.river import River, RiverSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin_edge.sensors.base import World

WORLDS: Final[dict[str, tuple[type[Any], Callable[[Any], World]]]] = {
    "building": (BuildingSettings, Building),
    "pumps": (PumpsSettings, Pumps),
    "river": (RiverSettings, River),
}
"""Kind -> its settings and what builds it from them."""
