"""Row 1 in bulk: a flood of observations, the hub killed again and again while it takes them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hub.demo.processes import wait_for_port
from ordeal.episode import seeded
from ordeal.world.check import Findings
from ordeal.world.lab import QUIET, UP_S, Lab, Node, gauge, site

if TYPE_CHECKING:
    import random

    from ordeal.verdict import Given, Verdict

NODES: Final = 20
BATCH: Final = 100  # observations in a message
STEP_US: Final = 1_000  # between two of a node
WINDOW: Final = 40  # messages of a node that may wait for a receipt
AGAIN_S: Final = 3.0  # without a receipt for so long, a message is sent once more
AROUND_S: Final = 22.0
SHORTEST_S: Final = 12.0
BETWEEN_S: Final = (2.0, 5.0)  # from a hub that is ready to its next kill
SETTLE_S: Final = 120.0
PAUSE_S: Final = 0.01
ROWS: Final = """
SELECT count(*) FROM observation o JOIN datastream d ON d.slot = o.slot WHERE d.node LIKE 'lab-%'
"""


@dataclass(slots=True)
class Stream:
    """One node: what it sent in each message, and which of these have no receipt yet."""

    node: Node
    next_us: int
    sent: dict[int, list[tuple[int, float]]] = field(default_factory=dict)
    waiting: dict[int, tuple[str, float]] = field(default_factory=dict)  # seq: (text, when sent)

    def send(self, lab: Lab) -> None:
        """Publish all that is due and fits into the window; again what waits too long."""
        now_us, now_s = lab.now_us(), time.monotonic()
        for seq, (text, at_s) in self.waiting.items():
            if now_s - at_s > AGAIN_S:
                lab.publish(self.node, text)
                self.waiting[seq] = (text, now_s)
        while len(self.waiting) < WINDOW and self.next_us + BATCH * STEP_US <= now_us:
            values = [(self.next_us + n * STEP_US, level(n)) for n in range(BATCH)]
            text = self.node.message(values)
            self.node.sent.clear()  # its texts: the ledger here is ``sent``
            self.sent[self.node.seq] = values
            self.waiting[self.node.seq] = (text, now_s)
            self.next_us += BATCH * STEP_US
            lab.publish(self.node, text)

    def settle(self, got: list[list[int]]) -> None:
        """Learn what a receipt says."""
        for seq in [seq for seq in self.waiting if any(a <= seq <= b for a, b in got)]:
            del self.waiting[seq]


def level(n: int) -> float:
    """Return a quiet reading; never the same twice in turn."""
    return round(QUIET + 0.001 * (n % 7), 3)


@dataclass(slots=True)
class Flood:
    """All streams and how many receipts were read."""

    lab: Lab
    streams: dict[str, Stream]
    read: int = 0

    def turn(self) -> None:
        """Read the new receipts, send what is due."""
        receipts = self.lab.receipts[self.read :]
        self.read += len(receipts)
        for receipt in receipts:
            self.streams[receipt["node"]].settle(receipt["got"])
        for stream in self.streams.values():
            stream.send(self.lab)
        time.sleep(PAUSE_S)

    def run(self, seconds: float, dice: random.Random) -> int:
        """Let it flow for ``seconds`` and kill the hub in between; return how often."""
        kills, until_s = 0, time.monotonic() + seconds
        next_s = time.monotonic() + dice.uniform(*BETWEEN_S)
        while time.monotonic() < until_s:
            self.turn()
            if time.monotonic() >= next_s:
                again(self.lab)
                kills += 1
                next_s = time.monotonic() + dice.uniform(*BETWEEN_S)
        return kills

    def settle(self) -> int:
        """Send nothing new until all is receipted; return how many messages are not."""
        until_s = time.monotonic() + SETTLE_S
        while self.waiting() and time.monotonic() < until_s:
            for stream in self.streams.values():
                stream.next_us = self.lab.now_us()
            self.turn()
        return self.waiting()

    def waiting(self) -> int:
        """Return how many messages have no receipt."""
        return sum(len(stream.waiting) for stream in self.streams.values())


class Volume:
    """Twenty played nodes send a thousand observations a second each; kills all the while."""

    name = "volume"
    number = 1
    fault = f"hub and its broker killed under {NODES * 1_000_000 // STEP_US:,} observations/s"
    required = "nothing receipted lost or stored twice, all receipted in the end"
    weight = 2.0

    def __call__(self, given: Given) -> Verdict:
        """Send for the row's share, kill, settle, and compare what was sent with what is there."""
        dice, found = seeded(f"{given.seed}/{self.name}"), Findings()
        names = [f"lab-{n:02d}" for n in range(NODES)]
        span_s = max(given.seconds - AROUND_S, SHORTEST_S)
        with Lab(given.folder / "lab", [site(name, [gauge()]) for name in names]) as lab:
            began_us = lab.now_us() // 1000 * 1000
            nodes = [Node(lab, name, f"{name}-0") for name in names]
            flood = Flood(lab, {node.name: Stream(node, began_us) for node in nodes})
            kills = flood.run(span_s, dice)
            waiting = flood.settle()
            counts = [compared(lab, stream) for stream in flood.streams.values()]
            rows = lab.one(ROWS)
        receipted, lost, strange, sent = (sum(column) for column in zip(*counts, strict=True))
        found.expect(not lost, f"{lost} receipted observations are not stored")
        found.expect(not strange, f"{strange} stored were never sent")
        found.expect(rows <= sent, f"{rows - sent} observations are stored twice")
        found.expect(not waiting, f"{waiting} messages have no receipt")
        found.expect(kills > 0, "nothing was killed")
        return found.verdict(
            f"{lost} of {receipted:,} lost, {rows:,} stored of {sent:,} sent in {span_s:.0f} s; "
            f"{kills} kills",
            receipted=float(receipted), lost=float(lost), kills=float(kills),
        )  # fmt: skip


def compared(lab: Lab, stream: Stream) -> tuple[int, int, int, int]:
    """Return how many of a stream are receipted, of these lost, stored unsent, and sent."""
    stored = lab.stored(stream.node)
    sent = {one for values in stream.sent.values() for one in values}
    settled = {
        one for seq, values in stream.sent.items() if seq not in stream.waiting for one in values
    }
    return len(settled), len(settled - stored), len(stored - sent), len(sent)


def again(lab: Lab) -> None:
    """Kill the hub, and its broker with it, and start them at once."""
    lab.hub.kill()
    lab.hub.start()
    wait_for_port(lab.scene.web_port, lab.hub, UP_S)


ROW: Final = Volume()
