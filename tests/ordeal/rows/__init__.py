"""The rows, in the catalogue's order. A new one is a file here and a line below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ordeal import baseline
from ordeal.rows import latency, limits, mixed, outage

if TYPE_CHECKING:
    from ordeal.verdict import Row

ROWS: Final[tuple[Row, ...]] = (
    mixed.KILLED,
    mixed.KILLED_MOSQUITTO,
    latency.CLEAN,
    latency.MIDWAY,
    limits.LIMITS,
    mixed.WIPED,
    mixed.WIPED_MOSQUITTO,
    outage.INFLUX_DOWN,
    mixed.STOPPED,
    baseline.BASELINE,
    *doors.DOORS,
)
