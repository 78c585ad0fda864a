"""Says what came of a run, from ledgers alone: ``python -m ordeal.oracle FOLDER``, one JSON line.

A process of its own that imports nothing of hub or node. It reads ``facts.json``, the
recordings (what was to be sensed), the nodes' ledgers (what was spooled and receipted) and
the provider's (what phones got); and, when all has ended, the hub's file read-only and
InfluxDB over its API, as data and not as testimony.

``facts.json`` holds: ``clock`` "WALL_US,SIM_US,RATE"; ``ledgers``, ``provider`` and
``database`` as paths within FOLDER; ``recordings`` by node and datastream; ``dangers``, each
with node, datastream, ``above`` and what people call ``place``, ``hazard`` and ``level``;
``again`` how many SMS may come twice; ``influx`` with url, org, bucket and token, or null.
"""

from __future__ import annotations

import csv
import json
import re
import sqlite3
import sys
import urllib.parse
import urllib.request
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Key = tuple[str, str, int]  # node, boot, seq: names a message for ever
Place = tuple[str, str, int, int]  # ... and the position in it: names an observation
Said = tuple[str, int, float | None]  # datastream, phenomenon time in microseconds, result

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
REPEAT: Final = re.compile(r" \(repeat\)$|（重发）$")
SHOWN: Final = 8
IN_LOG: Final = """
SELECT m.node, m.boot, m.seq, o.pos, d.name, o.time_us, o.result
FROM observation o JOIN message m ON m.id = o.message JOIN datastream d ON d.slot = o.slot
"""
OUTBOX: Final = "SELECT id, channel, state FROM notification"
IN_INFLUX: Final = """
from(bucket: "{bucket}") |> range(start: 1970-01-01T00:00:00Z, stop: 2200-01-01T00:00:00Z)
  |> filter(fn: (r) => r._field == "result" or r._field == "boot" or r._field == "seq"
      or r._field == "pos")
  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")
  |> group() |> keep(columns: ["_time", "node", "datastream", "boot", "seq", "pos", "result"])
"""
INFLUX_S: Final = 120.0
SEEN: Final = ("sms", "webhook")  # channels whose other end has a ledger
BELIEVED: Final = ("sent", "delivered")


@dataclass(slots=True, kw_only=True)
class Nodes:
    """What the nodes' ledgers say."""

    observations: dict[Place, Said] = field(default_factory=dict)
    receipted: set[Key] = field(default_factory=set)
    given_up: int = 0

    def take(self, entry: dict[str, Any]) -> None:
        """Take in one entry."""
        match entry["e"]:
            case "spooled":
                for position, one in enumerate(entry["obs"]):
                    key = entry["node"], entry["boot"], entry["seq"]
                    self.observations[(*key, position)] = one["ds"], us_of(one["t"]), one["r"]
            case "receipted":
                self.receipted |= {
                    (entry["node"], entry["boot"], seq)
                    for low, high in entry["seq"]
                    for seq in range(low, high + 1)
                }
            case "evicted" | "aside" | "dropped":
                self.given_up += 1

    @property
    def promised(self) -> set[Place]:
        """Return the observations that have a receipt."""
        return {place for place in self.observations if place[:3] in self.receipted}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a person got, an ``sms`` or a ``hook``; ``note`` is the hub's number for it."""

    kind: str
    note: str
    to: str
    body: str
    at_s: float


def us_of(text: str) -> int:
    """Return the microseconds since 1970 of an ISO 8601 instant."""
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)


