"""Observations as pandas frames: rows of the log, answers of InfluxDB, and both as one.

Only who asks for history imports this: pandas takes 50 MB and most of a second.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from hub.errors import StoreUnavailableError
from hub.store.lines import LATE
from hub.store.words import GAVE_UP

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMNS: Final = {
    "time_us": "int64",
    "tie": "int64",
    "result": "float64",
    "quality": "int64",
    "late": "bool",
    "trusted": "bool",
}


def from_rows(rows: Sequence[tuple[object, ...]]) -> pd.DataFrame:
    """Return rows of the log in the columns of ``History.range``; their lateness decides late."""
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    frame["late"] = frame["late"].isin(LATE)
    return frame.astype(COLUMNS)


def joined(local: pd.DataFrame, remote: pd.DataFrame, limit: int | None) -> pd.DataFrame:
    """Return both by (time, tie), each observation once, at most the newest ``limit``."""
    both = (
        pd.concat([remote, local])
        if len(local) and len(remote)
        else local
        if len(local)
        else remote
    )
    both = both.drop_duplicates(["time_us", "tie"], keep="last").sort_values(["time_us", "tie"])
    kept = both if limit is None else both.iloc[max(len(both) - limit, 0) :]
    return kept.reset_index(drop=True)


def from_csv(answer: bytes) -> pd.DataFrame:
    """Return the tables of a Flux answer as one frame in the columns of ``History.range``.

    Raises:
        StoreUnavailableError: the query failed on its way.
    """
    tables = [table for table in answer.decode().split("\r\n\r\n") if table.strip()]
    frames = [shaped(pd.read_csv(io.StringIO(table))) for table in tables]
    return pd.concat(frames) if frames else pd.DataFrame(columns=list(COLUMNS)).astype(COLUMNS)


def shaped(table: pd.DataFrame) -> pd.DataFrame:
    """Return one table of an answer in our columns; a table of nulls only has no result."""
    if "error" in table:
        raise StoreUnavailableError(GAVE_UP.filled(why=table["error"].iloc[0]))
    times = pd.to_datetime(table["_time"], format="ISO8601", utc=True).dt.as_unit("ns")
    time_ns = times.astype("int64").to_numpy()
    return pd.DataFrame(
        {
            "time_us": time_ns // 1000,
            "tie": time_ns % 1000,
            # Flux's own first columns hold a "result" already: pandas numbers ours.
            "result": table.get("result.1", np.nan),
            "quality": table["quality"],
            "late": table["late"],
            "trusted": table["time_trusted"],
        }
    ).astype(COLUMNS)
