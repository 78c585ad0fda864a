"""The rows, in the catalogue's order. A new one is a file here and a line below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ordeal import baseline
from ordeal.rows import (
    backfill,
    bugs,
    disk_full,
    disorder,
    doors,
    fsync_error,
    latency,
    limits,
    mixed,
    nth_write,
    outage,
    power_cut,
    proven,
    provider,
    silence,
    spool_corrupt,
    storm,
    upgrade,
    volume,
)

if TYPE_CHECKING:
    from ordeal.verdict import Row

ROWS: Final[tuple[Row, ...]] = (
    mixed.KILLED,
    mixed.KILLED_MOSQUITTO,
    volume.ROW,
    nth_write.ROW,
    power_cut.ROW,
    fsync_error.ROW,
    disk_full.ROW,
    spool_corrupt.FLIPPED_BITS,
    upgrade.ROW,
    latency.CLEAN,
    latency.MIDWAY,
    limits.LIMITS,
    mixed.WIPED,
    mixed.WIPED_MOSQUITTO,
    outage.INFLUX_DOWN,
    mixed.STOPPED,
    silence.CLOCKS_ROW,
    disorder.DISORDER,
    backfill.BACKFILL,
    storm.THOUSAND,
    storm.TEN_THOUSAND,
    storm.FLAPPING,
    provider.REFUSED,
    provider.SLOW,
    provider.OVERRUN,
    provider.UNDELIVERED,
    silence.SILENCE,
    *proven.PROVEN,
    baseline.BASELINE,
    *doors.DOORS,
    bugs.BUGS,
)
