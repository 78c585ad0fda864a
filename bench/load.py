"""The load: four nodes with the shipped kinds of datastreams, sent by ``mosquitto_pub -l``.

Messages are valid native envelopes, written out beforehand so that sending them costs
next to nothing. Values stay where no level is reached and no quality test objects;
times rise, and pass about as fast as the hub takes them in.
"""

from __future__ import annotations

import math
import random
import secrets
import shutil
import subprocess
import threading
import time
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hub.demo.processes import DemoError

if TYPE_CHECKING:
    from collections.abc import Iterator

NODES: Final = 4
VALUES: Final = 499
CHUNK_S: Final = 0.01
MICROSECONDS: Final = 1_000_000
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Valid at any pace: every quality test has its limits, and none objects.
AT_PACE: Final = {"spike": 1e6, "rate_per_s": 1e9, "flat_count": 60, "flat_tolerance": 0.0}
INTERVAL_S: Final = 60


@dataclass(frozen=True, slots=True)
class Stream:
    """One datastream of a load node: its wire text before and after the time, per value."""

    name: str
    unit: str
    values: tuple[str, ...]


def shipped_tables(config: Path) -> list[dict[str, Any]]:
    """Return the datastream tables of the shipped sites, in their order."""
    files = sorted((config / "sites").glob("*.toml"))
    sites = [tomllib.loads(path.read_text("utf-8")) for path in files]
    return [
        {**table, "room": table.get("room", node.get("room", ""))}
        for site in sites
        for node in site["node"]
        for table in node["datastream"]
    ]


def load_tables(config: Path, count: int) -> list[dict[str, Any]]:
    """Return ``count`` datastreams like the shipped ones, for one load node."""
    shipped = shipped_tables(config)
    tables = []
    for number in range(count):
        turn, place = divmod(number, len(shipped))
        table = shipped[place]
        limits = {**table.get("limits", {}), **AT_PACE}
        tables.append(
            {
                **table,
                "name": f"s{number:04d}",
                "property": table.get("property", table["name"]),
                "room": f"{table['room']} {turn}",
                "interval_s": INTERVAL_S,
                "upload_s": INTERVAL_S,
                "limits": limits,
            }
        )
    return tables


def middle(table: dict[str, Any]) -> float:
    """Return a value far from every level and limit of a datastream."""
    above = [level["above"] for level in table.get("level", []) if "above" in level]
    below = [level["below"] for level in table.get("level", []) if "below" in level]
    limits = table["limits"]
    low = max(below, default=max(0.0, limits.get("suspect_low", limits.get("range_low", 0.0))))
    high = min(above, default=limits.get("suspect_high", limits.get("range_high", 1.0)))
    return float((low + high) / 2)


def stream_of(table: dict[str, Any], seed: int) -> Stream:
    """Return what a node sends of a datastream: a slow wave with a little noise."""
    chance = random.Random(seed)  # noqa: S311  no secret
    base = middle(table)
    turns = (place / VALUES * math.tau for place in range(VALUES))
    shares = (1 + 0.002 * math.sin(turn) + chance.uniform(-1e-3, 1e-3) for turn in turns)
    values = tuple(f"{base * share:.6g}" for share in shares)
    return Stream(table["name"], table["unit"], values)


def time_text(us: int) -> str:
    """Return an instant as nodes write it."""
    text = (EPOCH + timedelta(microseconds=us)).isoformat()
    return text.replace("+00:00", "Z")


