"""A disk that runs full, a small real one: nothing receipted is lost, what is open still pages."""

from __future__ import annotations

import contextlib
import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from door import BOOT, Door, message, network, value

from hub.dispatch.base import masked
from hub.dispatch.text import compose
from hub.errors import StoreUnavailableError
from hub.flow.reserve import Guard, Reserve
from hub.flow.respond import Respond
from hub.flow.watch import Watch
from hub.model.network import Cell, Datastream, Hazard, Level, Network, Severity, Site
from hub.model.response import EscalationPolicy, EscalationStep, People, Person
from hub.model.rule import Rule
from hub.store.book import Book
from hub.store.database import open_database
from hub.store.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO
    from pathlib import Path

MIB = 1 << 20
DISK = 24 * MIB
RESERVE = 6 * MIB
RING = ((120.0, 30.0), (121.0, 30.0), (121.0, 31.0), (120.0, 31.0), (120.0, 30.0))
STAGE = Datastream(
    slot=-1, site="qingxi", node="gauge", name="stage", unit="m", hazard=Hazard.FLOOD,
    levels=(Level(name="danger", severity=Severity.EXTREME, above=4.5, hysteresis=0.1),),
)  # fmt: skip
NAMED = {"name_en": "Qingxi", "name_zh": "青溪"}
NETWORK = Network(
    sites={"qingxi": Site(id="qingxi", latitude=30.5, longitude=120.5, cell="c1", **NAMED)},
    cells={"c1": Cell(id="c1", responsible="li", deputy="wang", ring=RING, **NAMED)},
    datastreams=network(STAGE).datastreams,
    nodes={"gauge": "qingxi"},
)
STEPS = tuple(
    EscalationStep(notify=(who,), by=("sms",), wait_s=300.0) for who in ("responsible", "deputy")
)
PEOPLE = People(
    persons={
        name: Person(id=name, name_en=name, name_zh=name, addresses=(("sms", "+8613000000001"),))
        for name in ("li", "wang")
    },
    shifts=(),
    policies={"default": EscalationPolicy(name="default", steps=STEPS)},
)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a disk of 24 MiB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = f"size={DISK},mode=700"
    if os.geteuid() != 0:
        pytest.skip("a full disk: not proven here, mounting a small one needs root")
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"a full disk: not proven here, {done.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


class Hub:
    """Intake, watch, respond, the outbox and the guard of one disk."""

    def __init__(self, folder: Path) -> None:
        self.reserve = Reserve(folder, RESERVE)
        self.reserve.first()
        self.door = Door(folder, NETWORK)
        self.door.intake._reserve = self.reserve
        self.clock, self.health = self.door.clock, self.door.health
        shared = {"clock": self.clock, "health": self.health, "wake": lambda *_: None}
        board = {"network": NETWORK, "people": PEOPLE, "composer": compose}
        path = self.door.database
        rules = (Rule(name="level", detector="level"),)
        self.watch = Watch(path=path, rules=rules, **board, **shared)
        self.respond = Respond(database=path, backlog_wait_s=0.0, **board, **shared)
        self.guard = Guard(database=path, reserve=self.reserve, **shared)
        self.outbox = Outbox(open_database(path), masked)
        self.filler = folder / "filler"
        self.told: list[str] = []
        self.seq = 0

    def receive(self, *results: float) -> None:
        """Queue one message per result."""
        for result in results:
            self.door.put(message(self.seq, *[value(result)] * 50))
            self.seq += 1

    def turn(self) -> None:
        """Let every loop but intake do what waits, and the provider take what leaves."""
        self.guard.step()
        while self.watch.step():
            pass
        while self.respond.step():
            pass
        now_us = self.clock.now_us()
        for note in self.outbox.claim(
            "sms", free=9, spare=9, now_us=now_us, real_s=0.0, lease_s=30.0
        ):
            self.told.append(note.person)
            self.outbox.sent(note, f"SM{len(self.told)}", now_us)

    def fill(self) -> None:
        """Let something else use up the disk to the last page."""
        with self.filler.open("ab", buffering=0) as file:
            write_for_ever(file)

    def close(self) -> None:
        """Let go of the files."""
        self.watch._connection.close()
        self.respond.close()
        self.guard.close()
        self.outbox._connection.close()
        self.door.intake.close()


