"""Readers and intake: a hung or failing sensor hurts itself only, a full disk loses nothing."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from edge_kit import wait_until

from tocsin_edge.clock import HandClock, Moment, ScaledClock, Timekeeper
from tocsin_edge.config import SendSettings, Stream
from tocsin_edge.errors import SensorError
from tocsin_edge.intake import Intake
from tocsin_edge.ledger import Ledger, read_ledger
from tocsin_edge.message import Reading
from tocsin_edge.readers import Inbox, Reader, Taken
from tocsin_edge.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


class Scripted:
    """A sensor that does what the test says."""

    def __init__(self, act: Callable[[], Sequence[Reading]]) -> None:
        self._act = act

    def read(self, now_us: int) -> Sequence[Reading]:
        """Act."""
        del now_us
        return self._act()

    def close(self) -> None:
        """Nothing is held."""


def stream(name: str, **more: float) -> Stream:
    """Return a datastream read each second."""
    return Stream(name=name, unit="m", sensor={"kind": "contact"}, interval_s=1.0, **more)


def keeper(rate: float = 50.0) -> Timekeeper:
    """Return a fast clock."""
    now_us = time.time_ns() // 1000
    return Timekeeper(ScaledClock(wall_start_us=now_us, start_us=now_us, rate=rate), "ntp")


def taken(name: str, result: float | None, **more: float) -> Taken:
    """Return a reading taken at noon."""
    moment = Moment(us=0, up_s=1.0, known=True)
    return Taken(stream=stream(name, **more), reading=Reading(result=result), moment=moment)


def test_a_hung_sensor_hangs_alone() -> None:
    """One sensor never comes back; the other is read on time all the same."""
    inbox, never = Inbox(lambda: None), threading.Event()

    def hang() -> Sequence[Reading]:
        never.wait(30)
        return []

    readers = [
        Reader(stream("hung"), lambda: Scripted(hang), keeper(), inbox.put),
        Reader(stream("well"), lambda: Scripted(lambda: [Reading(result=1)]), keeper(), inbox.put),
    ]
    for reader in readers:
        reader.start()
    found: list[Taken] = []
    wait_until(lambda: len(found) > 10 or bool(found.extend(inbox.take())), "it is read")
    assert {one.stream.name for one in found} == {"well"}
    for reader in readers:
        reader.stop()
    never.set()
    for reader in readers:
        reader.join()


def test_a_failing_sensor_is_a_null_with_its_reason() -> None:
    """A driver's error, foreseen or not, is said as a null at every interval."""
    acts = iter([SensorError("wire broken"), ZeroDivisionError("surprise")])

    def fail() -> Sequence[Reading]:
        raise next(acts, SensorError("still broken"))

    inbox = Inbox(lambda: None)
    reader = Reader(stream("bad"), lambda: Scripted(fail), keeper(), inbox.put)
    reader.start()
    found: list[Taken] = []
    wait_until(lambda: len(found) > 2 or bool(found.extend(inbox.take())), "nulls come")
    reader.stop()
    reader.join()
    assert [one.reading.why for one in found[:2]] == [
        "wire broken",
        "driver failed: ZeroDivisionError: surprise",
    ]
    assert all(one.reading.result is None and one.reading.quality == "fail" for one in found)


def intake(tmp_path: Path, **more: float) -> tuple[Intake, Spool]:
    """Return an intake on a fresh spool, with a ledger."""
    spool = Spool(tmp_path / "spool.db", boot="aa", max_bytes=1_000_000)
    ledger = Ledger(tmp_path / "ledger", node="n", boot="aa")
    return Intake(spool, ledger, SendSettings(**more), 5.0), spool


def test_routine_waits_for_its_upload_and_alarming_does_not(tmp_path: Path) -> None:
    """Routine readings are packed when an upload is due; an alarming one is due at once."""
    made, _ = intake(tmp_path, upload_s=60.0)
    made.commit(0.0, clock_s=0.0)
    made.take([taken("level", 1.0), taken("level", 1.1)])
    assert not made.due(1.0)
    assert made.commit(5.0, clock_s=5.0) == []
    made.take([taken("level", 9.0, alarm_above=5.0)])
    assert made.due(5.1)
    assert [m.n for m in made.commit(5.1, clock_s=5.1)] == [1]
    assert [m.n for m in made.commit(60.0, clock_s=60.0)] == [2]


def test_a_disk_that_was_full_loses_no_reading(tmp_path: Path) -> None:
    """Readings wait in memory while no disk takes them and are spooled once it does."""
    made, spool = intake(tmp_path, upload_s=1.0)
    made.commit(0.0, clock_s=0.0)
    pages = spool._db.execute("PRAGMA page_count").fetchone()[0]
    spool._db.execute(f"PRAGMA max_page_count = {pages}")
    for second in range(1, 300):
        made.take([taken("level", float(second))])
        made.commit(second, clock_s=second)
    before = spool._db.execute("SELECT coalesce(sum(n), 0) FROM message").fetchone()[0]
    assert before < 299
    spool._db.execute("PRAGMA max_page_count = 100000")
    made.commit(400.0, clock_s=400.0)
    assert spool._db.execute("SELECT sum(n) FROM message").fetchone()[0] == 299
    assert sum(e["n"] for e in read_ledger(tmp_path / "ledger") if e["e"] == "spooled") == 299


def test_ledger_survives_a_torn_line_and_catches_up(tmp_path: Path) -> None:
    """What the spool holds and a killed process did not write down is added at the start."""
    file = tmp_path / "ledger"
    made, spool = intake(tmp_path)
    made.take([taken("level", 1.0)])
    messages = made.commit(0.0, clock_s=0.0)
    file.write_bytes(file.read_bytes()[:-10])
    ledger = Ledger(file, node="n", boot="bb")
    ledger.catch_up(spool.messages())
    kept = [e for e in read_ledger(file) if e["e"] == "spooled"]
    assert [(e["boot"], e["seq"]) for e in kept] == [(m.boot, m.seq) for m in messages]


def test_keeper_counts_from_its_start() -> None:
    """``up`` is on the node's clock since the start, whatever the wall clock says."""
    clock = HandClock(5_000_000)
    made = Timekeeper(clock, "unset")
    clock.follow(8_000_000)
    assert made.now() == Moment(us=8_000_000, up_s=3.0, known=False)
