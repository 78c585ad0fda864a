"""Recordings of real events: CSV, plain or gzipped; columns time, sensor, kind, unit, value."""

from __future__ import annotations

import csv
import gzip
import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from hub.clock import to_us
from hub.errors import ConfigError
from hub.flow.words import FIRST_LINE, UNREADABLE
from hub.reasons import why

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COLUMNS: Final = ("time", "sensor", "kind", "unit", "value")
# What agencies write, as UCUM; and what a node makes of it before it sends.
UCUM: Final = {"ft": "[ft_i]", "ft3/s": "[cft_i]/s", "degC": "Cel", "FNU": "[FNU]"}
METRIC: Final = {"[ft_i]": "m", "[cft_i]/s": "m3/s"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One recorded value; ``unit`` is a UCUM code, ``result`` None where it is missing."""

    at_us: int
    sensor: str
    kind: str
    unit: str
    result: float | None


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of ``path`` in its order.

    Raises:
        ConfigError: naming the line that cannot be read.
    """
    try:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8", newline="") as lines:
            reader = csv.reader(lines)
            if tuple(next(reader, ())) != COLUMNS:
                raise ConfigError(str(path), FIRST_LINE.filled(columns=",".join(COLUMNS)))
            for number, cells in enumerate(reader, start=2):
                yield read_row(cells, f"{path}: line {number}")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), UNREADABLE.filled(why=why(error))) from error


def read_row(cells: list[str], where: str) -> Row:
    """Return one line of a recording.

    Raises:
        ConfigError: it has other columns, or a time or value that is none.
    """
    try:
        at, sensor, kind, unit, value = cells
        result = float(value) if value.strip() else None
        return Row(
            at_us=to_us(datetime.fromisoformat(at)),
            sensor=sensor,
            kind=kind,
            unit=UCUM.get(unit, unit),
            result=result if result is not None and math.isfinite(result) else None,
        )
    except ValueError as error:
        raise ConfigError(where, why(error)) from error