@dataclass(slots=True)
class Node:
    """One publisher: its streams, its present start and the number of its next message."""

    name: str
    streams: list[Stream]
    boot: str = ""
    seq: int = 0
    place: int = 0
    newest_us: int = 0

    @property
    def topic(self) -> str:
        """Return where it publishes; its site has its name."""
        return f"tocsin/v1/{self.name}/{self.name}/obs"

    def lines(
        self, count: int, per: int, start_us: int, step_us: int, *, late: bool
    ) -> Iterator[str]:
        """Yield ``count`` messages of ``per`` observations, ``step_us`` apart.

        ``late`` ones are sent now, the others at the time of their observations.
        """
        self.boot = secrets.token_hex(8)
        self.seq = 0
        now = time_text(time.time_ns() // 1000)
        for number in range(count):
            at = time_text(start_us + number * step_us)
            yield self._message(at, per, now if late else at, late=late)

    def _message(self, at: str, per: int, sent: str, *, late: bool) -> str:
        streams, parts = self.streams, []
        for _ in range(per):
            stream = streams[self.place % len(streams)]
            value = stream.values[(self.place * 7 // len(streams)) % VALUES]
            parts.append(f'{{"ds":"{stream.name}","t":"{at}","r":{value},"u":"{stream.unit}"}}')
            self.place += 1
        self.seq += 1
        return (
            f'{{"v":1,"boot":"{self.boot}","seq":{self.seq},"low":1,"gone":[],'
            f'"late":{"true" if late else "false"},"sent":"{sent}","up":{self.seq / 10:.3f},'
            f'"obs":[{",".join(parts)}]}}\n'
        )


def nodes_of(config: Path, streams: int) -> list[Node]:
    """Return the four load nodes, each with ``streams`` datastreams."""
    tables = load_tables(config, streams)
    return [
        Node(f"load-{n}", [stream_of(table, n * 100_000 + i) for i, table in enumerate(tables)])
        for n in range(1, NODES + 1)
    ]


@dataclass(frozen=True, slots=True)
class Burst:
    """Files of messages, one per node, ready to be sent."""

    nodes: list[Node]
    files: list[Path]
    messages: int
    per: int

    @property
    def observations(self) -> int:
        """Return how many observations it carries."""
        return self.messages * self.per

    @property
    def boots(self) -> set[str]:
        """Return the starts of the nodes that number it."""
        return {node.boot for node in self.nodes}


def write_burst(
    nodes: list[Node],
    folder: Path,
    *,
    count: int,
    per: int,
    span_s: float,
    late: bool = False,
) -> Burst:
    """Write ``count`` messages per node whose times span ``span_s`` from now on.

    ``late`` ones end now. No time is earlier than what was written before.
    """
    step_us = max(1, round(span_s * MICROSECONDS / count))
    now_us = time.time_ns() // 1000
    newest_us = max(node.newest_us for node in nodes) + step_us
    start_us = max(now_us - count * step_us if late else now_us, newest_us)
    files = []
    for node in nodes:
        path = folder / f"{node.name}.jsonl"
        with path.open("w", encoding="utf-8") as file:
            file.writelines(node.lines(count, per, start_us, step_us, late=late))
        node.newest_us = start_us + count * step_us
        files.append(path)
    return Burst(nodes, files, count * len(nodes), per)


def publisher(node: Node, port: int, source: Any) -> subprocess.Popen[bytes]:  # noqa: ANN401
    """Start one light publisher that sends each line of ``source`` at QoS 1."""
    program = shutil.which("mosquitto_pub")
    if program is None:
        raise DemoError("mosquitto_pub is not on PATH: install mosquitto-clients")
    command = [program, "-h", "127.0.0.1", "-p", str(port), "-i", node.name, "-q", "1"]
    return subprocess.Popen([*command, "-t", node.topic, "-l"], stdin=source)


def send_all(burst: Burst, port: int) -> float:
    """Start sending a burst as fast as it goes; return the wall time of the first message."""
    began = time.time()
    running = []
    for node, path in zip(burst.nodes, burst.files, strict=True):
        with path.open("rb") as file:
            running.append(publisher(node, port, file))
    threading.Thread(target=lambda: [p.wait() for p in running], daemon=True).start()
    return began


class Pace:
    """Sends a burst at a steady rate from threads of its own; ``wait`` until it is out."""

    def __init__(self, burst: Burst, port: int, messages_s: float) -> None:
        each_s = messages_s / len(burst.nodes)
        self.began = time.time()
        self._threads = [
            threading.Thread(target=self._feed, args=(node, path, port, each_s), daemon=True)
            for node, path in zip(burst.nodes, burst.files, strict=True)
        ]
        for thread in self._threads:
            thread.start()

    def wait(self) -> None:
        """Return when every message is with the broker."""
        for thread in self._threads:
            thread.join()

    def _feed(self, node: Node, path: Path, port: int, each_s: float) -> None:
        process = publisher(node, port, subprocess.PIPE)
        pipe = process.stdin
        if pipe is None:
            return
        lines = path.read_bytes().splitlines(keepends=True)
        sent, began = 0, time.monotonic()
        while sent < len(lines):
            due = min(len(lines), int((time.monotonic() - began) * each_s) + 1)
            if due > sent:
                pipe.write(b"".join(lines[sent:due]))
                pipe.flush()
                sent = due
            time.sleep(CHUNK_S)
        pipe.close()
        process.wait()
