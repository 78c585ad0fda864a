"""What joined series add: rain and upstream gauges to rivers, neighbouring rooms to fires.

    python -m bench.detect.joined DIR

The labelled bench feeds each series alone. Here the series of one river, or of one house,
go through the stack together, once with the sites declaring what bears on what and once
without. Rivers: the three gauges of the Aire (real; the danger levels and labels of the
bench), and a simulated catchment (storms of chance, rain as a gauge nearby would see it,
an upstream and a downstream gauge), because no recording with rain is at hand. Fires: the
rooms of each house together, then the same nights with cooking and steam put in.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from bench.detect.left_out import read
from bench.detect.rooms import fires
from hub.detect.bench import RULES, levels_of
from hub.detect.stack import HOLD_S, Stack
from hub.instant import MICROSECONDS
from hub.model.network import Datastream, Hazard, Level, Severity, Site
from hub.model.observation import Batch, Lateness, Quality
from hub.model.rule import Rule
from hub.model.transition import Change, Kind
from tocsin_edge.worlds.river import River, RiverSettings, Storm

STEP_S: Final = 300.0
DAYS: Final = 120
STORMS: Final = 90
SEEN: Final = 0.4  # how far a rain gauge is from the catchment's rain, in log units
RIVER_RULES: Final = tuple(r for r in RULES if r.detector in ("level", "forecast"))
UPSTREAM: Final = Rule(name="upstream", detector="upstream", severity=Severity.SEVERE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """One series of a river; ``labels`` are the events and what is not counted."""

    stream: Datastream
    times_s: np.ndarray
    results: np.ndarray
    events: list[dict[str, Any]] = field(default_factory=list)
    ignore: list[tuple[float, float]] = field(default_factory=list)
    warmup: int = 0


def main() -> int:
    """Run rivers and fires and print what joining brings; 2 when there is no bench."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of the bench")
    data = parser.parse_args().data
    if not (data / "score.py").exists():
        print(f"joined: {data} lacks score.py", file=sys.stderr)
        return 2
    sys.path.insert(0, str(data))
    import score  # noqa: PLC0415  the bench's own

    compare(score, "Aire, real, upstream gauges", aire(data, score), {"bridge": ("head",)})
    for seed in (1, 2):
        given = catchment(seed)
        for name, drop in (("rain", "stage-up"), ("upstream gauge", "rain")):
            kept = [one for one in given if one.stream.name != drop]
            compare(score, f"simulated {seed}, {name}", kept, {"bridge": ("head",)})
    fires(data, score)
    return 0


def compare(score: Any, name: str, given: list[Joined], above: dict[str, tuple[str, ...]]) -> None:  # noqa: ANN401
    """Print the figures of the downstream gauges alone, then joined."""
    for words, upstream in (("alone ", {}), ("joined", above)):
        alarms = drive(given, upstream)
        stats = [
            score.event_stats(one.times_s, alarms[one.stream.slot], one.events, one.ignore,
                              one.warmup, one.stream.interval_s)
            for one in given if one.stream.site == "bridge" and one.stream.levels
        ]  # fmt: skip
        account = score.summarise(stats)
        print(
            f"{name:32} {words} {account['warned_pct']:5.1f} % of {account['danger_events']} "
            f"warned, {100 * account['lead_share']:.1f} % of the time, median "
            f"{account['lead_min']:.0f} min, {account['false_alarms']} false = "
            f"{account['fa_per_sensor_month']:.2f} a sensor-month",
            flush=True,
        )