def entries(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the entries of a ledger; a line that a kill tore was never promised."""
    if not path.exists():
        return
    with path.open("rb") as lines:
        for line in lines:
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict):
                yield entry


def read_nodes(paths: Iterable[Path]) -> Nodes:
    """Return what the nodes' ledgers say."""
    nodes = Nodes()
    for path in paths:
        for entry in entries(path):
            nodes.take(entry)
    return nodes


def read_phones(path: Path) -> list[Message]:
    """Return every SMS and webhook of the provider's ledger."""
    return [message for entry in entries(path) if (message := message_of(entry)) is not None]


def message_of(entry: dict[str, Any]) -> Message | None:
    """Return what a person got by an entry of the provider's ledger, None for other entries."""
    match entry["kind"]:
        case "sms":
            body, note, to = str(entry["body"]), note_of(entry), str(entry["to"])
        case "hook":
            body, note, to = text_of(entry["body"]), entry["headers"]["webhook-id"], entry["name"]
        case _:
            return None
    return Message(kind=entry["kind"], note=note, to=to, body=body, at_s=entry["at_s"])


def text_of(body: str) -> str:
    """Return what a webhook says, whatever its body is if it is not one of the hub's."""
    try:
        return str(json.loads(body)["data"]["text"])
    except (ValueError, KeyError, TypeError):
        return body


def note_of(entry: dict[str, Any]) -> str:
    """Return the notification that an SMS carries in the address of its report."""
    query = urllib.parse.urlsplit(str(entry.get("status_callback") or "")).query
    return urllib.parse.parse_qs(query).get("n", [""])[0]


def compare(truth: dict[Place, Said], held: list[tuple[Place, Said]]) -> dict[str, int]:
    """Return how ``held`` differs from ``truth``: places and values."""
    places = Counter(place for place, _ in held)
    return {
        "missing": len(truth.keys() - places.keys()),
        "twice": sum(count - 1 for count in places.values()),
        "strange": len(places.keys() - truth.keys()),
        "changed": sum(place in truth and truth[place] != one for place, one in held),
    }


def rows_of(database: Path, sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query on the hub's file, opened read-only."""
    uri = f"file:{database}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=20)) as connection:
        return connection.execute(sql).fetchall()


def read_log(database: Path) -> list[tuple[Place, Said]]:
    """Return every observation of the log."""
    return [
        ((node, boot, seq, pos), (name, time_us, result))
        for node, boot, seq, pos, name, time_us, result in rows_of(database, IN_LOG)
    ]


def read_influx(influx: dict[str, str]) -> list[tuple[Place, Said]]:
    """Return every point of the bucket."""
    request = urllib.request.Request(  # noqa: S310  our own
        f"{influx['url']}/api/v2/query?{urllib.parse.urlencode({'org': influx['org']})}",
        IN_INFLUX.format(bucket=influx["bucket"]).encode(),
        {
            "Authorization": f"Token {influx['token']}",
            "Content-Type": "application/vnd.flux",
            "Accept": "application/csv",
        },
    )
    with urllib.request.urlopen(request, timeout=INFLUX_S) as answer:  # noqa: S310  our own
        lines = (line.decode() for line in answer)
        return list(points(csv.reader(lines)))


def points(lines: Iterable[list[str]]) -> Iterator[tuple[Place, Said]]:
    """Yield the points of an answer; Flux's own first columns hold a "result" as well."""
    at: dict[str, int] = {}
    for line in filter(None, lines):
        if "_time" in line:
            at = {name: index for index, name in enumerate(line)}
            continue
        place = line[at["node"]], line[at["boot"]], int(line[at["seq"]]), int(line[at["pos"]])
        result = line[at["result"]] if at.get("result", 0) > 2 else ""
        said = line[at["datastream"]], us_of(line[at["_time"]]), float(result) if result else None
        yield place, said


def unlike_recordings(facts: dict[str, Any], folder: Path, nodes: Nodes) -> int:
    """Return how many readings were not spooled exactly once as the sensors saw them."""
    start_us = int(facts["clock"].split(",")[1])
    spooled = Counter(
        (node, name, time_us - start_us, result)
        for (node, *_), (name, time_us, result) in nodes.observations.items()
    )
    seen: Counter[tuple[str, str, int, float | None]] = Counter()
    for node, sensors in facts.get("recordings", {}).items():
        for name, file in sensors.items():
            seen.update(recorded(folder / file, node, name))
    return sum(((seen - spooled) + (spooled - seen)).values()) if seen else 0


def recorded(file: Path, node: str, name: str) -> Iterator[tuple[str, str, int, float | None]]:
    """Yield what a sensor saw: node, datastream, microseconds after the first row, value."""
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    began_us = us_of(rows[0]["time"])
    for row in rows:
        yield node, name, us_of(row["time"]) - began_us, float(row["value"])


def breaches(facts: dict[str, Any], nodes: Nodes) -> dict[tuple[str, str], float]:
    """Return when (real time) each danger first had a receipted value beyond its level."""
    wall_us, start_us, rate = (float(part) for part in facts["clock"].split(","))
    above = {(d["node"], d["datastream"]): d["above"] for d in facts["dangers"]}
    first: dict[tuple[str, str], int] = {}
    for (node, boot, seq, _), (name, time_us, result) in nodes.observations.items():
        level = above.get((node, name))
        if level is None or result is None or result < level:
            continue
        if (node, boot, seq) in nodes.receipted:
            first[node, name] = min(time_us, first.get((node, name), time_us))
    return {at: (wall_us + (us - start_us) / rate) / 1e6 for at, us in first.items()}


class Reader:
    """Reads from a message which place, hazard and level it is about, as a person would."""

    def __init__(self, dangers: list[dict[str, Any]]) -> None:
        self._places: dict[str, list[dict[str, Any]]] = {}
        for danger in dangers:
            for name in danger["place"]:
                self._places.setdefault(name, []).append(danger)
        longest_first = sorted(self._places, key=len, reverse=True)
        self._any = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def about(self, body: str) -> set[tuple[str, str]]:
        """Return the dangers (node, datastream) that ``body`` tells of: level, hazard, then place.

        One of a lower level is not told by it: a moderate page before is no severe one.
        """
        found = self._any.search(body)
        if found is None:
            return set()
        head = body[: found.start()]
        return {
            (danger["node"], danger["datastream"])
            for danger in self._places[found.group()]
            if any(word in head for word in danger["hazard"])
            and any(word in head for word in danger["level"])
        }


def told_after(
    reader: Reader, began: dict[tuple[str, str], float], phones: list[Message]
) -> dict[tuple[str, str], float]:
    """Return how long after its breach each danger was first told to somebody, in seconds.

    Less than nought where a forecast told it before it came.
    """
    after: dict[tuple[str, str], float] = {}
    for message in phones:
        for danger in reader.about(message.body):
            if danger in began:
                late_s = message.at_s - began[danger]
                after[danger] = min(late_s, after.get(danger, late_s))
    return after


def doubled(phones: list[Message]) -> int:
    """Return how many SMS came again: of the same notification, or the same text to one phone.

    A webhook may come again: its receiver knows it by its id.
    """
    notes: set[str] = set()
    texts: set[tuple[str, str]] = set()
    again = 0
    for sms in phones:
        if sms.kind != "sms":
            continue
        text = sms.to, REPEAT.sub("", sms.body)
        again += bool(sms.note and sms.note in notes) or text in texts
        notes.add(sms.note)
        texts.add(text)
    return again


def outbox(database: Path, phones: list[Message]) -> dict[str, int]:
    """Return what the hub believes to be sent against what people got."""
    rows = rows_of(database, OUTBOX)
    believed = {note for note, channel, state in rows if channel in SEEN and state in BELIEVED}
    got = {sms.note for sms in phones}
    return {"imagined": len(believed - got), "unknown": len(got - {note for note, _, _ in rows})}


def answer(folder: Path) -> dict[str, Any]:
    """Return the whole account and, in words, all that is wrong."""
    facts = json.loads((folder / "facts.json").read_text("utf-8"))
    nodes = read_nodes(folder / path for path in facts["ledgers"])
    phones, database = read_phones(folder / facts["provider"]), folder / facts["database"]
    log, promised = read_log(database), nodes.promised
    in_log = compare(nodes.observations, log)
    began = breaches(facts, nodes)
    after = told_after(Reader(facts["dangers"]), began, phones)
    influx = facts.get("influx")
    held = read_influx(influx) if influx else None
    account = {
        "observations": len(nodes.observations),
        "receipted": len(promised),
        "unlike_recordings": unlike_recordings(facts, folder, nodes),
        "given_up": nodes.given_up,
        "stored": len(log),
        "lost": len(promised - {place for place, _ in log}),
        "twice": in_log["twice"],
        "changed": in_log["changed"] + in_log["strange"],
        "influx": None if held is None else {"points": len(held), **against(nodes, held)},
        "incidents": len(began),
        "notified": len(after),
        "untold": [" ".join(danger) for danger in sorted(began.keys() - after.keys())][:SHOWN],
        "sms": sum(message.kind == "sms" for message in phones),
        "hooks": sum(message.kind == "hook" for message in phones),
        "duplicates": doubled(phones),
        **outbox(database, phones),
        "told": sorted((round(began[d], 3), round(s, 3)) for d, s in after.items()),
    }
    return {**account, "wrong": wrong(account, again=facts.get("again", 0))}


def against(nodes: Nodes, held: list[tuple[Place, Said]]) -> dict[str, int]:
    """Return how the bucket differs; only what has a receipt can be missing."""
    missing = nodes.promised - {place for place, _ in held}
    return {**compare(nodes.observations, held), "missing": len(missing)}


def wrong(account: dict[str, Any], *, again: int) -> list[str]:
    """Return in words what must not be; nothing when all is well."""
    words = {
        "lost": "observations had a receipt and are gone",
        "unlike_recordings": "readings were not spooled exactly once as they were sensed",
        "given_up": "times a node gave something up",
        "twice": "observations are in the log twice",
        "changed": "observations are not in the log as they were spooled",
        "imagined": "messages that the hub takes for sent and nobody got",
        "unknown": "messages that the hub knows nothing of",
    }
    found = [f"{account[name]} {said}" for name, said in words.items() if account[name]]
    if (without := account["observations"] - account["receipted"]) > 0:
        found.append(f"{without} observations have no receipt")
    if untold := account["incidents"] - account["notified"]:
        found.append(f"{untold} incidents that nobody was told of: {account['untold']}")
    if account["duplicates"] > again:
        found.append(f"{account['duplicates']} SMS came twice, {again} might")
    influx = account["influx"] or {}
    if any(influx.get(name, 0) for name in ("missing", "twice", "strange", "changed")):
        found.append(f"InfluxDB differs from the ledgers: {influx}")
    return found


def main(argv: list[str] | None = None) -> int:
    """Answer for one folder; 0 if nothing is wrong."""
    (folder,) = sys.argv[1:] if argv is None else argv
    found = answer(Path(folder))
    print(json.dumps(found, ensure_ascii=False))  # noqa: T201
    return 1 if found["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
