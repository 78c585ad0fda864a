"""A pump room: a sump held at its level by a controller, until it slowly leaks.

The controller keeps the level at ``level_m``; from ``leak_from_s`` a crack lets it sink
by ``leak_m_s``, far too slowly for a fixed level to notice soon, and the pump, which
refills, runs ``leak_m3_h`` harder once the crack has opened over ``opening_s``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class PumpsSettings:
    """Set points of the room and its leak; ``swing_m`` and ``swing_s`` are the daily cycle."""

    level_m: float = 1.5
    swing_m: float = 0.0
    swing_s: float = 86_400.0
    flow_m3_h: float = 42.0
    pressure_kpa: float = 320.0
    motor_cel: float = 48.0
    leak_from_s: float = math.inf
    leak_m_s: float = 0.00005
    leak_m3_h: float = 3.0
    opening_s: float = 1800.0

    def __post_init__(self) -> None:
        if not (self.swing_s > 0 and self.opening_s > 0):
            raise ValueError("swing_s and opening_s must be positive")


class Pumps:
    """Level (m), flow (m3/h), pressure (kPa), motor temperature (Cel), float (0 or 1)."""

    def __init__(self, settings: PumpsSettings) -> None:
        self._settings = settings

    def quantities(self) -> Sequence[str]:
        """Return what can be looked at."""
        return ("level", "flow", "pressure", "motor_temp", "float")

    def value(self, quantity: str, elapsed_s: float) -> float:
        """Return one of the quantities after ``elapsed_s``."""
        settings = self._settings
        leaking_s = max(elapsed_s - settings.leak_from_s, 0.0)
        opened = min(leaking_s / settings.opening_s, 1.0)
        swing_m = settings.swing_m * math.sin(math.tau * elapsed_s / settings.swing_s)
        return {
            "level": max(settings.level_m + swing_m - settings.leak_m_s * leaking_s, 0.0),
            "flow": settings.flow_m3_h + settings.leak_m3_h * opened,
            "pressure": settings.pressure_kpa - 8.0 * opened,
            "motor_temp": settings.motor_cel + 2.0 * opened,
            "float": 0.0,
        }[quantity]
