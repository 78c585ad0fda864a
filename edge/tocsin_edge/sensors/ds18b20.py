"""DS18B20 thermometer by the kernel's w1 driver.

Traps, all of which look like plausible temperatures: 85.0 is the power-on value (its
reserved byte is 0x0c until a conversion ran), a shorted bus reads as nine zero bytes
with a right CRC, a loose one as a CRC error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin_edge.errors import SensorError
from tocsin_edge.message import Reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin_edge.sensors.base import Surroundings

FRAME: Final = re.compile(
    r"(?P<bytes>(?:[0-9a-f]{2} ){9}): crc=[0-9a-f]{2} (?P<crc>YES|NO)\n.*t=(?P<milli>-?\d+)"
)
POWER_ON_MILLI: Final = 85_000
POWER_ON_RESERVED: Final = "0c"
LIKELY_STEP_CEL: Final = 15.0
TRIES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Ds18b20Settings:
    """``id`` is the sensor's name on the bus, such as ``28-0316a279e4ff``."""

    id: str
    bus: Path = Path("/sys/bus/w1/devices")

    def __post_init__(self) -> None:
        if not re.fullmatch(r"(10|22|28|3b|42)-[0-9a-f]{12}", self.id):
            raise ValueError(f"{self.id!r} is no 1-wire id such as 28-0316a279e4ff")


class Ds18b20:
    """One thermometer; degrees Celsius, from -55 to 125."""

    def __init__(self, settings: Ds18b20Settings, _around: Surroundings) -> None:
        self._file = settings.bus / settings.id / "w1_slave"
        self._last: float | None = None

    def read(self, now_us: int) -> Sequence[Reading]:
        """Return the temperature; a CRC error is tried again at once.

        Raises:
            SensorError: if no try gave one to be believed.
        """
        del now_us
        for left in reversed(range(TRIES)):
            try:
                return [self._checked(self._frame())]
            except SensorError:
                if not left:
                    raise
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Nothing is held between reads."""

    def _frame(self) -> str:
        try:
            return self._file.read_text(encoding="ascii")
        except OSError as err:
            raise SensorError(f"1-wire sensor does not answer: {err.strerror}") from err

    def _checked(self, frame: str) -> Reading:
        milli = plausible(frame)
        cel = milli / 1000
        near = self._last is not None and abs(cel - self._last) <= LIKELY_STEP_CEL
        if milli == POWER_ON_MILLI and not near:
            return Reading(result=cel, quality="suspect", why="85.0 may be the power-on value")
        self._last = cel
        return Reading(result=cel)


def plausible(frame: str) -> int:
    """Return the thousandths of a degree in a w1_slave ``frame``.

    Raises:
        SensorError: for a wrong CRC, a power-on value, a shorted bus, an impossible value.
    """
    match = FRAME.search(frame)
    if match is None:
        raise SensorError("1-wire sensor gave no reading")
    scratchpad = match["bytes"].split()
    if match["crc"] == "NO":
        raise SensorError("1-wire CRC error: check cable and pull-up")
    if set(scratchpad) == {"00"}:
        raise SensorError("1-wire bus is shorted: all bytes are zero")
    milli = int(match["milli"])
    if milli == POWER_ON_MILLI and scratchpad[6] == POWER_ON_RESERVED:
        raise SensorError("85.0 is the power-on value: no conversion ran, check the supply")
    if not -55_000 <= milli <= 125_000:
        raise SensorError(f"{milli / 1000} is outside what the sensor can measure")
    return milli
