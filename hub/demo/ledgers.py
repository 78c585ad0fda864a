"""What was promised and what the world saw: the nodes' and the provider's ledgers, compared.

Only the ledgers are believed; the hub's own counts are not asked.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

Key = tuple[str, str, int]  # node, boot, seq

STORED: Final = """
SELECT m.node, m.boot, m.seq, o.pos, count(*)
FROM message m JOIN observation o ON o.message = m.id GROUP BY 1, 2, 3, 4
"""
ASIDE: Final = """
SELECT node, boot, seq, coalesce(pos, -1) FROM quarantine WHERE door = 'mqtt' AND seq IS NOT NULL
"""
STATES: Final = "SELECT state, count(*) FROM notification GROUP BY state"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeTruth:
    """What nodes say: observations per message they spooled, and messages that got a receipt."""

    spooled: dict[Key, int]
    receipted: set[Key]

    @property
    def published(self) -> int:
        """Return how many observations were spooled."""
        return sum(self.spooled.values())

    @property
    def promised(self) -> int:
        """Return how many observations got a receipt."""
        return sum(self.spooled[key] for key in self.receipted if key in self.spooled)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What the hub holds: places per message, places that are there twice, places set aside."""

    places: dict[Key, int]
    twice: int
    aside: dict[Key, int]

    @property
    def observations(self) -> int:
        """Return how many observations are stored."""
        return sum(self.places.values())


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Return the entries of a ledger; a line torn by a kill is left out."""
    entries = []
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        try:
            entries.append(json.loads(line))
        except ValueError:
            continue
    return entries


def read_nodes(paths: Iterable[Path]) -> NodeTruth:
    """Return what the nodes' ledgers say."""
    spooled: dict[Key, int] = {}
    receipted: set[Key] = set()
    for path in paths:
        for entry in read_jsonl(path):
            if entry["e"] == "spooled":
                spooled[entry["node"], entry["boot"], entry["seq"]] = entry["n"]
            elif entry["e"] == "receipted":
                for low, high in entry["seq"]:
                    receipted.update(
                        (entry["node"], entry["boot"], seq) for seq in range(low, high + 1)
                    )
    return NodeTruth(spooled=spooled, receipted=receipted)


def read_stored(database: Path) -> Stored:
    """Return what the log holds."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)
    try:
        places: Counter[Key] = Counter()
        twice = 0
        for node, boot, seq, _, count in connection.execute(STORED):
            places[node, boot, seq] += 1
            twice += count - 1
        aside: Counter[Key] = Counter()
        for node, boot, seq, pos in connection.execute(ASIDE):
            aside[node, boot, seq] += 1_000_000 if pos < 0 else 1
        return Stored(places=dict(places), twice=twice, aside=dict(aside))
    finally:
        connection.close()


def lost(nodes: NodeTruth, stored: Stored) -> int:
    """Return how many observations got a receipt and are neither stored nor in quarantine."""
    return sum(
        max(nodes.spooled.get(key, 1) - stored.places.get(key, 0) - stored.aside.get(key, 0), 0)
        for key in nodes.receipted
    )


def pages_twice(entries: Iterable[dict[str, Any]]) -> int:
    """Return how many SMS went out more than once for the same notification."""
    sent = Counter(note_id(entry) for entry in entries if entry["kind"] == "sms")
    return sum(count - 1 for note, count in sent.items() if note)


def note_id(entry: Mapping[str, Any]) -> str:
    """Return the notification that an SMS carries in the address of its report."""
    query = parse_qs(urlsplit(str(entry.get("status_callback") or "")).query)
    return query.get("n", [""])[0]


def notification_states(database: Path) -> dict[str, int]:
    """Return how many notifications are in each state."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)
    try:
        return dict(connection.execute(STATES).fetchall())
    finally:
        connection.close()
