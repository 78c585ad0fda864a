"""What each person was told lately, what is held for them, and the lists that told it.

Rows of the table notification seen by person instead of by incident. Writes belong in
the caller's transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hub.model.network import Severity
from hub.model.notification import NotificationState, Purpose

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable

RETRIES_US: Final = 3_600_000_000  # a message may leave so long after it was due
CODES_US: Final = 7 * 86_400_000_000  # a digest's code is nobody else's for so long
PLACE: Final = "CASE WHEN i.cell <> '' THEN i.cell ELSE i.site END"
LEFT: Final = """
SELECT id, max(coalesce(sent_us, :now_us), due_us), incident, severity FROM notification
WHERE person = :person AND digest = '' AND state <> 'held' AND due_us > :since_us
  AND state <> 'cancelled' AND NOT (state = 'failed' AND provider_id = '')
  AND purpose NOT IN ('drill', 'reply')
"""
PLACE_OF: Final = f"SELECT {PLACE} FROM incident i WHERE i.id = ?"  # noqa: S608
PLACES_OF: Final = f"""
SELECT DISTINCT {PLACE} FROM notification n JOIN incident i ON i.id = n.incident
WHERE n.digest = ? AND n.severity = ?
"""  # noqa: S608


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What left for one person since a while: when, and the places told of as red."""

    left_us: tuple[int, ...]
    red_places: frozenset[str]


class Digests:
    """The outbox by person, behind one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def left(self, person: str, channels: Collection[str], since_us: int, now_us: int) -> Left:
        """Return what left for ``person`` after ``since_us``; what is on its way leaves now."""
        names = {f"c{n}": name for n, name in enumerate(channels)}
        within = ", ".join(f":{name}" for name in names)
        rows = self._connection.execute(
            f"{LEFT} AND channel IN ({within})",
            {"person": person, "since_us": since_us - RETRIES_US, "now_us": now_us, **names},
        ).fetchall()
        recent = [row for row in rows if row[1] > since_us]
        red = [row for row in recent if row[3] == Severity.EXTREME]
        places = [place for name, _, incident, _ in red for place in self._places(name, incident)]
        return Left(left_us=tuple(row[1] for row in recent), red_places=frozenset(places))

    def held(self, person: str, channel: str) -> list[str]:
        """Return the notifications that wait for the next digest, the worst and oldest first."""
        rows = self._connection.execute(
            "SELECT id FROM notification WHERE person = ? AND channel = ? AND state = 'held'"
            " AND digest = '' ORDER BY severity_rank DESC, created_us, id",
            (person, channel),
        )
        return [name for (name,) in rows]

    def list_in(self, digest: str, text: str, notes: Iterable[str]) -> None:
        """Let ``digest`` carry ``notes``; they go as far as it goes."""
        self._connection.executemany(
            "UPDATE notification SET digest = ?, text = ? WHERE id = ?",
            [(digest, text, name) for name in notes],
        )

    def keep(self, digest: str, code: str, person: str, now_us: int) -> None:
        """Write the digest's own row: the code that answers for all it lists."""
        self._connection.execute(
            "INSERT OR IGNORE INTO digest VALUES (?, ?, ?, ?)", (digest, code, person, now_us)
        )

    def codes(self, now_us: int) -> set[str]:
        """Return the codes of digests that may still be answered."""
        rows = self._connection.execute(
            "SELECT code FROM digest WHERE created_us > ?", (now_us - CODES_US,)
        )
        return {code for (code,) in rows}

    def of_code(self, code: str, person: str = "") -> str | None:
        """Return the newest digest of this code (to ``person``, if given), or None."""
        row = self._connection.execute(
            "SELECT notification FROM digest WHERE code = ? AND ? IN ('', person)"
            " ORDER BY created_us DESC LIMIT 1",
            (code.upper(), person),
        ).fetchone()
        return None if row is None else str(row[0])

    def newest(self, person: str) -> str | None:
        """Return the digest that ``person`` was sent last, or None."""
        row = self._connection.execute(
            "SELECT notification FROM digest WHERE person = ? ORDER BY created_us DESC LIMIT 1",
            (person,),
        ).fetchone()
        return None if row is None else str(row[0])

    def code_of(self, digest: str) -> str:
        """Return the code of ``digest``; empty if it is none."""
        row = self._connection.execute(
            "SELECT code FROM digest WHERE notification = ?", (digest,)
        ).fetchone()
        return "" if row is None else str(row[0])

    def members(self, digest: str) -> list[tuple[str, str]]:
        """Return (notification, incident) of all that ``digest`` lists."""
        rows = self._connection.execute(
            "SELECT id, incident FROM notification WHERE digest = ? AND digest <> ''"
            " AND state <> 'cancelled' ORDER BY severity_rank DESC, created_us, id",
            (digest,),
        )
        return [(name, incident) for name, incident in rows]

    def follow(self, digest: str, state: NotificationState, now_us: int) -> None:
        """Bring what ``digest`` lists to its state; never back."""
        self._connection.execute(
            "UPDATE notification SET state = :state, attempt = 1,"
            " sent_us = coalesce(sent_us, :now_us),"
            " delivered_us = CASE WHEN :state = 'delivered' THEN :now_us ELSE delivered_us END"
            " WHERE digest = :digest AND digest <> ''"
            " AND (state = 'held' OR (state IN ('sent', 'failed') AND :rank > 1))",
            {"state": state, "now_us": now_us, "digest": digest, "rank": state.rank},
        )

    def cancel_empty(self) -> None:
        """Cancel digests that have not left and whose every incident was answered."""
        self._connection.execute(
            "UPDATE notification SET state = ?, reason = 'all answered meanwhile'"
            " WHERE purpose = ? AND state IN ('pending', 'deferred') AND NOT EXISTS"
            " (SELECT 1 FROM notification m WHERE m.digest = notification.id"
            "  AND m.digest <> '' AND m.state = 'held')",
            (NotificationState.CANCELLED, Purpose.DIGEST),
        )

    def _places(self, note: str, incident: str) -> list[str]:
        """Return the places that one message told of as red."""
        sql, values = (PLACE_OF, (incident,)) if incident else (PLACES_OF, (note, Severity.EXTREME))
        return [place for (place,) in self._connection.execute(sql, values)]
