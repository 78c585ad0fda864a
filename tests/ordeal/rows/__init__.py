"""The rows, in the catalogue's order. A new one is a file here and a line below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ordeal import baseline
from ordeal.rows import (
    bugs,
    disk_full,
    doors,
    fsync_error,
    latency,
    limits,
    mixed,
    nth_write,
    outage,
    power_cut,
    upgrade,
)

if TYPE_CHECKING:
    from ordeal.verdict import Row

ROWS: Final[tuple[Row, ...]] = (
    mixed.KILLED,
    mixed.KILLED_MOSQUITTO,
    nth_write.ROW,
    power_cut.ROW,
    fsync_error.ROW,
    disk_full.ROW,
    upgrade.ROW,
    latency.CLEAN,
    latency.MIDWAY,
    limits.LIMITS,
    mixed.WIPED,
    mixed.WIPED_MOSQUITTO,
    outage.INFLUX_DOWN,
    mixed.STOPPED,
    baseline.BASELINE,
    *doors.DOORS,
    bugs.BUGS,
)
