"""The broker's door: messages through the real decoders, intake, store and watch, in one process.

Every batch has a good message of another node in its midst, whose value must come out
unchanged. Each input must be found again: in the log, or in quarantine with a reason
that is not the hub's own failure. Now and then the hub is started again on what it took in.
"""

from __future__ import annotations

import json
import logging
import math
import shutil
from collections import Counter
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from hub.clock import HandClock, from_us
from hub.config import read_config
from hub.dispatch.text import compose
from hub.flow.handoff import Handoff
from hub.flow.health import Health
from hub.flow.intake import Intake, IntakeSettings
from hub.flow.watch import Watch
from hub.ingest.decoders.base import LARGEST_PAYLOAD, LATEST_US
from hub.ingest.memory import MemorySource
from hub.store.database import open_database
from ordeal.doors.base import ACCEPTED, QUARANTINED, REFUSED, Fate

if TYPE_CHECKING:
    import random
    import sqlite3
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hub.config.settings import Configuration
    from hub.ingest.source import Taken

NOON_US: Final = 1_795_000_000_000_000
BOOT: Final = "7f3a9c21d4e85b06"
GOOD_BOOT: Final = "00000000000000aa"
BATCH_S: Final = 10.0
LONGEST_WHOLE: Final = 400
RESTART_EVERY: Final = 10
FRESH_EVERY: Final = 20
IMPOSSIBLE: Final = (
    'SELECT count(*) FROM observation WHERE "offset" > ? AND (time_us < 0 OR time_us > ?'
    " OR start_us < 0 OR start_us > time_us OR abs(result) > 1.8e308 OR tie < 0 OR tie > 999)"
)


@dataclass(frozen=True, slots=True)
class Message:
    """One hostile publication; without a topic it is an observation message of a node."""

    payload: bytes
    topic: str = ""
    retain: bool = False
    dup: bool = False
    node: str = ""


class Errors(logging.Handler):
    """Remembers that a loop logged an error, which no input may cause."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the words."""
        self.said.append(f"{record.name}: {record.getMessage()} {record.exc_info or ''}"[:300])


