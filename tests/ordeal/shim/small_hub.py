"""The hub's own loops in one thread, so that the N-th write is the same one every time.

Intake, watch, respond and deliver are the shipped ones on a real store; pages go to the
provider process over HTTP. Nodes are what a node is to the hub: messages that are sent
again until their receipt. What was promised goes to a witness file after the fact.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hub.clock import SystemClock
from hub.dispatch import channels
from hub.dispatch.base import Surroundings
from hub.dispatch.text import compose
from hub.errors import StoreError
from hub.flow.deliver import Deliver
from hub.flow.desk import Paging
from hub.flow.handoff import Handoff
from hub.flow.health import Health
from hub.flow.intake import Intake, IntakeSettings
from hub.flow.respond import Respond
from hub.flow.watch import Watch
from hub.ingest.source import Link, Taken
from hub.model.incident import ActionKind, Status
from hub.model.network import Cell, Datastream, Hazard, Level, Network, Severity, Site
from hub.model.response import EscalationPolicy, EscalationStep, People, Person
from hub.model.rule import Rule
from hub.store.book import Book
from hub.store.database import open_database
from hub.store.log import Log
from hub.store.sure import make_sure
from tocsin_edge.clock import Moment, time_text
from tocsin_edge.message import Reading, envelope, obs_text, observation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hub.dispatch.channels.sms import SmsChannel
    from hub.model.notification import Notification

DATABASE: Final = "tocsin.db"
WITNESS: Final = "witness"
STREAMS: Final = (("stage", "m", Hazard.FLOOD, 4.5), ("smoke", "1/m", Hazard.FIRE, 0.2))
AT_ONCE: Final = 3
PATIENCE_S: Final = 30.0
WAITING: Final = (
    "SELECT count(*) FROM notification WHERE state IN ('pending', 'sending', 'deferred')"
)
RING: Final = ((120.0, 30.0), (121.0, 30.0), (121.0, 31.0), (120.0, 31.0), (120.0, 30.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What happens: ``nodes`` each send ``messages`` of two streams; danger comes midway.

    ``each`` observations of a stream are in a message. ``base_us`` is the first instant.
    """

    base_us: int
    nodes: int = 2
    messages: int = 6
    each: int = 1

    def boot(self, node: int) -> str:
        """Return the start of a node that the messages are of."""
        return f"{node:04x}{self.base_us % (1 << 48):012x}"

    @property
    def keys(self) -> set[tuple[str, int]]:
        """Return (boot, number) of every message."""
        return {
            (self.boot(n), seq) for n in range(self.nodes) for seq in range(1, self.messages + 1)
        }

    @property
    def dangers(self) -> set[tuple[str, str]]:
        """Return (site, hazard) of every incident that must come."""
        return {(f"site-{n}", hazard) for n in range(self.nodes) for _, _, hazard, _ in STREAMS}

    def parts(self, node: int, seq: int) -> list[dict[str, object]]:
        """Return the observations of a message."""
        beyond = seq > self.messages // 2
        return [
            observation(
                name,
                unit,
                Reading(result=value_of(level, k + 100 * node, beyond=beyond)),
                self.moment(seq, k),
            )
            for name, unit, _, level in STREAMS
            for k in range(self.each)
        ]

    def moment(self, seq: int, k: int) -> Moment:
        """Return when the ``k``-th value of a message was true."""
        us = self.base_us + seq * 1_000_000 + k * 1000
        return Moment(us=us, up_s=(us - self.base_us) / 1e6, known=True)

    def payload(self, node: int, seq: int, *, late: bool) -> bytes:
        """Return a message as the shipped node puts it."""
        return envelope(
            obs_text(self.parts(node, seq)),
            boot=self.boot(node),
            seq=seq,
            low=1,
            gone=[],
            late=late,
            sent_us=self.base_us + seq * 1_000_000,
            up_s=float(seq),
        )


def value_of(level: float, k: int, *, beyond: bool) -> float:
    """Return a value under or over ``level``, each a little different."""
    return round(level * (1.4 if beyond else 0.5) + k / 10_000, 6)


def network(story: Story) -> Network:
    """Return the places of a story."""
    named = {"name_en": "Qingxi", "name_zh": "青溪", "latitude": 30.5, "longitude": 120.5}
    streams = [
        Datastream(
            slot=-1, site=f"site-{n}", node=f"node-{n}", name=name, unit=unit, hazard=hazard,
            levels=(Level(name="danger", severity=Severity.EXTREME, above=above, hysteresis=0.0),),
        )
        for n in range(story.nodes)
        for name, unit, hazard, above in STREAMS
    ]  # fmt: skip
    return Network(
        sites={f"site-{n}": Site(id=f"site-{n}", cell="c1", **named) for n in range(story.nodes)},
        cells={
            "c1": Cell(
                id="c1", name_en="One", name_zh="一号", responsible="li", deputy="wang", ring=RING
            )
        },
        datastreams={(s.node, s.name): s for s in streams},
        nodes={f"node-{n}": f"site-{n}" for n in range(story.nodes)},
    )


