"""A 4-20 mA transmitter read by an ADS1115 over a shunt resistor.

Below 3.6 mA the wire is broken, above 21 mA the transmitter reports a fault (NAMUR
NE 43): both are nulls with their reason, never "0 m". Between these limits and
3.8 to 20.5 mA the value is at the end of its scale and suspect.
"""

from __future__ import annotations

import importlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from tocsin_edge.errors import SensorError
from tocsin_edge.message import Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tocsin_edge.sensors.base import Surroundings

CONVERSION: Final = 0x00
CONFIG: Final = 0x01
START_SINGLE: Final = 0x8000
DONE: Final = 0x80  # of the high byte: no conversion running
SINGLE_SHOT: Final = 0x0100
RATE_128: Final = 0x0080
NO_COMPARATOR: Final = 0x0003
GAIN_BITS: Final = {6.144: 0x0000, 4.096: 0x0200, 2.048: 0x0400, 1.024: 0x0600}
BROKEN_MA: Final = 3.6
FAULT_MA: Final = 21.0
MEASURED_MA: Final = (3.8, 20.5)
TRIES: Final = 3
WAITS: Final = 20
WAIT_S: Final = 0.002


class Bus(Protocol):
    """The two I2C calls that are needed; smbus2's ``SMBus`` has them."""

    def write_i2c_block_data(self, address: int, register: int, data: list[int]) -> None:
        """Write bytes to a register."""

    def read_i2c_block_data(self, address: int, register: int, length: int) -> list[int]:
        """Read bytes from a register, in the order of the wire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ads1115Settings:
    """``at_4ma`` and ``at_20ma`` are the values, in the datastream's unit, at these currents.

    The shunt carries at most 21 mA: ``range_v`` must be above what that makes.
    """

    at_4ma: float
    at_20ma: float
    channel: int = 0
    address: int = 0x48
    bus: int = 1
    shunt_ohm: float = 100.0
    range_v: float = 4.096

    def __post_init__(self) -> None:
        if self.channel not in range(4):
            raise ValueError(f"channel is 0 to 3, got {self.channel}")
        if self.range_v not in GAIN_BITS:
            raise ValueError(f"range_v is one of {', '.join(map(str, GAIN_BITS))}")
        if not 0 < self.shunt_ohm * 0.0215 < self.range_v:
            raise ValueError(f"21.5 mA over {self.shunt_ohm} ohm do not fit {self.range_v} V")
        if self.at_4ma == self.at_20ma:
            raise ValueError("at_4ma and at_20ma are equal")


class Ads1115:
    """One channel of the converter; ``bus`` and ``wait`` stand in for the wire and time."""

    def __init__(
        self,
        settings: Ads1115Settings,
        _around: Surroundings,
        *,
        bus: Bus | None = None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._bus = bus or _open_bus(settings.bus)
        self._wait = wait

    def read(self, now_us: int) -> Sequence[Reading]:
        """Return the value the current stands for.

        Raises:
            SensorError: for a broken wire, a fault current or a silent converter.
        """
        del now_us
        for left in reversed(range(TRIES)):
            try:
                return [scaled(self._current_ma(), self._settings)]
            except OSError as err:
                if not left:
                    raise SensorError(f"ADS1115 does not answer: {err}") from err
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Let go of the bus."""
        close = getattr(self._bus, "close", None)
        if close is not None:
            close()

    def _current_ma(self) -> float:
        settings = self._settings
        command = START_SINGLE | SINGLE_SHOT | RATE_128 | NO_COMPARATOR
        command |= (4 + settings.channel) << 12 | GAIN_BITS[settings.range_v]
        self._bus.write_i2c_block_data(settings.address, CONFIG, [command >> 8, command & 0xFF])
        self._await_conversion()
        raw = bytes(self._bus.read_i2c_block_data(settings.address, CONVERSION, 2))
        volts = int.from_bytes(raw, "big", signed=True) * settings.range_v / 32768
        return volts / settings.shunt_ohm * 1000

    def _await_conversion(self) -> None:
        for _ in range(WAITS):
            self._wait(WAIT_S)
            if self._bus.read_i2c_block_data(self._settings.address, CONFIG, 2)[0] & DONE:
                return
        raise SensorError("ADS1115 does not finish its conversion")


def scaled(current_ma: float, settings: Ads1115Settings) -> Reading:
    """Return the reading that ``current_ma`` stands for.

    Raises:
        SensorError: for a current no healthy loop has.
    """
    if current_ma < BROKEN_MA:
        raise SensorError("4-20 mA below 3.6 mA")
    if current_ma > FAULT_MA:
        raise SensorError("4-20 mA above 21 mA")
    span = settings.at_20ma - settings.at_4ma
    result = round(settings.at_4ma + (current_ma - 4) / 16 * span, 4)
    if MEASURED_MA[0] <= current_ma <= MEASURED_MA[1]:
        return Reading(result=result)
    return Reading(result=result, quality="suspect", why="at the end of the 4-20 mA scale")


def _open_bus(number: int) -> Bus:
    try:
        smbus2: Any = importlib.import_module("smbus2")
    except ImportError as err:
        raise SensorError("I2C needs: pip install tocsin-edge[i2c]") from err
    try:
        bus: Bus = smbus2.SMBus(number)
    except OSError as err:
        raise SensorError(f"I2C bus {number} cannot be opened: {err.strerror}") from err
    return bus
