"""Row 13: messages twice and shuffled, beside a twin that sent the same in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ordeal.episode import seeded
from ordeal.world.check import Findings
from ordeal.world.lab import BREACH, QUIET, SECOND, Lab, Node, gauge, site

if TYPE_CHECKING:
    import random

    from ordeal.verdict import Given, Verdict

WINDOW: Final = 1000  # messages that are shuffled among each other
SPAN_S: Final = 60.0  # of the nodes' time that a window covers
AGAIN: Final = 0.3
RATE: Final = 20.0
AROUND_S: Final = 12.0
SETTLE_S: Final = 40.0
STANDING: Final = """
SELECT substr(c.key, 1, instr(c.key, ':') - 1), c.standing, c.severity FROM condition c
JOIN datastream d ON d.slot = c.slot WHERE d.node = ? AND c.kind = 'world' ORDER BY 1
"""
INCIDENTS: Final = "SELECT hazard, severity, status FROM incident WHERE site = ? ORDER BY hazard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Disorder:
    """Windows of a thousand messages, every second one in danger, 30 % of them sent again."""

    name: str = "twice and shuffled"
    number: int = 13
    fault: str = f"{AGAIN:.0%} of messages twice, {WINDOW} at a time shuffled"
    required: str = "what is stored is what was sent, once; incidents as of a twin in order"
    weight: float = 0.5

    def __call__(self, given: Given) -> Verdict:
        """Play both twins at once and compare what the hub has of them."""
        dice, found = seeded(f"{given.seed}/{self.name}"), Findings()
        windows = max(int((given.seconds - AROUND_S) / (SPAN_S / RATE)), 4)
        places = [site(f"lab-{name}", [gauge()]) for name in ("clean", "mixed")]
        with Lab(given.folder / "lab", places, rate=RATE) as lab:
            clean, mixed = (Node(lab, f"lab-{n}", f"lab-{n}-0") for n in ("clean", "mixed"))
            for number in range(windows):
                send(lab, clean, mixed, BREACH if number % 2 else QUIET, dice)
            lab.until(lambda: lab.settled(clean) + lab.settled(mixed) >= 2 * clean.seq, SETTLE_S)
            lab.until(lambda: len(lab.ask(INCIDENTS, "lab-mixed")) > 0, SETTLE_S)
            pages = lab.told()
            for node in (clean, mixed):
                lost = clean.seq - lab.settled(node)
                found.expect(not lost, f"{lost} of {node.name}'s messages have no receipt")
            twice = lab.one(
                "SELECT count(*) - count(DISTINCT o.time_us) FROM observation o"
                " JOIN datastream d ON d.slot = o.slot WHERE d.node = 'lab-mixed-0'"
            )
            same = lab.stored(clean) == lab.stored(mixed)
            found.expect(same, "what is stored of the twins differs")
            found.expect(not twice, f"{twice} observations are stored twice")
            for what, sql, names in (
                ("conditions", STANDING, ("lab-clean-0", "lab-mixed-0")),
                ("incidents", INCIDENTS, ("lab-clean", "lab-mixed")),
            ):
                one, other = (lab.ask(sql, name) for name in names)
                found.expect(one == other, f"{what} differ: {one} and {other}")
                found.expect(bool(one), f"there are no {what}: nothing was tested")
            sms = lab.sms_of(pages)
            extra = sum(count - 1 for count in sms.values())
            found.expect(not extra, f"{extra} SMS went twice")
        return found.verdict(
            f"{mixed.seq:,} messages, {round(mixed.seq * AGAIN):,} of them twice: "
            f"{len(lab.receipts):,} receipts, {twice} stored twice, twins "
            f"{'the same' if same else 'DIFFERENT'}",
            receipted=2.0 * clean.seq, lost=0.0, duplicates=float(extra),
        )  # fmt: skip


def send(lab: Lab, clean: Node, mixed: Node, value: float, dice: random.Random) -> None:
    """Send one window of both twins, as long in life as in its own time."""
    began_us = lab.now_us()
    step_us = round(SPAN_S * SECOND / WINDOW)
    times = [began_us - round(SPAN_S * SECOND) + i * step_us // 1000 * 1000 for i in range(WINDOW)]
    texts = [mixed.message([(at, value)]) for at in times]
    for at in times:
        lab.publish(clean, clean.message([(at, value)]))
    again = dice.sample(texts, round(WINDOW * AGAIN))
    for text in dice.sample([*texts, *again], len(texts) + len(again)):
        lab.publish(mixed, text)
    lab.until(lambda: lab.now_us() >= began_us + round(SPAN_S * SECOND), SPAN_S)


DISORDER: Final = Disorder()