@pytest.fixture
def hub(disk: Path) -> Iterator[Hub]:
    """Return a hub on a small disk."""
    made = Hub(disk)
    yield made
    made.close()


def take_in_for_ever(hub: Hub) -> None:
    """Run intake beside the others until it refuses."""
    while True:
        hub.door.intake.step()
        hub.turn()


def write_for_ever(file: FileIO) -> None:
    """Fill the disk."""
    for size in (65536, 1):
        with contextlib.suppress(OSError):
            while True:
                file.write(b"x" * size)


def numbers_stored(hub: Hub) -> set[int]:
    """Return the numbers in the log."""
    return {seq for (seq,) in hub.door.connection.execute("SELECT seq FROM message")}


def test_open_incidents_are_paged_while_the_disk_is_full(hub: Hub) -> None:
    """The second step is told on time although not a page of the disk is left to intake."""
    hub.receive(4.8)
    hub.door.run()
    hub.turn()
    assert hub.told == ["li"]
    hub.fill()
    hub.turn()  # the guard gives the reserve up
    assert not hub.reserve.held()
    assert not hub.health.checks()["disk"].ok
    hub.clock.advance(301)
    hub.turn()
    assert hub.told == ["li", "wang"]


def test_nothing_is_receipted_without_room_and_nothing_is_lost(hub: Hub) -> None:
    """Every number receipted is stored; what was refused comes in once there is room."""
    receipted: set[int] = set()
    hub.receive(*[1.0] * 50)
    hub.door.run()
    receipted |= hub.door.got()[BOOT]
    hub.fill()
    hub.receive(*[1.0] * 400)
    with pytest.raises(StoreUnavailableError):
        take_in_for_ever(hub)
    receipted |= hub.door.got().get(BOOT, set())
    assert receipted <= numbers_stored(hub)
    hub.turn()
    with pytest.raises(StoreUnavailableError, match="disk is full"):
        hub.door.intake.step()
    assert hub.door.got() == {}
    hub.filler.unlink()
    hub.turn()
    assert hub.reserve.held()
    assert hub.health.checks()["disk"].ok
    hub.door.run()
    receipted |= hub.door.got().get(BOOT, set())
    assert receipted == set(range(450)) == numbers_stored(hub)


def test_a_full_disk_is_a_condition_of_the_hub(hub: Hub) -> None:
    """Raised while it is full, cleared by itself; meanwhile silence of nodes does not count."""
    hub.receive(1.0)
    hub.door.run()
    hub.turn()
    hub.fill()
    hub.turn()
    hub.turn()
    book = Book(hub.door.connection)
    condition = book.condition("hub:disk")
    assert condition is not None
    assert condition.standing
    assert "磁盘已满" in condition.evidence.words_zh
    assert not hub.watch._memory.stack._own.hears
    hub.filler.unlink()
    hub.turn()
    hub.turn()
    condition = book.condition("hub:disk")
    assert condition is not None
    assert not condition.standing


def test_what_fills_the_disk_pauses(disk: Path) -> None:
    """The embedded broker is stopped while the disk is full, and started when it is not."""
    hub = Hub(disk)
    said: list[str] = []
    hub.guard.attend(lambda: said.append("pause"), lambda: said.append("resume"))
    for _ in range(2):
        hub.turn()
    hub.fill()
    for _ in range(2):
        hub.turn()
    hub.filler.unlink()
    for _ in range(2):
        hub.turn()
    assert said == ["pause", "resume"]
    hub.close()


def test_a_hub_starts_on_a_full_disk(disk: Path) -> None:
    """A start gives the reserve up before it writes anything."""
    reserve = Reserve(disk, RESERVE)
    reserve.first()
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        write_for_ever(file)
    reserve.first()
    assert not reserve.held()
    hub = Hub(disk)
    hub.turn()
    assert not hub.reserve.held()
    hub.close()


def test_no_reserve_is_no_limit(tmp_path: Path) -> None:
    """Size 0 switches it off."""
    reserve = Reserve(tmp_path, 0)
    reserve.first()
    assert reserve.held()
    assert not reserve.wanted()
    assert not reserve.give_up()
    assert list(tmp_path.iterdir()) == []
