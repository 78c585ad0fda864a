"""What nodes, phones and the hub's own file say while it happens: to aim kills, to see hits.

The verdict is not made here: that is the oracle's, in a process of its own.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ordeal.oracle import Key, Reader, message_of
from ordeal.tail import Tail

if TYPE_CHECKING:
    from pathlib import Path

FRESH: Final = """
SELECT m.id, m.node, m.boot, m.seq, count(o.pos) FROM message m
LEFT JOIN observation o ON o.message = m.id WHERE m.id > {after} GROUP BY m.id
"""
WAITING: Final = """
SELECT id FROM notification WHERE state IN ('pending', 'sending', 'deferred')
AND channel = 'sms'
"""
BEHIND: Final = """
SELECT count(*) FROM observation WHERE "offset" >
coalesce((SELECT "offset" FROM position WHERE loop = 'store'), 0)
"""


@dataclass(slots=True)
class Nodes:
    """How many observations the nodes spooled and got receipts for so far."""

    tails: list[Tail]
    spooled: dict[Key, int] = field(default_factory=dict)
    receipted: set[Key] = field(default_factory=set)

    def look(self) -> None:
        """Take in what the ledgers say since the last look."""
        for tail in self.tails:
            for entry in tail.news():
                self.take(entry)

    def take(self, entry: dict[str, Any]) -> None:
        """Take in one entry."""
        match entry["e"]:
            case "spooled":
                self.spooled[entry["node"], entry["boot"], entry["seq"]] = entry["n"]
            case "receipted":
                self.receipted |= {
                    (entry["node"], entry["boot"], seq)
                    for low, high in entry["seq"]
                    for seq in range(low, high + 1)
                }

    @property
    def observations(self) -> int:
        """Return how many were spooled."""
        return sum(self.spooled.values())

    def unreceipted(self, node: str = "") -> int:
        """Return how many observations (of ``node`` alone) are spooled and lack their receipt."""
        waiting = self.spooled.keys() - self.receipted
        return sum(self.spooled[key] for key in waiting if node in ("", key[0]))


@dataclass(slots=True)
class Phones:
    """What people got: messages by notification, and the dangers that were told."""

    tail: Tail
    reader: Reader
    sent: Counter[str] = field(default_factory=Counter)
    told: set[tuple[str, str]] = field(default_factory=set)

    def look(self) -> None:
        """Take in what the ledger says since the last look."""
        for entry in self.tail.news():
            message = message_of(entry)
            if message is not None:
                self.sent[message.note] += 1
                self.told |= self.reader.about(message.body)


class Log:
    """The hub's own file, read from outside."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._after = 0
        self._held: dict[Key, int] = {}

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query; none before the hub made its tables."""
        if not self._path.exists():
            return []
        uri = f"file:{self._path}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=20)) as connection:
            try:
                return connection.execute(sql).fetchall()
            except sqlite3.OperationalError as error:
                if "no such table" in str(error):
                    return []
                raise

    def lost(self, nodes: Nodes) -> int:
        """Return how many observations of ``nodes`` have a receipt and are not on disk now.

        Messages are written whole, so what was seen there once is not counted again.
        """
        for id_, node, boot, seq, count in self.ask(FRESH.format(after=self._after)):
            self._after = max(self._after, id_)
            key = node, boot, seq
            self._held[key] = max(count, self._held.get(key, 0))
        return sum(
            max(nodes.spooled.get(key, 0) - self._held.get(key, 0), 0) for key in nodes.receipted
        )

    def unsent(self, phones: Phones) -> tuple[int, int]:
        """Return how many SMS wait that no phone got, and how many went and are not recorded."""
        waiting = [note for (note,) in self.ask(WAITING)]
        gone = sum(note in phones.sent for note in waiting)
        return len(waiting) - gone, gone

    def behind(self) -> int:
        """Return how many rows InfluxDB has not confirmed."""
        rows = self.ask(BEHIND)
        return int(rows[0][0]) if rows else 0
