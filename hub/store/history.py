"""What a datastream said, over log and InfluxDB as if they were one.

The log holds the newest arrivals, InfluxDB everything the store loop wrote. The log
is read first: a row that has left it by then is in InfluxDB for certain, so that the
two together have no hole; what both have is given once.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from hub.errors import StoreError, StoreUnavailableError
from hub.reasons import why
from hub.store.database import open_database
from hub.store.influx import InfluxStore
from hub.store.journal import border_us
from hub.store.lines import tag_value
from hub.store.words import BECAUSE, CANNOT_READ_LOG, HISTORY_LIMITED, NO_INFLUX

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from hub.model.network import Datastream

LIMITED: Final = str(HISTORY_LIMITED)
EARLIEST_US: Final = -9_223_372_036_854_775  # what InfluxDB's nanoseconds can hold
LATEST_US: Final = 9_223_372_036_854_775
DAY_US: Final = 86_400_000_000
LOOK_BACK_US: Final = tuple(days * DAY_US for days in (1, 8, 64, 512))
ROWS: Final = """
SELECT time_us, tie, result, quality, lateness, trusted FROM observation
WHERE slot = ? AND time_us >= ? AND time_us < ? ORDER BY time_us DESC, tie DESC LIMIT ?
"""
FLUX: Final = """
from(bucket: bucket)
  |> range(start: time(v: start), stop: time(v: stop))
  |> filter(fn: (r) => r.node == node and r.datastream == datastream)
  |> filter(fn: (r) => r._field == "result" or r._field == "quality" or r._field == "late"
      or r._field == "time_trusted")
  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")
  |> keep(columns: ["_time", "result", "quality", "late", "time_trusted"])
"""
NEWEST: Final = """
  |> group() |> sort(columns: ["_time"], desc: true) |> limit(n: newest)
"""


class Reader(threading.local):
    """The connections of one thread."""

    def __init__(self, database: Path, influx: InfluxStore | None, close: ExitStack) -> None:
        self.connection = open_database(database)
        close.callback(self.connection.close)
        self.influx = InfluxStore(influx.place) if influx else None
        if self.influx:
            close.callback(self.influx.close)


class History:
    """Ranges of single datastreams; may be asked from any thread.

    ``limited`` is empty, or the words to show when only the local log can answer.
    Each frame also says it for itself in ``attrs["limited"]``.
    """

    def __init__(self, database: Path, influx: InfluxStore | None = None) -> None:
        self._opened = ExitStack()
        self._reader = Reader(database, influx, self._opened)
        self.limited = "" if influx else LIMITED

    def range(
        self,
        stream: Datastream,
        start_us: int,
        end_us: int,
        limit: int | None = None,
        *,
        whole: bool = False,
    ) -> pd.DataFrame:
        """Return the observations with ``start_us`` <= time < ``end_us``, by (time, tie).

        Columns: time_us, tie (int64), result (float64, NaN for null), quality (int64),
        late, trusted (bool). ``limit`` keeps the newest so many. When InfluxDB is
        needed and cannot answer, the frame is the log's part and says so in
        ``attrs["limited"]``; with ``whole`` that is an error.

        Raises:
            StoreUnavailableError: the log cannot be read; with ``whole``, also InfluxDB.
        """
        from hub.store.frames import joined  # noqa: PLC0415  50 MB

        local = self._local(stream, start_us, end_us, limit)
        border = border_us(self._reader.connection, stream.slot)
        if (
            border is None
            or border < start_us
            or (limit is not None and newer(local, border, limit))
        ):
            return said(local, "")
        stop_us = min(end_us, border + 1)
        try:
            return said(joined(local, self._remote(stream, start_us, stop_us, limit), limit), "")
        except StoreError as error:
            if whole:
                raise StoreUnavailableError(
                    BECAUSE.filled(what=HISTORY_LIMITED, why=why(error))
                ) from error
            return said(local, LIMITED if self._reader.influx is None else f"{LIMITED}: {error}")

    def last(self, stream: Datastream, n: int, before_us: int = LATEST_US) -> pd.DataFrame:
        """Return the newest ``n`` observations with time < ``before_us``; as ``range``."""
        newest_us = self._newest_us(stream.slot, before_us)
        for back_us in LOOK_BACK_US:
            frame = self.range(stream, newest_us - back_us, before_us, n)
            if len(frame) == n:
                return frame
        return self.range(stream, EARLIEST_US, before_us, n)

    def close(self) -> None:
        """Close the connections of all threads."""
        self._opened.close()

    def _newest_us(self, slot: int, before_us: int) -> int:
        """Return a time at or after the newest observation before ``before_us``."""
        (newest,) = self._execute(
            "SELECT max(time_us) FROM observation WHERE slot = ? AND time_us < ?", (slot, before_us)
        ).fetchone()
        known = [t for t in (newest, border_us(self._reader.connection, slot)) if t is not None]
        return min(max(known, default=before_us), before_us)

    def _local(
        self, stream: Datastream, start_us: int, end_us: int, limit: int | None
    ) -> pd.DataFrame:
        from hub.store.frames import from_rows  # noqa: PLC0415  50 MB

        rows = self._execute(ROWS, (stream.slot, start_us, end_us, -1 if limit is None else limit))
        return from_rows(rows.fetchall()[::-1])

    def _execute(self, sql: str, values: tuple[int, ...]) -> sqlite3.Cursor:
        try:
            return self._reader.connection.execute(sql, values)
        except sqlite3.Error as error:
            raise StoreUnavailableError(CANNOT_READ_LOG.filled(why=why(error))) from error

    def _remote(
        self, stream: Datastream, start_us: int, stop_us: int, limit: int | None
    ) -> pd.DataFrame:
        from hub.store.frames import from_csv  # noqa: PLC0415  50 MB

        influx = self._reader.influx
        if influx is None:
            raise StoreUnavailableError(NO_INFLUX)
        params = {
            "node": tag_value(stream.node),
            "datastream": tag_value(stream.name),
            "start": max(start_us, EARLIEST_US) * 1000,
            "stop": min(stop_us, LATEST_US) * 1000,
        }
        if limit is None:
            return from_csv(influx.query(FLUX, params))
        return from_csv(influx.query(FLUX + NEWEST, {**params, "newest": limit}))


def newer(frame: pd.DataFrame, border_us: int, limit: int) -> bool:
    """Say whether ``frame`` has ``limit`` rows, all of them after the border."""
    return len(frame) >= limit and (limit == 0 or int(frame["time_us"].iloc[0]) > border_us)


def said(frame: pd.DataFrame, limited: str) -> pd.DataFrame:
    """Return ``frame`` saying how far it may be trusted to be all there is."""
    frame.attrs["limited"] = limited
    return frame
