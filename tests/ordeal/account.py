"""What nodes, phones and stores say, followed while it happens and compared at the end.

The ledgers of nodes and provider decide; log and InfluxDB are read as data and their
own counts are not asked.
"""

from __future__ import annotations

import csv
import json
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from hub.clock import to_us
from hub.demo import ledgers
from hub.store.influx import InfluxStore

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from hub.demo.influx import Influx

Place = tuple[str, str, int, int]  # node, boot, seq, position: names an observation for ever
Said = tuple[str, int, float | None]  # datastream, phenomenon time in microseconds, result

IN_LOG: Final = """
SELECT m.node, m.boot, m.seq, o.pos, d.name, o.time_us, o.result
FROM observation o JOIN message m ON m.id = o.message JOIN datastream d ON d.slot = o.slot
"""
IN_INFLUX: Final = """
from(bucket: bucket) |> range(start: 1970-01-01T00:00:00Z, stop: 2200-01-01T00:00:00Z)
  |> filter(fn: (r) => r._field == "result" or r._field == "boot" or r._field == "seq"
      or r._field == "pos")
  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")
  |> group() |> keep(columns: ["_time", "node", "datastream", "boot", "seq", "pos", "result"])
"""
WAITING: Final = """
SELECT id, state FROM notification WHERE state IN ('pending', 'sending', 'deferred')
AND channel = 'sms'
"""
TOLD: Final = """
SELECT n.id, i.site, i.hazard FROM notification n JOIN incident i ON i.id = n.incident
"""
BELIEVED: Final = """
SELECT id FROM notification WHERE channel = 'sms' AND state IN ('sent', 'delivered')
"""
BEHIND: Final = """
SELECT count(*) FROM observation WHERE "offset" >
coalesce((SELECT "offset" FROM position WHERE loop = 'store'), 0)
"""


class Tail:
    """Follows a ledger; a line that a kill tore is left out."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0

    def news(self) -> list[dict[str, Any]]:
        """Return the entries since the last call."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._read)
            fresh = file.read()
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._read += len(whole)
        return [entry for line in whole.splitlines() if (entry := read_line(line))]


def read_line(line: bytes) -> dict[str, Any] | None:
    """Return one entry, None for what is none."""
    try:
        entry: dict[str, Any] = json.loads(line)
    except ValueError:
        return None
    return entry


@dataclass(slots=True)
class Nodes:
    """The nodes' truth so far, by their ledgers: what was spooled, receipted, given up."""

    tails: list[Tail]
    spooled: dict[ledgers.Key, list[Said]] = field(default_factory=dict)
    receipted: set[ledgers.Key] = field(default_factory=set)
    given_up: list[dict[str, Any]] = field(default_factory=list)
    starts: int = 0

    def look(self) -> None:
        """Take in what the ledgers say since the last look."""
        for tail in self.tails:
            for entry in tail.news():
                self.take(entry)

    def take(self, entry: dict[str, Any]) -> None:
        """Take in one entry."""
        match entry["e"]:
            case "start":
                self.starts += 1
            case "spooled":
                key = entry["node"], entry["boot"], entry["seq"]
                self.spooled[key] = [said(observation) for observation in entry["obs"]]
            case "receipted":
                self.receipted |= {
                    (entry["node"], entry["boot"], seq)
                    for low, high in entry["seq"]
                    for seq in range(low, high + 1)
                }
            case "evicted" | "aside" | "dropped":
                self.given_up.append(entry)

    @property
    def truth(self) -> ledgers.NodeTruth:
        """Return it as the demo's comparison takes it."""
        counts = {key: len(found) for key, found in self.spooled.items()}
        return ledgers.NodeTruth(spooled=counts, receipted=self.receipted)

    def unreceipted(self, node: str = "") -> int:
        """Return how many observations (of ``node`` alone) are spooled and lack their receipt."""
        return sum(
            len(found)
            for key, found in self.spooled.items()
            if key not in self.receipted and node in ("", key[0])
        )

    @property
    def observations(self) -> dict[Place, Said]:
        """Return every observation that was spooled, by what names it."""
        return {
            (*key, position): one
            for key, found in self.spooled.items()
            for position, one in enumerate(found)
        }


def said(observation: dict[str, Any]) -> Said:
    """Return what an observation of a ledger says."""
    at = datetime.fromisoformat(observation["t"])
    return observation["ds"], to_us(at), observation["r"]


