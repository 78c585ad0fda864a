"""A certified smoke detector's relay outputs: alarm, and fault where it has one.

The node never replaces the detector: it only passes on what its relay says. With a
fault relay (closed while the detector is well), a dead detector reads as null with the
reason and not as "no smoke".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin_edge.errors import SensorError
from tocsin_edge.message import Reading
from tocsin_edge.sensors.gpio import GpioLine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin_edge.sensors.base import Surroundings
    from tocsin_edge.sensors.gpio import Line


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeRelaySettings:
    """BCM pins of the alarm relay (closes in alarm) and the fault relay (opens in fault)."""

    pin: int
    fault_pin: int | None = None
    bounce_s: float = 0.1

    def __post_init__(self) -> None:
        for pin in (self.pin, 0 if self.fault_pin is None else self.fault_pin):
            if not 0 <= pin <= 27:
                raise ValueError(f"a pin is a BCM number from 0 to 27, got {pin}")
        if self.pin == self.fault_pin:
            raise ValueError("alarm and fault relay share one pin")


class SmokeRelay:
    """One detector's relays; ``alarm`` and ``fault`` stand in for the pins."""

    def __init__(
        self,
        settings: SmokeRelaySettings,
        _around: Surroundings,
        *,
        alarm: Line | None = None,
        fault: Line | None = None,
    ) -> None:
        self._alarm = alarm or GpioLine(settings.pin, bounce_s=settings.bounce_s)
        self._fault = fault
        if fault is None and settings.fault_pin is not None:
            self._fault = GpioLine(settings.fault_pin, bounce_s=settings.bounce_s)

    def read(self, now_us: int) -> Sequence[Reading]:
        """Return 1 in alarm, 0 at rest; an alarm counts even from a faulty detector.

        Raises:
            SensorError: if the detector reports a fault and no alarm.
        """
        del now_us
        if self._alarm.closed():
            return [Reading(result=1)]
        if self._fault is not None and not self._fault.closed():
            raise SensorError("smoke detector reports a fault or has no power")
        return [Reading(result=0)]

    def close(self) -> None:
        """Let go of the pins."""
        self._alarm.close()
        if self._fault is not None:
            self._fault.close()
