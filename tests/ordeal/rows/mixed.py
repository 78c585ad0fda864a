"""Rows 1, 6, 8, 33: everything killed at random and aimed times while a city is at work.

A row's share is divided into episodes, each a city of its own, so that restarts stay as quick as
they are in life and a failure names its minutes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from brokers import mosquitto_program

from ordeal.city import Size
from ordeal.episode import Plan, at_work, idle, play, told
from ordeal.verdict import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from ordeal.verdict import Given

LONGEST_S: Final = 240.0  # one episode's span
SHORTEST_S: Final = 24.0
AROUND_S: Final = 35.0  # building, settling and asking take so long around a span
SETTLED_COUNT: Final = 12  # fewer kills than that say nothing about where kills land
SUMMED: Final = ("receipted", "lost", "kills", "incidents", "notified", "sms", "duplicates")
NO_MOSQUITTO: Final = "mosquitto: not proven here, it is not on PATH"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixed:
    """A city, its data flowing and its dangers opening, struck ``every_s`` by kind.

    ``per_s`` incidents open each second. ``fast_s`` is between two values of one stream of a
    fast node.
    """

    name: str
    number: int
    fault: str
    required: str
    weight: float
    broker: str = "nats"
    influx: bool = False
    every_s: Mapping[str, float]
    per_s: float = 3.5
    fast_s: float = 0.04
    down_s: tuple[float, float] = (0.1, 1.5)
    quiet_s: tuple[float, float] = (2.0, 6.0)
    hub_before: tuple[str, ...] = field(default=())

    def __call__(self, given: Given) -> Verdict:
        """Play episodes until the share is used up."""
        if self.broker == "mosquitto" and mosquitto_program() is None:
            return Verdict(figure="", passed=False, skipped=NO_MOSQUITTO)
        total, wrong = Counter[str](), []
        spans = episodes(given.seconds)
        for turn, span_s in enumerate(spans):
            account, bad = self.episode(given, given.folder / str(turn), turn, span_s)
            given.say(f"    {turn + 1}/{len(spans)}: {brief(account)}")
            total.update({key: account[key] for key in SUMMED})
            wrong += bad
        return verdict_of(total, wrong, influx=self.influx and given.influxd is not None)

    def episode(
        self, given: Given, folder: Path, turn: int, span_s: float
    ) -> tuple[dict[str, Any], list[str]]:
        """Play one city and return (account, all that is wrong); keep both in its folder."""
        seed = f"{given.seed}/{self.name}/{turn}"
        plan = self.plan(span_s, given.influxd if self.influx else None)
        with at_work(folder, seed, plan) as stage:
            account, wrong = play(stage, seed, plan)
            if len(stage.kills) >= SETTLED_COUNT:
                wrong += idle(stage.kills, sum(plan.blows.values()) // 2)
            (folder / "account.json").write_text(json.dumps(account), "utf-8")
            if wrong:
                (folder / "wrong.txt").write_text(told(stage, account, wrong), "utf-8")
        return account, wrong

    def plan(self, span_s: float, influxd: str | None) -> Plan:
        """Return what is done in ``span_s`` seconds."""
        crowd = max(round(span_s * self.per_s / 5) - 4, 4)
        kinds = {k: s for k, s in self.every_s.items() if k != "influxd" or influxd}
        return Plan(
            size=Size(span_s=span_s, step_s=self.fast_s, crowd=crowd, escalate_s=90.0),
            broker=self.broker,
            blows={kind: max(round(span_s / s), 1) for kind, s in kinds.items()},
            down_s=self.down_s,
            quiet_s=self.quiet_s,
            influxd=influxd,
            hub_before=self.hub_before,
        )


def episodes(seconds: float) -> list[float]:
    """Return the spans of the episodes that fit into ``seconds``; one at least."""
    count = max(round(seconds / (LONGEST_S + AROUND_S)), 1)
    return [max(seconds / count - AROUND_S, SHORTEST_S)] * count


def brief(account: dict[str, Any]) -> str:
    """Return an account in one line."""
    return (
        f"{account['receipted']:,} receipted, {account['lost']} lost, "
        f"{account['notified']}/{account['incidents']} incidents told, "
        f"blows {account['blows']} in {account['seconds']} s"
    )


def verdict_of(total: Counter[str], wrong: list[str], *, influx: bool = False) -> Verdict:
    """Return the verdict of a row that played cities."""
    stores = "log and InfluxDB" if influx else "log"
    figure = (
        f"{total['lost']} of {total['receipted']:,} lost from the {stores}; "
        f"{total['notified']:,} of {total['incidents']:,} incidents told; "
        f"{total['duplicates']} of {total['sms']:,} SMS twice; {total['kills']} kills"
    )
    said = "; ".join(wrong[:4])
    return Verdict(
        figure=f"{figure}; WRONG: {said}" if wrong else figure,
        passed=not wrong,
        numbers={key: float(total[key]) for key in SUMMED},
    )


REQUIRED: Final = (
    "nothing receipted lost, nothing twice or changed; each incident told; "
    "at most one SMS twice per kill of the hub"
)
KILLED: Final = Mixed(
    name="killed anywhere",
    number=1,
    fault="kill -9 of hub, nodes, nats-server and InfluxDB, provider misbehaving",
    required=REQUIRED,
    weight=6.0,
    influx=True,
    every_s={"hub": 12.0, "node": 18.0, "broker": 24.0, "influxd": 26.0},
)
KILLED_MOSQUITTO: Final = Mixed(
    name="killed behind mosquitto",
    number=1,
    fault="the same behind mosquitto",
    required=REQUIRED,
    weight=3.0,
    broker="mosquitto",
    every_s={"hub": 12.0, "node": 18.0, "broker": 24.0},
)
WIPED: Final = Mixed(
    name="broker wiped",
    number=6,
    fault="broker killed and all it had deleted (nats-server), hub killed between",
    required="nothing receipted lost; each incident told",
    weight=1.5,
    every_s={"wiped": 12.0, "hub": 30.0},
    down_s=(0.5, 3.0),
)
WIPED_MOSQUITTO: Final = Mixed(
    name="mosquitto wiped",
    number=6,
    fault="the same with mosquitto",
    required="nothing receipted lost; each incident told",
    weight=1.0,
    broker="mosquitto",
    every_s={"wiped": 12.0, "hub": 30.0},
    down_s=(0.5, 3.0),
)
STOPPED: Final = Mixed(
    name="hub stopped",
    number=33,
    fault="hub stopped (SIGSTOP) for 3 to 8 s again and again, then goes on",
    required="nothing receipted lost; each incident told; no SMS twice",
    weight=1.0,
    every_s={"stopped": 14.0},
    down_s=(3.0, 8.0),
)
