"""From the sensor to a person: on a clean night, and with the hub killed midway."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ordeal.city import Size
from ordeal.episode import Plan, at_work, play, rest, seeded, told
from ordeal.rows.mixed import SUMMED
from ordeal.rows.outage import p99
from ordeal.strikes import Strike
from ordeal.verdict import Verdict

if TYPE_CHECKING:
    from ordeal.stage import Stage
    from ordeal.verdict import Given

AROUND_S: Final = 20.0
PER_S: Final = 5.0  # incidents
WARM_S: Final = 3.0  # after the last node was started
CLEAN_S: Final = 1.0
KILLED_S: Final = 10.0
EVERY_S: Final = 5.0
DOWN_S: Final = 0.3  # a service manager's pause
STEP_S: Final = 1.0  # between two values of a sensor
JUST_S: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """A city of urgent dangers; ``killed``: the hub is killed when one is sensed and not told.

    What is counted goes from the instant the sensor had the value to the instant the
    provider had the page: it contains the node, its disk, the broker and half a second at
    most until the sensor is read again, so it is longer than arrival to provider call.
    """

    name: str
    fault: str
    required: str
    killed: bool
    most_s: float
    number: int = 1
    weight: float = 1.0

    def __call__(self, given: Given) -> Verdict:
        """Play it and measure."""
        span_s = max(given.seconds - AROUND_S, 25.0)
        crowd = max(round(span_s * PER_S / 2) - 4, 8)
        size = Size(span_s=span_s, crowd=crowd, crowd_step_s=STEP_S, urgent_only=True)
        plan = Plan(size=size, troubled=False)
        seed = f"{given.seed}/{self.name}"
        with at_work(given.folder, seed, plan) as stage:
            if self.killed:
                kill_midway(stage, seed, span_s)
            account, wrong = rest(stage) if self.killed else play(stage, seed, plan)
            downs = [stage.began_wall_s + kill.at_s for kill in stage.kills]
            sensed = warm(account["told"], stage.opened_wall_s + WARM_S)
            counted = midway(sensed, downs) if self.killed else sensed
            seconds = [after for _, after in counted]
            if not seconds or p99(seconds) > self.most_s:
                wrong.append(f"p99 {p99(seconds):.2f} s, {self.most_s:g} s allowed")
            (given.folder / "account.json").write_text(json.dumps(account), "utf-8")
            if wrong:
                (given.folder / "wrong.txt").write_text(told(stage, account, wrong), "utf-8")
        return verdict_of(account, wrong, seconds)


def kill_midway(stage: Stage, seed: str, span_s: float) -> None:
    """Kill the hub again and again, each time just after sensors were read."""
    dice = seeded(seed)
    began_s = int(stage.scene.clock.split(",")[0]) / 1e6
    at_s = 6.0
    while at_s < span_s - 5.0:
        stage.until(lambda due_s=at_s: stage.now_s >= due_s, span_s)
        stage.until(lambda: (time.time() - began_s) % STEP_S < JUST_S, 2 * STEP_S)
        stage.rest(dice.uniform(0.0, 0.1))
        stage.strike(Strike(at_s=at_s, kind="hub", down_s=DOWN_S), dice)
        at_s += EVERY_S


def warm(told_: list[list[float]], from_s: float) -> list[list[float]]:
    """Return those of (when, how long after) once every node was up, without forecasts."""
    return [[at, after] for at, after in told_ if at >= from_s and after > 0]


def midway(told_: list[list[float]], downs: list[float]) -> list[list[float]]:
    """Return those of (when, how long after) that were on their way, or came, as the hub fell."""
    return [
        [at, after]
        for at, after in told_
        if any(at - DOWN_S <= down <= at + after for down in downs)
    ]


def verdict_of(account: dict[str, Any], wrong: list[str], seconds: list[float]) -> Verdict:
    """Return the verdict."""
    ordered = sorted(seconds) or [float("nan")]
    figure = (
        f"p99 {p99(seconds):.2f} s, median {ordered[len(ordered) // 2]:.2f} s of {len(seconds)} "
        f"pages; {account['kills']} kills; {account['notified']} of {account['incidents']} told"
    )
    said = "; ".join(wrong[:4])
    return Verdict(
        figure=f"{figure}; WRONG: {said}" if wrong else figure,
        passed=not wrong,
        numbers={key: float(account[key]) for key in SUMMED},
    )


CLEAN: Final = Latency(
    name="page clean",
    fault="none: a clean night",
    required="sensed to provider call p99 at most 1 s",
    killed=False,
    most_s=CLEAN_S,
)
MIDWAY: Final = Latency(
    name="page killed midway",
    fault="the hub killed between sensing and page, restarted at once",
    required="sensed to provider call p99 at most 10 s where a kill came between",
    killed=True,
    most_s=KILLED_S,
)
