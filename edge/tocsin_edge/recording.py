"""Recorded events: long CSV files of ``time,sensor,kind,unit,value``, plain or gzipped."""

from __future__ import annotations

import csv
import gzip
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tocsin_edge.clock import time_us
from tocsin_edge.errors import ConfigError
from tocsin_edge.reasons import why
from tocsin_edge.refusals import FIRST_LINE, UNREADABLE
from tocsin_edge.units import conversion, convert

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COLUMNS: Final = ("time", "sensor", "kind", "unit", "value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One recorded value, in UCUM metric units; an empty one is None."""

    at_us: int
    sensor: str
    kind: str
    unit: str
    result: float | None


def read_rows(file: Path) -> Iterator[Row]:
    """Yield the rows of ``file`` in its order.

    Raises:
        ConfigError: naming the line that cannot be read.
    """
    try:
        opener = gzip.open if file.suffix == ".gz" else open
        with opener(file, "rt", encoding="utf-8", newline="") as lines:
            reader = csv.reader(lines)
            if tuple(next(reader, ())) != COLUMNS:
                raise ConfigError(str(file), FIRST_LINE.filled(columns=",".join(COLUMNS)))
            for number, cells in enumerate(reader, start=2):
                yield _row(cells, f"{file}: line {number}")
    except (OSError, EOFError, UnicodeDecodeError) as err:
        raise ConfigError(str(file), UNREADABLE.filled(why=why(err))) from err


def _row(cells: list[str], where: str) -> Row:
    try:
        at, sensor, kind, unit, value = cells
        to = conversion(unit, where)
        result = float(value) if value.strip() else None
        if result is not None and not math.isfinite(result):
            result = None
        return Row(
            at_us=time_us(at),
            sensor=sensor,
            kind=kind,
            unit=to.ucum,
            result=None if result is None else convert(result, to),
        )
    except ValueError as err:
        raise ConfigError(where, why(err)) from err
