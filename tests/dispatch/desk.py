"""A store with an incident and an outbox to fill and look into, and a crashing hub."""

# ruff: noqa: ANN401  fields of any kind pass through
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hub.clock import SystemClock
from hub.model.network import Severity
from hub.model.notification import Notification, NotificationState, Purpose
from hub.store.book import Book
from hub.store.database import open_database, transaction

if TYPE_CHECKING:
    from pathlib import Path

INCIDENT = "1" * 16
NOW_US = SystemClock().now_us()


def note(name: str, **changes: Any) -> Notification:
    """Return a page that is due."""
    fields: dict[str, Any] = {
        "id": name,
        "incident": INCIDENT,
        "step": 0,
        "person": "li",
        "channel": "sms",
        "address": "+15550100123",
        "purpose": Purpose.PAGE,
        "severity": Severity.EXTREME,
        "language": "en",
        "text": f"RED flood, Qingxi bridge {name}. Reply A 7K2",
        "state": NotificationState.PENDING,
        "due_us": NOW_US - 1_000_000,
        "created_us": NOW_US - 1_000_000,
    }
    return Notification(**{**fields, **changes})


class Desk:
    """Writes notifications as incidents would, and reads what became of them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = open_database(path)
        self.book = Book(self.connection)

    def add(self, name: str, **changes: Any) -> Notification:
        """Put one notification into the outbox."""
        written = note(name, **changes)
        with transaction(self.connection):
            self.book.put_notification(written)
        return written

    def set(self, name: str, **columns: object) -> None:
        """Change columns of a row, as a test of a crash needs."""
        with transaction(self.connection):
            for column, value in columns.items():
                self.connection.execute(
                    f"UPDATE notification SET {column} = ? WHERE id = ?",  # noqa: S608
                    (value, name),
                )

    def row(self, name: str) -> Notification:
        """Return one notification as it stands."""
        found = self.book.notification(name)
        assert found is not None
        return found

    def state(self, name: str) -> NotificationState:
        """Return how far one notification came."""
        return self.row(name).state

    def kinds(self) -> list[str]:
        """Return the kinds of the incident's timeline, oldest first."""
        return [entry.kind for entry in self.book.timeline(INCIDENT)]

    def timers(self) -> list[str]:
        """Return which notifications wait for another channel."""
        rows = self.connection.execute("SELECT notification FROM deadline WHERE kind = 'failed'")
        return [row[0] for row in rows]

    def everything(self) -> str:
        """Return all that a timeline or an attempt says, as text."""
        lines = self.connection.execute(
            "SELECT body FROM timeline UNION ALL SELECT detail FROM attempt"
        )
        return json.dumps(lines.fetchall())
