"""A sensor that looks at the node's simulated world, with the faults of a real one."""

from __future__ import annotations

import random
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from tocsin_edge.clock import SECOND_US
from tocsin_edge.errors import SensorError
from tocsin_edge.message import Reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin_edge.sensors.base import Surroundings, World


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulateSettings:
    """What of the world is seen and how badly.

    ``noise`` is a standard deviation and ``resolution`` the smallest step, in the unit;
    ``total`` makes the reading the quantity's increase since the last one (rain);
    ``lowest`` is where the scale ends. From ``stuck_from_s`` the value stands still,
    from ``silent_from_s`` nothing is said, from ``broken_from_s`` it is a null with a
    reason; all three in seconds after the world's start.
    """

    quantity: str
    noise: float = 0.0
    resolution: float = 0.0
    total: bool = False
    lowest: float = -inf
    seed: int = 1
    stuck_from_s: float = inf
    silent_from_s: float = inf
    broken_from_s: float = inf

    def __post_init__(self) -> None:
        if self.noise < 0 or self.resolution < 0:
            raise ValueError("noise and resolution must not be negative")


class Simulate:
    """One simulated sensor; the same seed and time always give the same value.

    Raises:
        SensorError: without a world, or for a quantity it does not have.
    """

    def __init__(self, settings: SimulateSettings, around: Surroundings) -> None:
        if around.world is None:
            raise SensorError("a simulated sensor needs a [world] table")
        if settings.quantity not in around.world.quantities():
            known = ", ".join(around.world.quantities())
            raise SensorError(f"the world has no {settings.quantity!r}, only {known}")
        self._world: World = around.world
        self._settings = settings
        self._around = around
        self._since_us = int(around.memory) if around.memory else around.start_us

    def read(self, now_us: int) -> Sequence[Reading]:
        """Return what the sensor would show at ``now_us``.

        Raises:
            SensorError: once it is broken.
        """
        elapsed_s = (now_us - self._around.start_us) / SECOND_US
        if elapsed_s >= self._settings.silent_from_s:
            return []
        if elapsed_s >= self._settings.broken_from_s:
            raise SensorError("simulated: the sensor is broken")
        if self._settings.total:
            return [self._increase(now_us, elapsed_s)]
        return [Reading(result=self._seen(min(elapsed_s, self._settings.stuck_from_s)))]

    def close(self) -> None:
        """Nothing is held."""

    def _increase(self, now_us: int, elapsed_s: float) -> Reading:
        start_us = min(self._since_us, now_us)
        before_s = (start_us - self._around.start_us) / SECOND_US
        self._since_us = now_us
        before, after = (self._total(at_s) for at_s in (before_s, elapsed_s))
        result = round(after - before, 6)
        return Reading(result=result, start_us=start_us, memory=str(now_us))

    def _total(self, elapsed_s: float) -> float:
        step = self._settings.resolution
        value = self._world.value(self._settings.quantity, max(elapsed_s, 0.0))
        return int(value / step + 1e-9) * step if step else value

    def _seen(self, elapsed_s: float) -> float:
        settings = self._settings
        value = self._world.value(settings.quantity, max(elapsed_s, 0.0))
        key = f"{settings.seed}/{self._around.name}/{elapsed_s:.3f}"
        value += random.Random(key).gauss(0.0, settings.noise)  # noqa: S311 - noise, no secret
        if settings.resolution:
            value = round(value / settings.resolution) * settings.resolution
        return round(max(value, settings.lowest), 6)
