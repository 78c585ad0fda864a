"""What the store's tests work with: a log filled through its schema, a proxy that misbehaves."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.model.network import Network
from hub.store.database import open_database, transaction

if TYPE_CHECKING:
    from collections.abc import Iterable

NOW_US = 1_795_500_300_000_000
EMPTY = Network(sites={}, cells={}, datastreams={}, nodes={})
Told = tuple[int, float | None]  # time_us, result


class Filler:
    """Writes the log as intake would, through the schema alone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = open_database(path)
        self.seq = 0

    def stream(self, node: str = "gauge-1", name: str = "stage", unit: str = "m") -> int:
        """Make a datastream and return its slot."""
        with transaction(self.connection) as db:
            (slot,) = db.execute("SELECT coalesce(max(slot) + 1, 0) FROM datastream").fetchone()
            db.execute(
                "INSERT INTO datastream (slot, node, name, site, unit)"
                " VALUES (?, ?, ?, 'qingxi', ?)",
                (slot, node, name, unit),
            )
        return int(slot)

    def add(
        self,
        slot: int,
        told: Iterable[Told],
        *,
        received_us: int = NOW_US,
        quality: int = 1,
        lateness: int = 0,
        trusted: int = 1,
        boot: str = "7f3a9c21d4e85b06",
    ) -> None:
        """Append one message with one observation per (time_us, result)."""
        self.seq += 1
        rows = list(told)
        ties: dict[int, itertools.count[int]] = {}
        with transaction(self.connection) as db:
            first = self.end() + 1
            message = db.execute(
                "INSERT INTO message (node, boot, seq, received_us, digest)"
                " VALUES ('gauge-1', ?, ?, ?, x'')",
                (boot, self.seq, received_us),
            ).lastrowid
            for pos, (time_us, result) in enumerate(rows):
                tie = next(ties.setdefault(time_us, itertools.count()))
                db.execute(
                    'INSERT INTO observation ("offset", slot, time_us, tie, start_us, result,'
                    " quality, lateness, trusted, message, pos) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
                    (
                        *(first + pos, slot, time_us, tie, time_us, result),
                        *(quality, lateness, trusted, message, pos),
                    ),
                )
            self._next(db, first + len(rows))

    def control(self) -> None:
        """Append a control entry."""
        with transaction(self.connection) as db:
            offset = self.end() + 1
            db.execute("INSERT INTO control VALUES (?, ?, 'tick', '', '{}')", (offset, NOW_US))
            self._next(db, offset + 1)

    def _next(self, db: Any, offset: int) -> None:  # noqa: ANN401
        db.execute(
            "INSERT INTO meta VALUES ('next_offset', ?)"
            " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (str(offset),),
        )

    def end(self) -> int:
        """Return the last offset given."""
        row = self.connection.execute("SELECT value FROM meta WHERE key = 'next_offset'").fetchone()
        return int(row[0]) - 1 if row else 0

    def watched(self, offset: int | None = None) -> None:
        """Let the watch loop have passed ``offset`` (all of it) and taken a snapshot there."""
        at = self.end() if offset is None else offset
        with transaction(self.connection) as db:
            db.execute("INSERT OR REPLACE INTO position VALUES ('watch', 0, ?)", (at,))
            db.execute("INSERT OR REPLACE INTO snapshot VALUES ('watch', 0, ?, 0, x'')", (at,))

    def one(self, sql: str, *values: object) -> Any:  # noqa: ANN401
        """Return the first column of the first row."""
        return self.connection.execute(sql, values).fetchone()[0]


class Proxy:
    """The proxy process in front of ``upstream``; answers and ledger through its doors."""

    def __init__(self, upstream: str, folder: Path, database: Path | None = None) -> None:
        self.ledger = folder / "proxy.jsonl"
        address = folder / "proxy.url"
        script = Path(__file__).with_name("influx_proxy.py")
        watched = [f"--database={database}"] if database else []
        self.process = subprocess.Popen(
            [
                *(sys.executable, script, f"--upstream={upstream}", f"--address={address}"),
                *(f"--ledger={self.ledger}", *watched),
            ]
        )
        deadline = time.monotonic() + 20
        while not address.exists():
            assert self.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        self.url = address.read_text()

    def order(self, *answers: dict[str, Any]) -> None:
        """Have the next writes answered so, one each."""
        request = urllib.request.Request(  # noqa: S310
            f"{self.url}/order", data=json.dumps(answers).encode(), method="POST"
        )
        urllib.request.urlopen(request, timeout=5).close()  # noqa: S310

    def writes(self) -> list[dict[str, Any]]:
        """Return what the ledger says of each write, in the order of arrival."""
        return [json.loads(line) for line in self.ledger.read_text().splitlines()]

    def stop(self) -> None:
        """Stop the process."""
        self.process.terminate()
        self.process.wait(10)


def is_root() -> bool:
    """Say whether the tests may mount."""
    return os.geteuid() == 0
