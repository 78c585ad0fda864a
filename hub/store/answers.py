"""What people answered to the alarms of one datastream: real, or false."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3

HUB: Final = "tocsin"  # closes maintenance by itself: that is nobody's answer
FALSE: Final = ("false-alarm", "reported-false")
REAL: Final = ("resolved", "stood-down", "arrived")
STEPS: Final = """
SELECT incident, min(body ->> 'time_us'), max(body ->> 'time_us') FROM timeline
WHERE incident <> '' AND substr(body ->> 'key', instr(body ->> 'key', ':') + 1) = ?
GROUP BY incident ORDER BY 2
"""
SAID: Final = "SELECT kind, by FROM timeline WHERE incident = ? ORDER BY id"


class Verdict(StrEnum):
    """What people said of an incident in the end."""

    REAL = "real"
    FALSE = "false"
    NONE = "none"  # nobody said


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An incident of the datastream: from its first to its last step, and the verdict."""

    incident: str
    begin_us: int
    end_us: int
    verdict: Verdict


def answers(connection: sqlite3.Connection, stream_id: str) -> list[Answer]:
    """Return the incidents that conditions of ``stream_id`` (``node/name``) are part of."""
    rows = connection.execute(STEPS, (stream_id,)).fetchall()
    return [
        Answer(incident=name, begin_us=begin, end_us=end, verdict=verdict(connection, name))
        for name, begin, end in rows
    ]


def verdict(connection: sqlite3.Connection, incident: str) -> Verdict:
    """Return what people said of ``incident``: one who calls it false outweighs who closed it."""
    kinds = {kind for kind, by in connection.execute(SAID, (incident,)) if by not in ("", HUB)}
    if kinds & set(FALSE):
        return Verdict.FALSE
    return Verdict.REAL if kinds & set(REAL) else Verdict.NONE
