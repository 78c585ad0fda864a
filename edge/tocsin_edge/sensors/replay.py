"""A recorded event as a sensor: its rows come when the node's clock reaches them.

This is for a node that lives among others on one clock; ``tocsin-edge replay`` sends a
whole file at speed instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin_edge.errors import SensorError
from tocsin_edge.message import Reading
from tocsin_edge.recording import read_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin_edge.recording import Row
    from tocsin_edge.sensors.base import Surroundings


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySettings:
    """``sensor`` of ``file``; with ``from_start`` the first row falls on the clock's start.

    Without it rows keep their recorded times, for a clock that was set to them.
    """

    file: Path
    sensor: str
    from_start: bool = True


class Replay:
    """One recorded series; a restart goes on where the last stored reading was.

    Raises:
        SensorError: if the file has no such sensor, or has it in another unit.
    """

    def __init__(self, settings: ReplaySettings, around: Surroundings) -> None:
        rows = list(read_rows(settings.file))
        self._rows = [row for row in rows if row.sensor == settings.sensor]
        _check(self._rows, settings, around.unit)
        self._shift_us = around.start_us - rows[0].at_us if settings.from_start else 0
        self._next = int(around.memory or 0)

    def read(self, now_us: int) -> Sequence[Reading]:
        """Return the rows that have come due."""
        due: list[Reading] = []
        while self._next < len(self._rows):
            row = self._rows[self._next]
            if row.at_us + self._shift_us > now_us:
                break
            self._next += 1
            due.append(self._reading(row))
        return due

    def close(self) -> None:
        """Nothing is held."""

    def _reading(self, row: Row) -> Reading:
        return Reading(
            result=row.result,
            quality="" if row.result is not None else "missing",
            at_us=row.at_us + self._shift_us,
            memory=str(self._next),
        )


def _check(rows: list[Row], settings: ReplaySettings, unit: str) -> None:
    if not rows:
        raise SensorError(f"{settings.file} has no sensor {settings.sensor!r}")
    if rows[0].unit != unit:
        raise SensorError(f"{settings.sensor} is in {rows[0].unit}, not in {unit}")
