"""What every sensor driver keeps to: one small ``read``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin_edge.message import Reading


class Sensor(Protocol):
    """One sensor behind one datastream; used by one thread only."""

    def read(self, now_us: int) -> Sequence[Reading]:
        """Return what is to be said at ``now_us`` on the node's clock, mostly one reading.

        Nothing returned means that there is nothing to say, not that all is well.

        Raises:
            SensorError: no usable value; becomes a null with its reason.
        """

    def close(self) -> None:
        """Let go of pins, buses and files."""


class World(Protocol):
    """What simulated sensors look at: a pure function of the time since its start."""

    def value(self, quantity: str, elapsed_s: float) -> float:
        """Return ``quantity`` in its UCUM unit, ``elapsed_s`` after the world's start.

        Raises:
            KeyError: for a quantity the world does not have.
        """

    def quantities(self) -> Sequence[str]:
        """Return the names ``value`` understands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a driver may know besides its settings.

    ``folder`` keeps its files, ``memory`` is what its last stored reading asked to have
    back, ``start_us`` is when simulated worlds began.
    """

    name: str
    unit: str
    folder: Path
    start_us: int
    memory: str | None = None
    world: World | None = None