class IntakeDoor:
    """An intake and a watch over a store; ``make`` yields what is pushed, ``given`` the seeds."""

    def __init__(
        self,
        name: str,
        folder: Path,
        config: Path,
        make: Callable[[random.Random], Iterator[Message]],
        given: Callable[[], Iterator[tuple[str, object, str]]],
    ) -> None:
        self.name, self.seeds, self.hostile = name, given, make
        self._folder = folder
        self._settings: Configuration = read_config(config)
        self._clock = HandClock(NOON_US)
        self._batches = self._count = self._good = self._errors_told = 0
        self._errors = Errors()
        logging.getLogger("hub").addHandler(self._errors)
        logging.getLogger("hub").propagate = False
        self._open()

    def close(self) -> None:
        """Stop the hub and forget its store."""
        self._shut()
        logging.getLogger("hub").removeHandler(self._errors)
        logging.getLogger("hub").propagate = True
        shutil.rmtree(self._folder / self.name, ignore_errors=True)

    def push(self, batch: list[object]) -> list[Fate]:
        """Take a batch in and look for every one of it."""
        self._turn_over()
        self._clock.advance(BATCH_S)
        taken = [self._put(message) for message in batch]  # type: ignore[arg-type]
        self._check_good(self._work(taken, len(batch)))
        return [self._fate(item) for item in taken]

    def _put(self, message: Message) -> Taken:
        self._count += 1
        node = message.node or f"h{self._count}"
        topic = message.topic.replace("NODE", node) or f"tocsin/v1/elsewhere/{node}/obs"
        item = self._source.put(topic, message.payload, retain=message.retain, dup=message.dup)
        if len(item.payload) > LARGEST_PAYLOAD:
            item.payload = item.payload[:LARGEST_PAYLOAD]  # as the real source cuts it
        if self._count % 250 == 1:
            self._put_good()
        return item

    def _put_good(self) -> None:
        self._good += 1
        at = from_us(self._clock.now_us()).isoformat()
        obs = [{"ds": "flow", "t": at, "r": self._good / 8, "u": "L/s"}]
        body = {"v": 1, "boot": GOOD_BOOT, "seq": self._good, "sent": at, "up": 1.0, "obs": obs}
        self._source.put("tocsin/v1/neighbour/good/obs", json.dumps(body).encode())

    def _work(self, taken: list[Taken], inputs: int) -> int:
        """Let intake and watch go on until nothing waits; return the offset before."""
        before = self._one('SELECT coalesce(max("offset"), 0) FROM observation')
        confirmed = len(self._source.confirmed)
        self._source.published.clear()
        self._intake.step()
        while self._source.link().waiting:
            self._intake.step()
        assert len(self._source.confirmed) - confirmed >= inputs, "a message was not confirmed"
        while self._watch.step():
            pass
        self._refused = refusals(self._source.published)
        self._keys = Counter(map(key_of, taken))
        self._look_aside()
        return before

    def _look_aside(self) -> None:
        """Read what of this batch is in quarantine."""
        now_us = self._clock.now_us()
        rows = self._connection.execute(
            "SELECT topic, payload, reason, node, boot, seq, pos FROM quarantine"
            " WHERE received_us = ? OR last_us = ?",
            (now_us, now_us),
        ).fetchall()
        self._aside = {
            (topic, bytes(payload)): why for topic, payload, why, *_, pos in rows if pos is None
        }
        self._bad: dict[tuple[str, str, int], list[str]] = {}
        for _, _, why, node, boot, seq, pos in rows:
            if pos is not None:
                self._bad.setdefault((node, boot, seq), []).append(why)

    def _check_good(self, before: int) -> None:
        """Hold the neighbour's values, everything stored and what was logged to what must be.

        Raises:
            AssertionError: one of them is wrong.
        """
        found = {
            r
            for (r,) in self._connection.execute(
                'SELECT result FROM observation WHERE "offset" > ? AND slot = (SELECT slot FROM'
                " datastream WHERE node = 'good')",
                (before,),
            )
        }
        wanted = {n / 8 for n in range(self._good_before + 1, self._good + 1)}
        assert found == wanted, f"the neighbour's values: {found} instead of {wanted}"
        self._good_before = self._good
        (wrong,) = self._connection.execute(IMPOSSIBLE, (before, LATEST_US)).fetchone()
        assert not wrong, f"{wrong} impossible observations were stored"
        said, self._errors.said = self._errors.said, []
        assert not said, f"logged: {said[0]}"

    def _fate(self, item: Taken) -> Fate:
        """Return what became of one message."""
        shown = item.payload if item.size <= LARGEST_PAYLOAD else item.payload[:1024]
        why = self._aside.get((item.topic, shown))
        if why is not None:
            internal = not why or why.startswith("internal")
            return (
                Fate(wrong=f"in quarantine for {why!r}") if internal else Fate(outcome=QUARANTINED)
            )
        levels = item.topic.split("/")
        if levels[-1] == "state" and levels[0] == "tocsin":
            return self._fate_of_state(item, levels[3])
        return self._fate_in_log(item)

    def _fate_of_state(self, item: Taken, node: str) -> Fate:
        body = item.payload.decode("utf-8", "replace")
        (stored,) = self._connection.execute(
            "SELECT state FROM node WHERE name = ?", (node,)
        ).fetchone() or ("",)
        return Fate(outcome=ACCEPTED) if stored == body else Fate(wrong="a state was dropped")

    def _fate_in_log(self, item: Taken) -> Fate:
        fields = fields_of(item.payload)
        key = node, boot, seq = key_of(item, fields)
        if isinstance(boot, str) and isinstance(seq, int) and abs(seq) < 2**63:
            row = self._message("boot = ? AND seq = ?", node, boot, seq)
            if row is not None and self._keys[key] == 1:
                return self._fate_of_parts(row, key, fields)
            if row is not None:
                return Fate(outcome=ACCEPTED)
            if (item.topic.replace("/obs", "/receipt"), boot, seq) in self._refused:
                return Fate(outcome=REFUSED)
        digest = blake2b(item.payload, digest_size=16).digest()
        if self._message("digest = ? AND 1 = ?", node, digest, 1) is not None:
            bad = any(key[0] == node for key in self._bad)
            return Fate(outcome=QUARANTINED if bad else ACCEPTED)
        return Fate(wrong="dropped in silence")

    def _fate_of_parts(
        self, row: tuple[int, int], key: tuple[str, str, int], fields: dict[str, Any]
    ) -> Fate:
        """Count the observations of a stored message: all are in the log or in quarantine."""
        number, received_us = row
        bad, obs = self._bad.get(key, []), fields.get("obs")
        if received_us == self._clock.now_us() and isinstance(obs, list):
            good = self._one(f"SELECT count(*) FROM observation WHERE message = {number}")  # noqa: S608
            if good + len(bad) != len(obs):
                return Fate(wrong=f"{len(obs)} observations became {good} and {len(bad)} bad ones")
        if any(not why or why.startswith("internal") for why in bad):
            return Fate(wrong=f"in quarantine for {bad}")
        return Fate(outcome=QUARANTINED if bad else ACCEPTED)

    def _message(self, where: str, node: str, *values: object) -> tuple[int, int] | None:
        return self._connection.execute(
            f"SELECT id, received_us FROM message WHERE node = ? AND {where} LIMIT 1",  # noqa: S608
            (node, *values),
        ).fetchone()

    def _one(self, sql: str) -> int:
        return int(self._connection.execute(sql).fetchone()[0])

    def _turn_over(self) -> None:
        """Start the hub again now and then, at times with a new store."""
        self._batches += 1
        if self._batches % FRESH_EVERY == 0:
            self._shut()
            shutil.rmtree(self._folder / self.name, ignore_errors=True)
            self._open()
        elif self._batches % RESTART_EVERY == 0:
            self._shut()
            self._open()

    def _open(self) -> None:
        place = self._folder / self.name / "hub.db"
        self._source, self._health, handoff = MemorySource(), Health(), Handoff()
        known = self._settings
        self._intake = Intake(
            database=place,
            source=self._source,
            network=known.network,
            clock=self._clock,
            health=self._health,
            wake=lambda *_: None,
            handoff=handoff,
            settings=IntakeSettings(receipt_interval_s=0.0),
            mappings=known.mappings,
        )
        self._watch = Watch(
            path=place,
            network=known.network,
            people=known.people,
            rules=known.rules,
            composer=compose,
            clock=self._clock,
            health=self._health,
            wake=lambda *_: None,
            handoff=handoff,
        )
        self._connection: sqlite3.Connection = open_database(place)
        self._good_before = self._good

    def _shut(self) -> None:
        self._watch.close()
        self._intake.close()
        self._connection.close()


