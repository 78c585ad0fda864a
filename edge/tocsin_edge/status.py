"""What the spool holds, read beside a running node without disturbing it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tocsin_edge.errors import SpoolError
from tocsin_edge.node import SPOOL_FILE

if TYPE_CHECKING:
    from pathlib import Path

ASIDE_SHOWN: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolStatus:
    """Counts of messages; ``set_aside`` are the newest as (boot, number, reason)."""

    waiting: int
    alarming_waiting: int
    receipted_kept: int
    aside: int
    evicted: int
    evicted_observations: int
    drafts: int
    used_bytes: int
    set_aside: list[tuple[str, int, str]]


def read_status(folder: Path) -> SpoolStatus:
    """Return what the spool in ``folder`` holds.

    Raises:
        SpoolError: if there is none or it cannot be read.
    """
    file = folder / SPOOL_FILE
    if not file.exists():
        raise SpoolError(f"{file} does not exist: has the node ever run?")
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=5)) as db:
            return _status(db)
    except sqlite3.Error as err:
        raise SpoolError(f"{file} cannot be read: {err}") from err


def _status(db: sqlite3.Connection) -> SpoolStatus:
    by_status = dict(db.execute("SELECT status, count(*) FROM message GROUP BY status"))
    counters = dict(db.execute("SELECT name, value FROM counter"))
    return SpoolStatus(
        waiting=by_status.get(0, 0),
        alarming_waiting=_number(db, "SELECT count(*) FROM message WHERE status = 0 AND alarming"),
        receipted_kept=by_status.get(1, 0),
        aside=counters.get("aside", 0),
        evicted=counters.get("evicted", 0),
        evicted_observations=counters.get("evicted_observations", 0),
        drafts=_number(db, "SELECT count(*) FROM draft"),
        used_bytes=_number(db, "SELECT coalesce(sum(size), 0) FROM message"),
        set_aside=db.execute(
            "SELECT boot, seq, coalesce(reason, '') FROM message WHERE status = 2"
            " ORDER BY id DESC LIMIT ?",
            (ASIDE_SHOWN,),
        ).fetchall(),
    )


def _number(db: sqlite3.Connection, sql: str) -> int:
    return int(db.execute(sql).fetchone()[0])
