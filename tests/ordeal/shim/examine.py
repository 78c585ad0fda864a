"""What a store holds, compared with what was promised about it; asks no loop of the hub."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

from hub.clock import to_us
from hub.demo.ledgers import note_id
from hub.store.database import open_database

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from pathlib import Path
    from typing import Any

    from ordeal.shim.small_hub import Story

Key = tuple[str, int]
Said = tuple[str, int, float | None]

STORED: Final = """
SELECT m.boot, m.seq, d.name, o.time_us, o.result
FROM observation o JOIN message m ON m.id = o.message JOIN datastream d ON d.slot = o.slot
"""
PAGES: Final = "SELECT id, incident FROM notification WHERE purpose = 'page'"
UNTOLD: Final = """
SELECT i.id FROM incident i WHERE NOT EXISTS
  (SELECT 1 FROM notification n WHERE n.incident = i.id AND n.purpose = 'page')
"""
HALF: Final = (
    ("an incident without its line in the timeline", """
SELECT i.id FROM incident i WHERE NOT EXISTS
  (SELECT 1 FROM timeline t WHERE t.incident = i.id)"""),
    ("an incident that nobody is told of", UNTOLD),
    ("a page of no incident", """
SELECT n.id FROM notification n LEFT JOIN incident i ON i.id = n.incident WHERE i.id IS NULL"""),
    ("a condition of no incident", """
SELECT c.key FROM condition c LEFT JOIN incident i ON i.id = c.incident
WHERE c.incident <> '' AND i.id IS NULL"""),
    ("a triggered incident without a timer", """
SELECT i.id FROM incident i WHERE i.status = 'triggered' AND NOT EXISTS
  (SELECT 1 FROM deadline d WHERE d.incident = i.id)"""),
    ("a page sent without its attempt", """
SELECT n.id FROM notification n WHERE n.state IN ('sent', 'delivered') AND NOT EXISTS
  (SELECT 1 FROM attempt a WHERE a.notification = n.id AND a.outcome = n.state)"""),
    ("a loop ahead of the log", """
SELECT loop FROM position WHERE "offset" >= coalesce(
  (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'next_offset'), 1)"""),
    ("an observation of no message", """
SELECT o."offset" FROM observation o LEFT JOIN message m ON m.id = o.message WHERE m.id IS NULL"""),
    ("an offset that will be given again", """
SELECT o."offset" FROM observation o WHERE o."offset" >= coalesce(
  (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'next_offset'), 1)"""),
    ("a message stored and not known as stored", """
SELECT m.id FROM message m WHERE NOT EXISTS (SELECT 1 FROM stored_range r
  WHERE r.node = m.node AND r.boot = m.boot AND m.seq BETWEEN r.low AND r.high)"""),
    ("a message known as stored that is not", """
SELECT r.low FROM stored_range r WHERE r.high - r.low + 1 <> (SELECT count(*) FROM message m
  WHERE m.node = r.node AND m.boot = r.boot AND m.seq BETWEEN r.low AND r.high)"""),
)  # fmt: skip


@dataclass(slots=True)
class Found:
    """What was found in one store; ``wrong`` in words."""

    receipted: int = 0
    lost: int = 0
    twice: int = 0
    changed: int = 0
    incidents: int = 0
    notified: int = 0
    duplicates: int = 0
    wrong: list[str] = field(default_factory=list)

    def numbers(self) -> dict[str, float]:
        """Return the counts that add up."""
        names = ("receipted", "lost", "twice", "changed", "incidents", "notified", "duplicates")
        return {name: getattr(self, name) for name in names}


def examine(path: Path, story: Story, receipted: set[Key]) -> Found:
    """Open the store as the hub does and return how it stands to its promises.

    ``receipted`` counts observations: each message has as many as the story gave it.
    """
    found = Found()
    with closing(open_database(path)) as connection:
        if (said := connection.execute("PRAGMA integrity_check").fetchall()) != [("ok",)]:
            found.wrong.append(f"integrity_check: {said[:3]}")
        found.wrong += [
            f"{words}: {rows[0][0]}" for words, sql in HALF if (rows := rows_of(connection, sql))
        ]
        compare(connection, story, receipted, found)
    return found


def rows_of(connection: sqlite3.Connection, sql: str) -> list[tuple[Any, ...]]:
    """Return the first row of a query, if it has any."""
    return connection.execute(f"{sql} LIMIT 1").fetchall()


def compare(
    connection: sqlite3.Connection, story: Story, receipted: set[Key], found: Found
) -> None:
    """Count what is lost, twice or changed."""
    held: dict[Key, Counter[Said]] = {}
    for boot, seq, name, time_us, result in connection.execute(STORED):
        held.setdefault((boot, seq), Counter())[name, time_us, result] += 1
    sent = truth_of(story)
    for key in receipted:
        found.receipted += len(sent[key])
        found.lost += len(sent[key] - held.get(key, Counter()).keys())
    for key, rows in held.items():
        found.twice += sum(count - 1 for count in rows.values())
        found.changed += len(rows.keys() - sent.get(key, set()))


def truth_of(story: Story) -> dict[Key, set[Said]]:
    """Return what each message of the story says."""
    return {
        (story.boot(node), seq): {said(part) for part in story.parts(node, seq)}
        for node in range(story.nodes)
        for seq in range(1, story.messages + 1)
    }


def said(part: dict[str, Any]) -> Said:
    """Return one observation as the log keeps it."""
    return part["ds"], to_us(datetime.fromisoformat(part["t"])), part["r"]


def told(path: Path, sms: Iterable[dict[str, Any]], found: Found) -> None:
    """Count which incidents reached a phone, by the provider's own ledger."""
    sent = Counter(note_id(entry) for entry in sms if entry["kind"] == "sms")
    with closing(open_database(path)) as connection:
        pages = connection.execute(PAGES).fetchall()
        incidents = {row[0] for row in connection.execute("SELECT id FROM incident")}
    found.incidents = len(incidents)
    found.notified = len({incident for note, incident in pages if note in sent} & incidents)
    found.duplicates = sum(count - 1 for count in sent.values())


def unmarked(path: Path, called: set[str]) -> list[str]:
    """Return pages that may have left and that the store takes for never tried."""
    with closing(open_database(path)) as connection:
        states = dict(connection.execute("SELECT id, state FROM notification"))
    return [
        f"a page that may have left is {states.get(note, 'forgotten')}: {note}"
        for note in sorted(called)
        if states.get(note, "pending") == "pending"
    ]
