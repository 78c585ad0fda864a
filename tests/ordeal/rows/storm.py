"""Rows 15 and 16: a thousand and ten thousand sensors in one second; a sensor that flaps."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ordeal.rows.outage import p99
from ordeal.world.check import Findings
from ordeal.world.lab import BREACH, DANGER, QUIET, Lab, Node, gauge, site

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ordeal.oracle import Message
    from ordeal.verdict import Given, Verdict

RATE: Final = 20.0
WINDOW_S: Final = 600.0
MOST_SMS: Final = 3
SITES: Final = 100
SETTLE_S: Final = 120.0
QUIET_S: Final = 2.0
DIGEST_S: Final = 6.0  # after which what was held back has its digest, and none comes soon
FLAP_RATE: Final = 60.0
HOUR_S: Final = 3600.0
MOST_NOTICES: Final = 2
STANDING: Final = "SELECT count(*) FROM condition WHERE key LIKE 'level:lab-%' AND standing = 1"
HIDDEN: Final = """
SELECT count(*) FROM incident WHERE site LIKE 'lab-%' AND hazard = 'flood' AND id NOT IN
  (SELECT incident FROM notification WHERE state IN ('sent', 'delivered'))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """``sensors`` in a hundred places of three cells go over danger within a second.

    The hub's clock runs twenty times as fast, so that ten minutes of digests fit into the
    row; how soon the first pages leave is counted in real seconds.
    """

    name: str
    sensors: int
    first_s: float
    weight: float
    number: int = 15

    @property
    def fault(self) -> str:
        """Return what happens."""
        return f"{self.sensors:,} sensors of {SITES} places over danger in one second"

    @property
    def required(self) -> str:
        """Return what must hold."""
        return (
            f"first page of each person within {self.first_s:g} s; at most {MOST_SMS} SMS per "
            "person in any 10 min; every sensor recorded, no incident hidden"
        )

    def __call__(self, given: Given) -> Verdict:
        """Let it break loose and count what each phone got."""
        each, found = self.sensors // SITES, Findings()
        names = [f"lab-{n:03d}" for n in range(SITES)]
        places = [site(name, [gauge()], nodes=each, place=n) for n, name in enumerate(names)]
        with Lab(given.folder / "lab", places, rate=RATE) as lab:
            nodes = [Node(lab, name, f"{name}-{n}") for name in names for n in range(each)]
            for node in nodes:
                node.say(QUIET)
            lab.until(lambda: lab.one("SELECT count(*) FROM observation") >= len(nodes), SETTLE_S)
            lab.until(lambda: False, QUIET_S)
            began_s = time.time()
            for node in nodes:
                node.say(BREACH)
            lab.until(lambda: lab.one(STANDING) >= len(nodes), SETTLE_S)
            recorded, recorded_s = lab.one(STANDING), time.time() - began_s
            lab.until(lambda: time.time() - began_s > WINDOW_S / RATE + DIGEST_S, 2 * SETTLE_S)
            lab.until(lambda: not lab.one(HIDDEN), SETTLE_S)
            hidden = lab.one(HIDDEN)
            incidents = lab.one("SELECT count(*) FROM incident WHERE site LIKE 'lab-%'")
            sms = [m for m in lab.phones() if m.kind == "sms" and m.at_s >= began_s]
        firsts = firsts_of(sms, began_s)
        most = most_in(sms, WINDOW_S / RATE)
        found.expect(recorded == len(nodes), f"{recorded} of {len(nodes)} recorded")
        found.expect(not hidden, f"{hidden} incidents are told by no message")
        found.expect(most <= MOST_SMS, f"{most} SMS to one person in ten minutes")
        found.expect(bool(firsts) and p99(firsts) <= self.first_s, f"first pages {firsts} s")
        return found.verdict(
            f"first pages after {', '.join(f'{s:.2f}' for s in firsts)} s; {most} SMS at most; "
            f"{recorded:,} sensors recorded in {recorded_s:.1f} s; {hidden} of {incidents} hidden",
            incidents=float(incidents), notified=float(incidents - hidden), sms=float(len(sms)),
        )  # fmt: skip


