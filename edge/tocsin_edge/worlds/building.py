"""Two rooms, one of which burns: a t-squared fire fills both with smoke, CO and heat.

The fire grows as alpha t^2 (NFPA 72 and 92 name slow, medium, fast and ultrafast) up to
``most_kw``. Each room is one well-mixed box: what the fire gives off goes into the
first, the door mixes the two, ventilation dilutes both. Smoke is the extinction
coefficient (1/m) at 8.7 m2 per gram of soot (G. W. Mulholland and C. Croarkin, Fire and
Materials 24, 2000).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

STEP_S: Final = 1.0
LONGEST_S: Final = 86_400.0  # later the fire is as it was then
GROWTH_KW_S2: Final = {"slow": 0.0029, "medium": 0.0117, "fast": 0.0469, "ultrafast": 0.1876}
HEAT_KJ_G: Final = 20.0  # heat of combustion of furniture
EXTINCTION_M2_G: Final = 8.7
CO_PPM_M3_G: Final = 873.0  # 1 g of CO in 1 m3 of air at 25 Cel
AIR_KJ_M3_K: Final = 1.2
QUANTITIES: Final = ("smoke", "co", "temp")


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildingSettings:
    """What burns, from when, and the rooms around it; ``room`` is the one looked at."""

    ignition_s: float = math.inf
    growth: Literal["slow", "medium", "fast", "ultrafast"] = "fast"
    most_kw: float = 800.0
    room: Literal["fire", "next"] = "fire"
    fire_room_m3: float = 180.0
    next_room_m3: float = 90.0
    door_m3_s: float = 0.35
    ventilation_s: float = 1200.0
    heat_loss_s: float = 180.0
    heat_to_air: float = 0.25
    soot_yield: float = 0.03
    co_yield: float = 0.02
    ambient_cel: float = 21.0
    background_smoke: float = 0.002
    background_co: float = 1.0

    def __post_init__(self) -> None:
        positive = ("most_kw", "fire_room_m3", "next_room_m3", "ventilation_s", "heat_loss_s")
        for name in positive:
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive")


Room = tuple[float, float, float]
"""Soot (g/m3), carbon monoxide (g/m3) and warming (K) of one room."""


class Building:
    """Smoke (1/m), co ([ppm]) and temp (Cel) in the chosen room."""

    def __init__(self, settings: BuildingSettings) -> None:
        self._settings = settings
        self._steps: list[tuple[Room, Room]] = [((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))]

    def quantities(self) -> Sequence[str]:
        """Return what can be looked at."""
        return QUANTITIES

    def value(self, quantity: str, elapsed_s: float) -> float:
        """Return smoke, co or temp after ``elapsed_s``."""
        settings = self._settings
        soot, co, warming = self._room(elapsed_s - settings.ignition_s)
        return {
            "smoke": settings.background_smoke + EXTINCTION_M2_G * soot,
            "co": settings.background_co + CO_PPM_M3_G * co,
            "temp": settings.ambient_cel + warming,
        }[quantity]

    def _room(self, burning_s: float) -> Room:
        if burning_s <= 0:
            return (0.0, 0.0, 0.0)
        step = int(min(burning_s, LONGEST_S) / STEP_S)
        while len(self._steps) <= step:
            self._steps.append(self._next_step())
        return self._steps[step][0 if self._settings.room == "fire" else 1]

    def _next_step(self) -> tuple[Room, Room]:
        settings = self._settings
        burning_s = len(self._steps) * STEP_S
        fire_kw = min(GROWTH_KW_S2[settings.growth] * burning_s**2, settings.most_kw)
        burnt_g_s = fire_kw / HEAT_KJ_G
        given: Room = (
            burnt_g_s * settings.soot_yield,
            burnt_g_s * settings.co_yield,
            fire_kw * settings.heat_to_air / AIR_KJ_M3_K,
        )
        first, second = self._steps[-1]
        columns = [self._mixed(i, first[i], second[i], given[i]) for i in range(3)]
        (a, b), (c, d), (e, f) = columns
        return (a, c, e), (b, d, f)

    def _mixed(self, i: int, first: float, second: float, given: float) -> tuple[float, float]:
        settings = self._settings
        through = settings.door_m3_s * (first - second)
        loss_s = settings.heat_loss_s if i == QUANTITIES.index("temp") else settings.ventilation_s
        grown = (given - through) / settings.fire_room_m3 - first / loss_s
        reached = through / settings.next_room_m3 - second / loss_s
        return first + grown * STEP_S, second + reached * STEP_S
