"""Row 8: InfluxDB is down for hours of the hub's clock while data and dangers go on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ordeal.city import Size
from ordeal.episode import Plan, at_work, rest, told
from ordeal.rows.mixed import SUMMED
from ordeal.verdict import Verdict

if TYPE_CHECKING:
    from ordeal.stage import Stage
    from ordeal.verdict import Given

AROUND_S: Final = 30.0
DOWN_SHARE: Final = 0.6  # of the span: before and after it InfluxDB is up
RATE: Final = 240.0
WITHIN_S: Final = 2.0  # a page may take so long while InfluxDB is down
STEP_S: Final = 0.25
NO_INFLUXD: Final = "InfluxDB: not proven here (run .ci/influxd, or set TOCSIN_INFLUXD)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A city whose clock runs ``RATE`` times as fast, and its InfluxDB killed for most of it."""

    name: str = "influxdb down"
    number: int = 8
    fault: str = "InfluxDB killed and away for hours of the hub's clock"
    required: str = (
        "nothing lost, all in InfluxDB afterwards; each incident told, and as soon as before"
    )
    weight: float = 1.5

    def __call__(self, given: Given) -> Verdict:
        """Take it away, bring it back, and compare."""
        if given.influxd is None:
            reason = (
                "InfluxDB: not proven here (no influxd: run .ci/influxd, or set TOCSIN_INFLUXD)"
            )
            return Verdict(figure="", passed=False, skipped=reason)
        span_s = max(given.seconds - AROUND_S, 25.0)
        size = Size(span_s=span_s, step_s=STEP_S, crowd=12, rate=RATE, escalate_s=60.0)
        plan = Plan(size=size, troubled=False, influxd=given.influxd)
        seed = f"{given.seed}/{self.name}"
        with at_work(given.folder, seed, plan) as stage:
            down = take_away(stage, span_s)
            account, wrong = rest(stage)
            began, ended = stage.began_wall_s + down[0], stage.began_wall_s + down[1]
            counted = [one for one in account["told"] if one[1] > 0]  # without forecasts
            within = [after for at, after in counted if began <= at < ended]
            without = [after for at, after in counted if not began <= at < ended]
            if not within or p99(within) > WITHIN_S:
                wrong.append(f"p99 {p99(within):.2f} s to a person while InfluxDB was down")
            (given.folder / "account.json").write_text(json.dumps(account), "utf-8")
            if wrong:
                (given.folder / "wrong.txt").write_text(told(stage, account, wrong), "utf-8")
        return verdict_of(account, wrong, (down[1] - down[0]) * RATE / 3600, within, without)


def take_away(stage: Stage, span_s: float) -> tuple[float, float]:
    """Kill InfluxDB and leave it away for most of ``span_s``; return from when to when."""
    stage.until(lambda: stage.now_s >= span_s * (1 - DOWN_SHARE) / 2, span_s)
    began_s = stage.now_s
    stage.down("influxd", span_s * DOWN_SHARE)
    stage.until(lambda: stage.now_s >= began_s + span_s * DOWN_SHARE, span_s)
    return began_s, stage.now_s


def verdict_of(
    account: dict[str, Any], wrong: list[str], hours: float, within: list[float], rest_: list[float]
) -> Verdict:
    """Return the verdict."""
    points = (account["influx"] or {}).get("points", 0)
    figure = (
        f"away {hours:.1f} h of the hub's clock; {account['lost']} of {account['receipted']:,} "
        f"lost, {points:,} in InfluxDB in the end; {account['notified']} of "
        f"{account['incidents']} told; p99 sensed to person {p99(within):.2f} s while away, "
        f"{p99(rest_):.2f} s before and after"
    )
    said = "; ".join(wrong[:4])
    numbers = {key: float(account[key]) for key in SUMMED}
    return Verdict(
        figure=f"{figure}; WRONG: {said}" if wrong else figure,
        passed=not wrong,
        numbers={**numbers, "kills": numbers["kills"] + 1},
    )


def p99(seconds: list[float]) -> float:
    """Return the 99th percentile (the slowest of less than a hundred), nan for none."""
    ordered = sorted(seconds)
    return ordered[min(int(len(ordered) * 0.99), len(ordered) - 1)] if ordered else float("nan")


INFLUX_DOWN: Final = Outage()