def people() -> People:
    """Return two people, one after the other."""
    steps = tuple(
        EscalationStep(notify=(who,), by=("sms",), wait_s=300.0)
        for who in ("responsible", "deputy")
    )
    return People(
        persons={
            name: Person(id=name, name_en=name, name_zh=name, addresses=(("sms", number),))
            for name, number in (("li", "+8613000000001"), ("wang", "+8613000000002"))
        },
        shifts=(),
        policies={"default": EscalationPolicy(name="default", steps=steps)},
    )


class Witness:
    """What was promised, one JSON line each, on disk before anybody acts on it."""

    def __init__(self, file: Path) -> None:
        self.receipted: set[tuple[str, int]] = set()
        for line in file.read_bytes().split(b"\n") if file.exists() else ():
            if line.endswith(b"}"):
                self._learn(json.loads(line))
        self._file = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(self._file, b"\n")  # ends a line that a kill cut short

    def say(self, entry: dict[str, Any]) -> None:
        """Write one entry."""
        self._learn(entry)
        os.write(self._file, json.dumps(entry).encode() + b"\n")
        os.fsync(self._file)

    def _learn(self, entry: dict[str, Any]) -> None:
        if entry["e"] == "receipt":
            self.receipted |= {
                (entry["boot"], seq) for low, high in entry["got"] for seq in range(low, high + 1)
            }


class Nodes:
    """The nodes' side of intake's door: everything unreceipted comes, and comes again."""

    def __init__(self, story: Story, witness: Witness) -> None:
        self._story, self._witness = story, witness

    def take(self, limit: int, wait_s: float) -> list[Taken]:  # noqa: ARG002  nobody to wait for
        """Return the next few messages that have no receipt."""
        due = [
            (seq, node)
            for seq in range(1, self._story.messages + 1)
            for node in range(self._story.nodes)
            if (self._story.boot(node), seq) not in self._witness.receipted
        ]
        return [self._message(node, seq) for seq, node in due[: min(limit, AT_ONCE)]]

    def confirm(self, items: Sequence[Taken]) -> None:
        """Nothing: a broker's word settles nothing."""

    def publish(self, topic: str, payload: bytes) -> None:
        """Take a receipt."""
        told = json.loads(payload)
        self._witness.say(
            {"e": "receipt", "topic": topic, "boot": told["boot"], "got": told["got"]}
        )

    def link(self) -> Link:
        """Return a good connection."""
        return Link(connected=True, caught_up=True, waiting=0)

    def _message(self, node: int, seq: int) -> Taken:
        payload = self._story.payload(node, seq, late=False)
        topic = f"tocsin/v1/site-{node}/node-{node}/obs"
        return Taken(0, seq, 1, topic, payload, len(payload))


class Told:
    """The SMS channel; says to the witness which page is about to be sent."""

    def __init__(self, channel: SmsChannel, witness: Witness) -> None:
        self._channel, self._witness = channel, witness
        self.name, self.kind, self.lanes = channel.name, channel.kind, 1
        self.receipts, self.deadline_s = False, channel.deadline_s
        self.find, self.aclose = channel.find, channel.aclose

    async def send(self, note: Notification) -> str:
        """Make one attempt."""
        self._witness.say({"e": "call", "note": note.id})
        return await self._channel.send(note)