def drive(given: list[Joined], above: dict[str, tuple[str, ...]]) -> dict[int, np.ndarray]:
    """Return where a page for each series stands, all series through one stack in time."""
    names = sorted({one.stream.site for one in given})
    sites = {
        name: Site(id=name, name_en=name, name_zh=name, latitude=0, longitude=0,
                   upstream=above.get(name, ()))
        for name in names
    }  # fmt: skip
    stack = Stack((*RIVER_RULES, UPSTREAM) if above else RIVER_RULES, sites)
    for one in given:
        stack.bind(one.stream)
    whole, places = merged(given)
    alarms = {one.stream.slot: np.zeros(len(one.results), bool) for one in given}
    standing: dict[int, set[str]] = {one.stream.slot: set() for one in given}
    for row in range(len(whole)):
        said = stack.update(whole.take(np.array([row])))
        after_us = int(whole.time_us[row]) + round(HOLD_S * MICROSECONDS)
        if stack.due(after_us):
            said = said + stack.control("tick", after_us, int(whole.offset[row]), {})
        for step in said:
            if step.kind is not Kind.WORLD or step.slot not in standing:
                continue
            grave = step.severity.rank >= Severity.SEVERE.rank
            if step.change is Change.CLEARED or not grave:
                standing[step.slot].discard(step.key)
            else:
                standing[step.slot].add(step.key)
        slot = int(whole.slot[row])
        alarms[slot][places[row]] = bool(standing[slot])
    return alarms


def merged(given: list[Joined]) -> tuple[Batch, np.ndarray]:
    """Return all series in order of time, and each row's place in its own series."""
    slots = np.concatenate([np.full(len(g.results), g.stream.slot, np.int32) for g in given])
    times_s = np.concatenate([g.times_s for g in given])
    order = np.lexsort((slots, times_s))
    times = np.round(times_s[order] * MICROSECONDS).astype(np.int64)
    places = np.concatenate([np.arange(len(g.results)) for g in given])[order]
    results = np.concatenate([g.results for g in given])[order]
    count, offset = len(order), np.arange(1, len(order) + 1, dtype=np.int64)
    batch = Batch(
        offset=offset, slot=slots[order], time_us=times, start_us=times, result=results,
        quality=np.full(count, Quality.PASS, np.int8), received_us=times,
        lateness=np.full(count, Lateness.LIVE, np.int8), message=offset,
    )  # fmt: skip
    return batch, places


def aire(data: Path, score: Any) -> list[Joined]:  # noqa: ANN401
    """Return the three gauges of one river: Apperley Bridge above the two of Leeds."""
    found = [one for one in read(data, "flood", score) if one.name.startswith("aire")]
    return [
        Joined(
            stream=gauge(slot, "head" if "L1602" in one.name else "bridge", one.name,
                         levels_of(one.meta), float(one.meta["interval_s"])),
            times_s=one.times_s, results=one.results, events=one.events, ignore=one.ignore,
            warmup=int(one.meta["warmup"]),
        )
        for slot, one in enumerate(found)
    ]  # fmt: skip


def gauge(
    slot: int, site: str, name: str, levels: tuple[Level, ...], interval_s: float
) -> Datastream:
    """Return a declared river gauge."""
    return Datastream(
        slot=slot, site=site, node=name, name=name, observed_property="river_level", unit="m",
        hazard=Hazard.FLOOD, interval_s=interval_s, levels=levels, declared=True,
    )  # fmt: skip


