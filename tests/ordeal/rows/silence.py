"""Rows 10 and 31: clocks that are wrong, beside a twin with a right one; nodes that fall silent."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ordeal.rows.outage import p99
from ordeal.world.check import Findings
from ordeal.world.lab import BREACH, QUIET, SECOND, Lab, Node, gauge, site

if TYPE_CHECKING:
    from ordeal.verdict import Given, Verdict

INTERVAL_S: Final = 5.0
MOST_S: Final = 20.0
NODES: Final = 40
SPEAKS_S: Final = 8.0
YEAR_US: Final = 365 * 86_400 * SECOND
STEP_S: Final = 2.0
SETTLE_S: Final = 30.0
CLOCKS: Final = {  # name: how far behind in microseconds, how many seconds are lost in one
    "right": (0, 0.0),
    "ten-years-on": (-10 * YEAR_US, 0.0),
    "ten-years-back": (10 * YEAR_US, 0.0),
    "since-1970": (0, 0.0),  # set when the scene is known
    "drifts": (3600 * SECOND, 1 / 60),
    "ahead": (-900 * SECOND, 0.0),
}
SILENT: Final = """
SELECT d.node FROM condition c JOIN datastream d ON d.slot = c.slot
WHERE c.kind = 'silence' AND c.standing = 1 AND d.node LIKE 'lab-%'
"""
WORLD: Final = """
SELECT i.hazard, i.severity, i.status, i.found_late FROM incident i WHERE i.site = ?
AND i.hazard = 'flood'
"""
CLOCK: Final = "SELECT count(*) FROM node WHERE name = ? AND clock_s IS NOT NULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Forty nodes that speak every five seconds stop one after the other."""

    name: str = "silence"
    number: int = 31
    fault: str = f"{NODES} nodes that speak every {INTERVAL_S:g} s fall silent"
    required: str = f"each noticed within {MOST_S:g} s"
    weight: float = 0.4

    def __call__(self, given: Given) -> Verdict:
        """Let them speak, then stop, and time the condition of each."""
        found, names = Findings(), [f"lab-{n}" for n in range(NODES)]
        stream = {**gauge(interval_s=INTERVAL_S), "upload_s": 0.0}
        places = [site(name, [stream], place=n) for n, name in enumerate(names)]
        with Lab(given.folder / "lab", places) as lab:
            nodes = [Node(lab, name, f"{name}-0") for name in names]
            last: dict[str, float] = {}
            began_s = time.time()
            for turn in range(int(SPEAKS_S / 1.0)):
                for number, node in enumerate(nodes):
                    if turn < 3 + number % 5:
                        node.say(QUIET)
                        last[node.name] = time.time()
                lab.until(lambda turn=turn: time.time() >= began_s + turn + 1, 2.0)
            seen: dict[str, float] = {}

            def all_seen() -> bool:
                for (name,) in lab.ask(SILENT):
                    seen.setdefault(name, time.time())
                return len(seen) == NODES

            lab.until(all_seen, MOST_S * 2)
            after = [seen[name] - last[name] for name in seen]
        found.expect(len(seen) == NODES, f"{NODES - len(seen)} were never noticed")
        found.expect(max(after, default=MOST_S * 2) <= MOST_S, f"{max(after, default=0):.1f} s")
        return found.verdict(
            f"{len(seen)} of {NODES} noticed, {max(after, default=0):.1f} s at most, "
            f"p99 {p99(after):.1f} s",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """The same danger told by nodes whose clocks are wrong in every known way."""

    name: str = "wrong clocks"
    number: int = 10
    fault: str = "clocks ten years off, of 1970, ahead, and losing a second a minute"
    required: str = "all stored; the same incidents as a right clock's; named for maintenance"
    weight: float = 0.4

    def __call__(self, given: Given) -> Verdict:
        """Play one node of each clock through one danger."""
        found, names = Findings(), [f"lab-{name}" for name in CLOCKS]
        places = [site(name, [gauge()], place=n) for n, name in enumerate(names)]
        with Lab(given.folder / "lab", places, rate=5.0) as lab:
            clocks = {**CLOCKS, "since-1970": (lab.began_us - 60 * SECOND, 0.0)}
            nodes = [
                Node(lab, f"lab-{name}", f"lab-{name}-0", age_s=60.0, behind_us=by, drift=drift)
                for name, (by, drift) in clocks.items()
            ]
            turns = max(int((given.seconds - 14) / STEP_S), 6)
            for turn in range(turns):
                for node in nodes:
                    node.say(BREACH if turn >= turns // 2 else QUIET)
                lab.until(lambda: False, STEP_S)
            lab.until(lambda: all(lab.settled(node) >= node.seq for node in nodes), SETTLE_S)
            right = lab.ask(WORLD, "lab-right")
            other = [node.site for node in nodes if lab.ask(WORLD, node.site) != right]
            lost = sum(node.seq - len(lab.stored(node)) for node in nodes)
            unnamed = [n.name for n in nodes[1:] if not lab.one(CLOCK, n.name)]
            wronged = lab.one(CLOCK, "lab-right-0")
        found.expect(len(right) == 1, f"the right clock's incidents: {right}")
        found.expect(not other, f"other incidents at {other}")
        found.expect(not lost, f"{lost} readings are not stored")
        found.expect(not unnamed, f"not known to be wrong: {unnamed}")
        found.expect(not wronged, "the right clock is called wrong")
        return found.verdict(
            f"{len(nodes) - 1} wrong clocks: {lost} readings lost, "
            f"{len(nodes) - len(other)} of {len(nodes)} incidents alike, "
            f"{len(nodes) - 1 - len(unnamed)} named",
            lost=float(lost), receipted=float(sum(node.seq for node in nodes)),
        )  # fmt: skip


SILENCE: Final = Silence()
CLOCKS_ROW: Final = Clocks()