class SmallHub:
    """One life of the hub on ``folder``; pages go to the provider at ``port``."""

    def __init__(self, folder: Path, story: Story, port: int) -> None:
        self.path = folder / DATABASE
        self.story = story
        self.witness = Witness(folder / WITNESS)
        self.nodes = Nodes(story, self.witness)
        introduce(self.path)
        shared = {"clock": SystemClock(), "health": Health(), "wake": lambda *_: None}
        where = network(story)
        board = {"network": where, "people": people(), "composer": compose, "paging": Paging()}
        handoff = Handoff()
        self.intake = Intake(
            database=self.path, source=self.nodes, network=where, handoff=handoff,
            settings=IntakeSettings(receipt_interval_s=0.0, future_s=86400.0), **shared,
        )  # fmt: skip
        rules = (Rule(name="level", detector="level"),)
        self.watch = Watch(path=self.path, rules=rules, handoff=handoff, **board, **shared)
        self.respond = Respond(database=self.path, backlog_wait_s=0.0, **board, **shared)
        sms = Told(channel_at(port), self.witness)
        self.deliver = Deliver(path=self.path, channels={"sms": sms}, **shared)
        self.look = open_database(self.path)
        self.book = Book(self.look)

    async def turn(self) -> None:
        """Let every loop do what waits."""
        for step in (self.intake.step, partial(drain, self.watch), partial(drain, self.respond)):
            attempt(step)
        try:
            await self.deliver.step()
            await self.deliver.settle()
        except StoreError:
            return
        attempt(self.answer)

    def answer(self) -> None:
        """Be the person who acknowledges the first incident that was paged."""
        for incident in self.book.open_incidents():
            if incident.site == "site-0" and incident.status is Status.TRIGGERED:
                sent = [
                    n
                    for n in self.book.notifications(incident.id)
                    if n.state in ("sent", "delivered")
                ]
                if sent:
                    Log(self.look).append_action(
                        ActionKind.ACKNOWLEDGE, incident.id, "li", "cli", {}, SystemClock().now_us()
                    )

    def settled(self) -> bool:
        """Say whether all is receipted, paged, and answered."""
        if self.story.keys - self.witness.receipted:
            return False
        opened = self.book.open_incidents()
        if {(i.site, i.hazard.value) for i in opened} != self.story.dangers:
            return False
        answered = all(i.status is Status.ACKNOWLEDGED for i in opened if i.site == "site-0")
        return answered and self.look.execute(WAITING).fetchone() == (0,)

    async def close(self) -> None:
        """End as the service manager would have it."""
        self.look.close()
        for loop in (self.intake, self.watch, self.respond):
            attempt(loop.close)  # on a disk that still fails the next life does what is left
        await self.deliver.aclose()


def introduce(path: Path) -> None:
    """Open the store first, as the hub's start does."""
    make_sure(path)
    connection = open_database(path)
    try:
        body = {"version": "1", "folder": "ordeal"}
        Log(connection).append_control("config", SystemClock().now_us(), "", body)
    finally:
        connection.close()


def drain(loop: Any) -> None:  # noqa: ANN401  watch and respond have one shape
    """Step until nothing is waiting."""
    while loop.step():
        pass


def attempt(step: Any) -> None:  # noqa: ANN401  any of the loops' steps
    """Do one step as ``drive`` does: what fails now is tried again."""
    try:
        step()
    except StoreError:
        time.sleep(0.01)


def channel_at(port: int) -> SmsChannel:
    """Return the shipped SMS channel, whose provider is at ``port``."""
    os.environ.setdefault("TOCSIN_SMS_ACCOUNT", "AC" + "0" * 32)
    os.environ.setdefault("TOCSIN_SMS_TOKEN", "demo-token")
    options = {
        "sender": "+15550100100",
        "base_url": f"http://127.0.0.1:{port}",
        "account_env": "TOCSIN_SMS_ACCOUNT",
        "token_env": "TOCSIN_SMS_TOKEN",
    }
    around = Surroundings(public_url="http://127.0.0.1:9")
    built: Any = channels.build("sms", "sms", options, around)
    return built


def live(folder: str, story: dict[str, int], port: int) -> dict[str, Any]:
    """Live until everything is settled, then end cleanly; a store may refuse a start."""
    return asyncio.run(whole_life(Path(folder), Story(**story), port))


async def whole_life(folder: Path, story: Story, port: int) -> dict[str, Any]:
    """Live."""
    try:
        hub = SmallHub(folder, story, port)
    except StoreError as error:
        return {"refused": str(error)}
    until, turns = time.monotonic() + PATIENCE_S, 0
    while not hub.settled():
        if time.monotonic() > until:
            raise TimeoutError(f"not settled: {facts_of(hub)}")
        await hub.turn()
        turns += 1
    await hub.turn()
    await hub.close()
    return {"turns": turns}


def facts_of(hub: SmallHub) -> dict[str, Any]:
    """Return what a life that does not settle looks like."""
    return {
        "unreceipted": sorted(hub.story.keys - hub.witness.receipted)[:5],
        "incidents": [(i.site, i.hazard, i.status) for i in hub.book.open_incidents()],
        "notes": hub.look.execute("SELECT state, reason FROM notification").fetchall(),
    }


def warm() -> None:
    """Import and build once what every life would."""
    channel_at(9)
    story = replace(Story(base_us=0), nodes=1)
    network(story)
    story.payload(0, 1, late=False)
    time_text(0)


def forms() -> Iterator[str]:
    """Yield the names of the files that a life leaves."""
    yield from (DATABASE, f"{DATABASE}-wal", WITNESS)