@dataclass(slots=True)
class Phones:
    """Every SMS that the provider took, by the notification it carried."""

    tail: Tail
    sent: Counter[str] = field(default_factory=Counter)
    first_s: dict[str, float] = field(default_factory=dict)

    def look(self) -> None:
        """Take in what the ledger says since the last look."""
        for entry in self.tail.news():
            if entry["kind"] == "sms":
                note = ledgers.note_id(entry)
                self.sent[note] += 1
                self.first_s.setdefault(note, entry["at_s"])

    @property
    def twice(self) -> dict[str, int]:
        """Return, by notification, how many SMS there were beyond the first."""
        return {note: count - 1 for note, count in self.sent.items() if count > 1}


class Log:
    """The hub's own file, read from outside; what it holds is data, not testimony."""

    def __init__(self, path: Path) -> None:
        self._path = path

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

    def stored(self) -> ledgers.Stored:
        """Return how much of each message is stored or set aside."""
        if not self.ask("SELECT 1 FROM sqlite_master WHERE name = 'quarantine'"):
            return ledgers.Stored(places={}, twice=0, aside={})
        return ledgers.read_stored(self._path)

    def observations(self) -> list[tuple[Place, Said]]:
        """Return every row of the log."""
        return [
            ((node, boot, seq, pos), (name, time_us, result))
            for node, boot, seq, pos, name, time_us, result in self.ask(IN_LOG)
        ]

    def unsent(self, phones: Phones) -> tuple[int, int]:
        """Return how many SMS wait that no phone got, and how many went and are not recorded."""
        waiting = [note for note, _ in self.ask(WAITING)]
        gone = sum(note in phones.sent for note in waiting)
        return len(waiting) - gone, gone

    def behind(self) -> int:
        """Return how many rows InfluxDB has not confirmed."""
        rows = self.ask(BEHIND)
        return int(rows[0][0]) if rows else 0

    def notified(self, phones: Phones) -> dict[tuple[str, str], float]:
        """Return, by site and hazard, when the first SMS of an incident reached a phone."""
        first: dict[tuple[str, str], float] = {}
        for note, site, hazard in self.ask(TOLD):
            if note in phones.first_s:
                at_s = phones.first_s[note]
                first[site, hazard] = min(at_s, first.get((site, hazard), at_s))
        return first

    def imagined(self, phones: Phones) -> set[str]:
        """Return the SMS that the hub takes for sent and no phone got."""
        return {note for (note,) in self.ask(BELIEVED)} - set(phones.sent)

    def unknown(self, phones: Phones) -> set[str]:
        """Return the SMS that no row of the outbox stands for: sent and then forgotten."""
        return set(phones.sent) - {note for note, _, _ in self.ask(TOLD)}


def read_influx(influx: Influx) -> list[tuple[Place, Said]]:
    """Return every point of the bucket."""
    store = InfluxStore(influx.settings)
    try:
        answer = store.query(IN_INFLUX, {}).decode()
    finally:
        store.close()
    return list(points(csv.reader(answer.splitlines())))


def points(lines: Iterable[list[str]]) -> Iterable[tuple[Place, Said]]:
    """Yield the points of an answer; Flux's own first columns hold a "result" as well."""
    at: dict[str, int] = {}
    for line in filter(None, lines):
        if "_time" in line:
            at = {name: index for index, name in enumerate(line)}
            continue
        place = line[at["node"]], line[at["boot"]], int(line[at["seq"]]), int(line[at["pos"]])
        time_us = to_us(datetime.fromisoformat(line[at["_time"]]))
        result = line[at["result"]] if at.get("result", 0) > 2 else ""
        yield place, (line[at["datastream"]], time_us, float(result) if result else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How a store differs from the nodes' ledgers, observation by observation."""

    missing: int
    twice: int
    strange: int
    changed: int

    def __bool__(self) -> bool:
        return any((self.missing, self.twice, self.strange, self.changed))


def compare(truth: dict[Place, Said], held: list[tuple[Place, Said]]) -> Difference:
    """Return how ``held`` differs from ``truth``: places and values."""
    places = Counter(place for place, _ in held)
    return Difference(
        missing=len(truth.keys() - places.keys()),
        twice=sum(count - 1 for count in places.values()),
        strange=len(places.keys() - truth.keys()),
        changed=sum(place in truth and truth[place] != one for place, one in held),
    )
