"""Row 14: a day at once, from nodes that had no network, of floods that are over and that stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ordeal.episode import seeded
from ordeal.world.check import Findings
from ordeal.world.lab import BREACH, QUIET, SECOND, Lab, Node, gauge, site

if TYPE_CHECKING:
    import random

    from ordeal.verdict import Given, Verdict

DAY: Final = 1440  # readings, one a minute
MINUTE_US: Final = 60 * SECOND
OLD_US: Final = 15 * MINUTE_US  # the newest of it: past the grace within which data is live
AT_ONCE: Final = 20  # readings in a message
RATE: Final = 10.0
SETTLE_S: Final = 60.0
WATCH_S: Final = 12.0
FLOODS: Final = 3
FOUND: Final = "SELECT site, found_late FROM incident WHERE site LIKE 'lab-%' AND hazard = 'flood'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """Half of the places were flooded and are dry again; in the others the last flood stands."""

    name: str = "a day at once"
    number: int = 14
    fault: str = "24 h of one-minute readings arrive at once, 15 min old, three floods in each"
    required: str = "no page for what is over; exactly one incident, found late, for what stands"
    weight: float = 0.5

    def __call__(self, given: Given) -> Verdict:
        """Send the day of every place and see who was called."""
        dice, found = seeded(f"{given.seed}/{self.name}"), Findings()
        count = 2 * max(int((given.seconds - 20) / 2), 4)
        names = [f"lab-{'stands' if n % 2 else 'over'}-{n}" for n in range(count)]
        places = [site(name, [gauge(interval_s=60.0)], place=n) for n, name in enumerate(names)]
        with Lab(given.folder / "lab", places, rate=RATE) as lab:
            nodes = [Node(lab, name, f"{name}-0") for name in names]
            for node in nodes:
                send_day(lab, node, dice, stands="stands" in node.site)
            whole = lambda: all(lab.settled(node) >= node.seq for node in nodes)  # noqa: E731
            found.expect(lab.until(whole, SETTLE_S), "not every message has a receipt")
            lab.until(lambda: len(lab.ask(FOUND)) >= count // 2, SETTLE_S)
            lab.until(lambda: False, WATCH_S)
            floods = lab.ask(FOUND)
            stale = [name for name, _ in floods if "over" in name]
            late = [name for name, is_late in floods if "stands" in name and is_late]
            pages = [told for told in lab.told() if told.hazard == "flood"]
            paged = lab.sms_of(pages)
            hidden = {n for n in names if "stands" in n} - {told.site for told in pages}
            lost = count * DAY - sum(len(lab.stored(node)) for node in nodes)
        found.expect(not stale, f"paged for what is over: {stale[:3]}")
        found.expect(len(late) == len(floods) == count // 2, f"{len(late)} of {count // 2} found")
        found.expect(not hidden, f"nobody was told of {sorted(hidden)[:3]}")
        found.expect(not lost, f"{lost} readings are not stored")
        found.expect(bool(paged), "no SMS went at all")
        return found.verdict(
            f"{count * DAY:,} readings of a day: {len(stale)} stale pages; {len(late)} of "
            f"{count // 2} that stand found late, once each; {lost} lost",
            receipted=float(count * DAY), lost=float(lost), stale_pages=float(len(stale)),
            incidents=count / 2, notified=float(count // 2 - len(hidden)),
            sms=float(sum(paged.values())),
        )  # fmt: skip


def send_day(lab: Lab, node: Node, dice: random.Random, *, stands: bool) -> None:
    """Publish the last 24 h of one place, the newest message first as a node does."""
    newest_us = lab.now_us() // MINUTE_US * MINUTE_US - OLD_US
    starts = sorted(dice.sample(range(60, DAY - 300, 120), FLOODS))
    wet = {minute for start in starts for minute in range(start, start + 60)}
    if stands:
        wet |= set(range(DAY - 90, DAY))
    readings = [
        (newest_us - (DAY - 1 - minute) * MINUTE_US, BREACH if minute in wet else QUIET)
        for minute in range(DAY)
    ]
    parts = [readings[at : at + AT_ONCE] for at in range(0, DAY, AT_ONCE)]
    for part in [node.message(part, late=True) for part in parts][::-1]:
        lab.publish(node, part)


BACKFILL: Final = Backfill()
