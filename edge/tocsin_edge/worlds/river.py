"""A small river: storms become rain, rain becomes flow, flow becomes stage.

Rain that runs off is spread in time by a Nash cascade (J. E. Nash, The form of the
instantaneous unit hydrograph, IASH publ. 45, 1957): ``reservoirs`` equal linear
reservoirs that each empty in ``reservoir_s``. A power-law rating turns flow into stage.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

STEP_S: Final = 60.0
LONGEST_S: Final = 30 * 86_400.0  # later the river is as it was then
MM_KM2_TO_M3: Final = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """``depth_mm`` of rain as a triangle in time, heaviest ``peak`` of the way through."""

    start_s: float
    duration_s: float
    depth_mm: float
    peak: float = 0.4

    def __post_init__(self) -> None:
        if not (self.duration_s > 0 and self.depth_mm >= 0 and 0 < self.peak < 1):
            raise ValueError("a storm has a duration, a depth and a peak between 0 and 1")

    def fallen_mm(self, elapsed_s: float) -> float:
        """Return the rain of this storm until ``elapsed_s``."""
        x = min(max((elapsed_s - self.start_s) / self.duration_s, 0.0), 1.0)
        rising = x * x / self.peak
        falling = 1 - (1 - x) ** 2 / (1 - self.peak)
        return self.depth_mm * (rising if x < self.peak else falling)


@dataclass(frozen=True, slots=True, kw_only=True)
class RiverSettings:
    """Catchment, channel and weather; see the module for what they mean.

    Flow = ``rating`` x (stage - ``zero_m``) ^ ``exponent`` in m3/s.
    """

    storm: tuple[Storm, ...] = field(default=())
    area_km2: float = 12.0
    runoff: float = 0.6
    reservoirs: int = 3
    reservoir_s: float = 900.0
    base_m3_s: float = 1.2
    zero_m: float = 0.6
    rating: float = 4.0
    exponent: float = 1.7

    def __post_init__(self) -> None:
        for name in ("area_km2", "reservoirs", "reservoir_s", "base_m3_s", "rating", "exponent"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive")
        if not 0 <= self.runoff <= 1:
            raise ValueError(f"runoff is a share from 0 to 1, got {self.runoff}")


class River:
    """Stage (m), flow (m3/s) and rain since the start (mm) at one gauge."""

    def __init__(self, settings: RiverSettings) -> None:
        self._settings = settings
        self._stored_m3 = [0.0] * settings.reservoirs
        self._flows = [settings.base_m3_s]

    def quantities(self) -> Sequence[str]:
        """Return what can be looked at."""
        return ("stage", "flow", "rain")

    def value(self, quantity: str, elapsed_s: float) -> float:
        """Return stage, flow or total rain after ``elapsed_s``."""
        looks: dict[str, Callable[[float], float]] = {
            "stage": self.stage_m,
            "flow": self.flow_m3_s,
            "rain": self.rain_mm,
        }
        return looks[quantity](elapsed_s)

    def rain_mm(self, elapsed_s: float) -> float:
        """Return the rain fallen until ``elapsed_s``."""
        return sum(storm.fallen_mm(elapsed_s) for storm in self._settings.storm)

    def stage_m(self, elapsed_s: float) -> float:
        """Return the water level above the gauge's zero."""
        settings = self._settings
        depth_m = (self.flow_m3_s(elapsed_s) / settings.rating) ** (1 / settings.exponent)
        return settings.zero_m + float(depth_m)

    def flow_m3_s(self, elapsed_s: float) -> float:
        """Return the flow, between whole steps by straight lines."""
        step, part = divmod(min(elapsed_s, LONGEST_S) / STEP_S, 1.0)
        while len(self._flows) < step + 2:
            self._flows.append(self._next_flow())
        before, after = self._flows[int(step)], self._flows[int(step) + 1]
        return before + part * (after - before)

    def _next_flow(self) -> float:
        settings = self._settings
        start_s = (len(self._flows) - 1) * STEP_S
        fallen_mm = self.rain_mm(start_s + STEP_S) - self.rain_mm(start_s)
        moving_m3 = fallen_mm * settings.runoff * settings.area_km2 * MM_KM2_TO_M3
        kept = math.exp(-STEP_S / settings.reservoir_s)
        for i, stored_m3 in enumerate(self._stored_m3):
            held = stored_m3 + moving_m3
            self._stored_m3[i] = held * kept
            moving_m3 = held - self._stored_m3[i]
        return settings.base_m3_s + moving_m3 / STEP_S