def catchment(seed: int) -> list[Joined]:
    """Return rain, an upstream and a downstream gauge of four months of chance storms."""
    chance = np.random.default_rng(seed)
    starts = np.sort(chance.uniform(0, DAYS * 86_400, STORMS))
    lasts, depths = chance.uniform(1800, 14_400, STORMS), chance.gamma(1.2, 9.0, STORMS)
    errors = np.exp(SEEN * chance.standard_normal(STORMS))
    storms = list(zip(starts, lasts, depths, errors, strict=True))
    fell = tuple(Storm(start_s=s, duration_s=d, depth_mm=mm) for s, d, mm, _ in storms)
    seen = tuple(Storm(start_s=s, duration_s=d, depth_mm=mm * e) for s, d, mm, e in storms)
    times = np.arange(0, DAYS * 86_400, STEP_S)
    fallen = np.zeros(len(times))
    for storm in seen:
        fallen += [storm.fallen_mm(float(t)) for t in times]
    noise = 0.004 * chance.standard_normal((2, len(times)))
    small = RiverSettings(storm=fell, area_km2=15.0, reservoir_s=2400.0)
    large = RiverSettings(
        storm=fell, area_km2=60.0, reservoir_s=7200.0, reservoirs=4, rating=9.0, base_m3_s=3.0
    )
    up, down = stages(times, small) + noise[0], stages(times, large) + noise[1]
    rain = Datastream(
        slot=0, site="bridge", node="rain", name="rain", observed_property="rain", unit="mm",
        hazard=Hazard.FLOOD, interval_s=STEP_S, declared=True,
    )  # fmt: skip
    levels_up, levels_down = levels(up), levels(down)
    events, ignore = labelled(times, down, levels_down)
    return [
        Joined(stream=rain, times_s=times, results=np.diff(fallen, prepend=fallen[0])),
        Joined(stream=gauge(1, "head", "stage-up", levels_up, STEP_S), times_s=times, results=up),
        Joined(stream=gauge(2, "bridge", "stage", levels_down, STEP_S), times_s=times,
               results=down, events=events, ignore=ignore, warmup=864),
    ]  # fmt: skip


def stages(times: np.ndarray, settings: RiverSettings) -> np.ndarray:
    """Return the level of a simulated river; its own memory ends after 30 days."""
    parts, month = [], 25 * 86_400.0
    for start in np.arange(0, times[-1] + 1, month):
        lead = start - 4 * 86_400
        storms = tuple(
            replace(storm, start_s=storm.start_s - lead)
            for storm in settings.storm
            if lead <= storm.start_s < start + month
        )
        one = River(replace(settings, storm=storms))
        here = times[(times >= start) & (times < start + month)]
        parts.append(np.array([one.stage_m(float(t - start) + 4 * 86_400) for t in here]))
    return np.concatenate(parts)


def levels(x: np.ndarray) -> tuple[Level, ...]:
    """Return a danger level that is passed about a dozen times, and the watch level below it."""
    peaks = np.sort([part.max() for part in np.array_split(x, DAYS) if len(part)])[::-1]
    danger, dry = float(peaks[12]), float(np.median(x))
    return levels_of({"danger_level": danger, "watch_level": danger - 0.3 * (danger - dry)})


def labelled(
    times: np.ndarray, x: np.ndarray, given: tuple[Level, ...]
) -> tuple[list[dict[str, Any]], list[tuple[float, float]]]:
    """Return events and what is not counted, as the bench's own labels were made."""
    watch, danger = (float(level.above or 0.0) for level in given)
    events, ignore, place = [], [], 0
    while place < len(x):
        if x[place] < watch:
            place += 1
            continue
        end = place + int(np.argmax(np.r_[x[place:] < watch - 0.1 * (danger - watch), True]))
        peak = place + int(np.argmax(x[place:end]))
        if x[peak] >= danger:
            events.append(event(times, x, place, peak, danger))
            ignore.append((times[peak], times[min(end, len(x) - 1)]))
        else:
            ignore.append((times[max(place - 72, 0)], times[min(end, len(x) - 1)]))
        place = end
    return events, ignore


def event(times: np.ndarray, x: np.ndarray, place: int, peak: int, danger: float) -> dict[str, Any]:
    """Return one event: from the last reading in the lowest tenth of its rise to its peak."""
    before = slice(max(place - 144, 0), place + 1)
    low = before.start + int(np.argmin(x[before]))
    calm = np.flatnonzero(x[low : place + 1] <= x[low] + 0.1 * (danger - x[low]))
    start = times[low + int(calm[-1])]
    over = place + int(np.argmax(x[place : peak + 1] >= danger))
    return {"start": start, "onset": start, "danger": times[over], "end": times[peak],
            "kind": "flood"}  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
