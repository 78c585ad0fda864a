"""What is to be hit and when, and what a blow hit; how the provider misbehaves meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """One blow to come: ``at_s`` real seconds after the start, the program down ``down_s``.

    ``kind`` is hub, node, broker or influxd for a kill -9, ``stopped`` for a SIGSTOP of the
    hub, ``wiped`` for a broker that is killed and loses all it had. Of kills of the hub, an
    ``aimed`` one waits a little until a page wants to be sent, and a ``held`` one comes
    while another process holds the store, as a slow disk would.
    """

    at_s: float
    kind: str
    down_s: float
    aimed: bool = False
    held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """What a blow hit, and what it broke.

    ``unreceipted`` observations were spooled (of a killed node: its own), ``unsent`` SMS
    had not reached a phone, ``unrecorded`` ones had and the hub had not written so yet,
    ``behind`` rows InfluxDB had not confirmed. ``lost`` observations have a receipt and
    are not on disk.
    """

    at_s: float
    kind: str
    name: str
    held: bool
    unreceipted: int
    unsent: int
    unrecorded: int
    behind: int
    lost: int

    @property
    def live(self) -> bool:
        """Say whether data of the killed program's own was under way."""
        return bool(self.behind if self.kind == "influxd" else self.unreceipted)


def plan_strikes(
    dice: random.Random,
    counts: Mapping[str, int],
    first_s: float,
    last_s: float,
    *,
    aimed: float = 0.9,
    held: tuple[bool, ...] = (True, False),
    down_s: tuple[float, float] = (0.1, 1.5),
) -> list[Strike]:
    """Return blows at random times in random order, as many of each kind as ``counts`` says.

    ``aimed`` is the share of the hub's that wait for a page, 0 to 1; those of the hub are
    ``held`` in turns.
    """
    kinds = [kind for kind, count in counts.items() for _ in range(count)]
    dice.shuffle(kinds)
    times = sorted(dice.uniform(first_s, last_s) for _ in kinds)
    turns = cycle(held)
    return [
        Strike(
            at_s=at_s,
            kind=kind,
            down_s=dice.uniform(*down_s),
            aimed=kind == "hub" and dice.random() < aimed,
            held=kind == "hub" and next(turns),
        )
        for at_s, kind in zip(times, kinds, strict=True)
    ]


def plan_trouble(
    dice: random.Random, until_s: float, quiet_s: tuple[float, float] = (0.5, 2.5)
) -> Iterator[tuple[float, dict[str, Any]]]:
    """Yield (when, order): how the provider misbehaves, with ``quiet_s`` in between."""
    at_s = 2.0
    while at_s < until_s:
        for_s, delay_s = dice.uniform(2.0, 6.0), dice.uniform(0.5, 2.5)
        late = {"what": "late", "delay_s": delay_s, "reports_s": delay_s, "for_s": for_s}
        what: dict[str, Any] = dice.choice(
            [
                late,
                late,
                {"what": "status", "status": 503, "for_s": for_s},
                {"what": "refuse", "for_s": for_s},
                {"what": "hang", "count": 2},
                {"what": "cut", "count": 2},
            ]
        )
        yield at_s, {**what, "door": "sms"}
        at_s += for_s + dice.uniform(*quiet_s)