def firsts_of(sms: Iterable[Message], began_s: float) -> list[float]:
    """Return how long after ``began_s`` each cell's first person was called, the soonest first.

    Whoever is called by a later step was not to be called in the first second.
    """
    found: dict[str, float] = {}
    for message in sms:
        found.setdefault(message.to, round(message.at_s - began_s, 3))
    return sorted(found.values())[:3]


def most_in(sms: Iterable[Message], window_s: float) -> int:
    """Return the most SMS that one number got within any ``window_s`` real seconds."""
    times: dict[str, list[float]] = {}
    for message in sms:
        times.setdefault(message.to, []).append(message.at_s)
    return max(
        (sum(at <= other < at + window_s for other in own) for own in times.values() for at in own),
        default=0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Flapping:
    """A gauge above and below its level by turns, once a second for an hour of the hub's time."""

    name: str = "flapping"
    number: int = 16
    fault: str = "a sensor over and under its level each second for an hour"
    required: str = f"one incident; at most {MOST_NOTICES} notices to anybody; shown live"
    weight: float = 0.7

    def __call__(self, given: Given) -> Verdict:
        """Flap, answer the first page, and count what people got."""
        found = Findings()
        rate = max(FLAP_RATE, HOUR_S / max(given.seconds - 15.0, 20.0))
        with Lab(given.folder / "lab", [site("lab-flap", [gauge()])], rate=rate) as lab:
            node, began_us = Node(lab, "lab-flap", "lab-flap-0"), lab.now_us()
            answered = False
            for turn in range(int(HOUR_S)):
                due_us = began_us + turn * 1_000_000
                lab.until(lambda due_us=due_us: lab.now_us() >= due_us, 10.0)
                node.say(DANGER + (0.5 if turn % 2 else -0.5))
                if not answered and turn % 50 == 49:
                    answered = answer_all(lab)
            lab.until(lambda: lab.settled(node) >= node.seq, SETTLE_S)
            stored = len(lab.stored(node))
            newest = lab.one(
                "SELECT max(o.time_us) FROM observation o JOIN datastream d ON d.slot = o.slot"
                " WHERE d.node = 'lab-flap-0'"
            )
            incidents = lab.one("SELECT count(*) FROM incident WHERE site = 'lab-flap'")
            notes = [told for told in lab.told() if told.hazard == "flood"]
            paged = lab.sms_of(notes)
            by_person = {
                person: sum(paged[note.id] for note in notes if note.person == person)
                for person in {note.person for note in notes}
            }
            age_s = (lab.now_us() - newest) / 1e6
        most = max(by_person.values(), default=0)
        found.expect(incidents == 1, f"{incidents} incidents")
        found.expect(answered, "the first page was never answered")
        found.expect(0 < most <= MOST_NOTICES, f"notices by person: {by_person}")
        found.expect(stored == node.seq, f"{stored} of {node.seq} stored")
        return found.verdict(
            f"{node.seq:,} turns: {incidents} incident, {most} notices at most, all readings "
            f"stored, the newest {age_s:.0f} s old",
            incidents=float(incidents), notified=float(bool(most)), sms=float(sum(paged.values())),
        )  # fmt: skip


def answer_all(lab: Lab) -> bool:
    """Acknowledge what is open; say whether anything was."""
    open_ = lab.ask("SELECT id FROM incident WHERE site LIKE 'lab-%' AND status = 'triggered'")
    for (name,) in open_:
        lab.do(f"/incidents/{name}/acknowledge", by="lin-wei")
    return bool(open_)


THOUSAND: Final = Storm(name="storm of 1,000", sensors=1_000, first_s=2.0, weight=0.8)
TEN_THOUSAND: Final = Storm(name="storm of 10,000", sensors=10_000, first_s=10.0, weight=1.2)
FLAPPING: Final = Flapping()