def refusals(published: list[tuple[str, bytes]]) -> set[tuple[str, str, int]]:
    """Return (topic, boot, number) of every message that was refused."""
    found = set()
    for topic, payload in published:
        receipt = json.loads(payload)
        found |= {(topic, receipt["boot"], seq) for seq, _ in receipt["refused"]}
    return found


def key_of(item: Taken, fields: dict[str, Any] | None = None) -> tuple[str, Any, Any]:
    """Return (node, boot, number) of a message, as another reader sees it."""
    levels = item.topic.split("/")
    found = fields_of(item.payload) if fields is None else fields
    node = levels[3] if len(levels) == 5 else f"farm-{levels[1]}" if len(levels) > 1 else ""
    boot, seq = found.get("boot"), found.get("seq")
    return node, boot if isinstance(boot, str) else None, seq if isinstance(seq, int) else None


def fields_of(payload: bytes) -> dict[str, Any]:
    """Return what another reader of JSON makes of ``payload``; nothing where it is none."""
    text = payload.decode("utf-8", "replace")  # what nobody reads may be no text
    try:
        found = json.loads(text, parse_int=whole, strict=False)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def whole(digits: str) -> float:
    """Return a whole number, or what it comes to where it is too long to be one."""
    return int(digits) if len(digits) < LONGEST_WHOLE else math.inf
