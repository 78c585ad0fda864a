"""A dry contact: float switch, leak rope, door. 1 is alarm or open water, 0 is rest.

A contact that closed and opened again between two reads is still said once: a float
that bobs must not be missed. With ``normally_closed`` the rest state is a closed loop,
so that a cut cable reads as 1, never as all well.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin_edge.message import Reading
from tocsin_edge.sensors.gpio import GpioLine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin_edge.sensors.base import Surroundings
    from tocsin_edge.sensors.gpio import Line


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactSettings:
    """``pin`` is the BCM number; changes within ``bounce_s`` of another are bouncing."""

    pin: int
    normally_closed: bool = False
    bounce_s: float = 0.05

    def __post_init__(self) -> None:
        if not 0 <= self.pin <= 27:
            raise ValueError(f"pin is a BCM number from 0 to 27, got {self.pin}")
        if not 0 < self.bounce_s < 10:
            raise ValueError(f"bounce_s must be between 0 and 10, got {self.bounce_s}")


class Contact:
    """One contact on a GPIO pin; ``line`` stands in for the pin."""

    def __init__(
        self, settings: ContactSettings, _around: Surroundings, *, line: Line | None = None
    ) -> None:
        self._settings = settings
        self._line = line or GpioLine(settings.pin, bounce_s=settings.bounce_s)
        self._closed_since = threading.Event()
        self._line.on_close(self._closed_since.set)

    def read(self, now_us: int) -> Sequence[Reading]:
        """Return 1 if the contact is in alarm or was since the last read."""
        del now_us
        seen = self._closed_since.is_set()
        self._closed_since.clear()
        closed = self._line.closed()
        if self._settings.normally_closed:
            return [Reading(result=int(not closed))]
        return [Reading(result=int(closed or seen))]

    def close(self) -> None:
        """Let go of the pin."""
        self._line.close()
