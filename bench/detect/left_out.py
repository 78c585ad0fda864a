"""Constants of the surprise detector chosen with each site left out: the figure that counts.

    python -m bench.detect.left_out DIR [--rarities 4.4,4.5,...]

All series of lro and inject go through one detector together, a column of readings at a
time, once for every choice of constants. For each site the best choice on all other
sites (most events at no more than 0.5 false alarms a sensor-month in both sets) is
scored on that site; the sum over sites is printed beside the plain figures.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from hub.detect.surprise import Surprise, SurpriseSettings
from hub.instant import MICROSECONDS
from hub.model.network import Datastream
from hub.model.observation import Batch, Lateness, Quality
from hub.model.rule import Rule
from hub.model.transition import Change, Transition

BUDGET: Final = 0.5
SETS: Final = ("lro", "inject")
SILENCES_S: Final = (28_800.0, 57_600.0)
WORLD: Final = ("surge", "shift")


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One labelled series; ``site`` is only used to leave it out."""

    group: str
    name: str
    site: str
    times_s: np.ndarray
    results: np.ndarray
    events: list[dict[str, Any]]
    ignore: list[tuple[float, float]]
    meta: dict[str, Any]


def main() -> int:
    """Run every choice, then choose with each site left out; 2 when there is no bench."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of the bench")
    parser.add_argument("--rarities", default="4.4,4.5,4.6,4.7,4.8")
    wanted = parser.parse_args()
    if not (wanted.data / "score.py").exists():
        print(f"left-out: {wanted.data} lacks score.py", file=sys.stderr)
        return 2
    sys.path.insert(0, str(wanted.data))
    import score  # noqa: PLC0415  the bench's own

    series = [one for group in SETS for one in read(wanted.data, group, score)]
    rarities = [float(text) for text in wanted.rarities.split(",")]
    choices = list(itertools.product(rarities, SILENCES_S))
    stats = {}
    for rarity, silence_s in choices:
        settings = SurpriseSettings(rarity=rarity, silence_s=silence_s)
        alarms, said = drive(series, settings)
        stats[rarity, silence_s] = [
            judged(score, one, alarm) for one, alarm in zip(series, alarms, strict=True)
        ]
        print(
            f"rarity {rarity} silence {silence_s:.0f} s: "
            + told(score, series, stats[rarity, silence_s])
        )
        if settings == SurpriseSettings():
            for line in confusion(series, said):
                print("   " + line)
    print("left out: " + told(score, series, left_out(score, series, stats)))
    return 0


def read(data: Path, group: str, score: Any) -> list[Series]:  # noqa: ANN401  the bench's module
    """Return the series of one set with their labels."""
    root = data / "data" / "dev"
    metas, labels = score.load_set(root, group)
    found = []
    for name, meta in sorted(metas.items()):
        frame = pd.read_csv(root / group / f"{name}.csv.gz")
        events, ignore = score.parse_labels(labels.get(name, {}))
        found.append(
            Series(
                group=group,
                name=name,
                site=meta.get("site", name.split("_")[0]),
                times_s=score.secs(frame["time"]),
                results=frame["value"].to_numpy(float),
                events=events,
                ignore=ignore,
                meta=meta,
            )
        )
    return found


def drive(
    series: list[Series], settings: SurpriseSettings
) -> tuple[list[np.ndarray], list[tuple[int, Transition]]]:
    """Return each series' alarms, and what was said with the series' number."""
    detector = Surprise(settings, Rule(name="surprise", detector="surprise"))
    for slot, one in enumerate(series):
        interval = float(one.meta["interval_s"])
        detector.bind(Datastream(slot=slot, site="", node="", name=str(slot), interval_s=interval))
    lengths = np.array([len(one.results) for one in series])
    alarms = [np.zeros(length, dtype=bool) for length in lengths]
    standing = np.zeros(len(series), dtype=bool)
    said, offset = [], 0
    for place in range(int(lengths.max())):
        slots = np.flatnonzero(lengths > place)
        batch = column(series, slots, place, offset)
        offset += len(slots)
        for step in detector.update(batch):
            standing[step.slot] = step.change is not Change.CLEARED
            said.append((place, step))
        for slot in slots[standing[slots]]:
            alarms[slot][place] = True
    return alarms, said


def column(series: list[Series], slots: np.ndarray, place: int, offset: int) -> Batch:
    """Return the readings number ``place`` of ``slots``."""
    times = np.array([round(series[s].times_s[place] * MICROSECONDS) for s in slots], np.int64)
    count = len(slots)
    numbers = np.arange(offset + 1, offset + 1 + count, dtype=np.int64)
    return Batch(
        offset=numbers,
        slot=slots.astype(np.int32),
        time_us=times,
        start_us=times,
        result=np.array([series[s].results[place] for s in slots]),
        quality=np.full(count, Quality.PASS, dtype=np.int8),
        lateness=np.full(count, Lateness.LIVE, dtype=np.int8),
        received_us=times,
        message=numbers,
    )


def judged(score: Any, one: Series, alarm: np.ndarray) -> dict[str, Any]:  # noqa: ANN401
    """Return the scorer's account of one series."""
    warmup, interval = one.meta["warmup"], one.meta["interval_s"]
    stats: dict[str, Any] = score.event_stats(
        one.times_s, alarm, one.events, one.ignore, warmup, interval
    )
    return stats


def figures(score: Any, stats: list[dict[str, Any]]) -> tuple[float, float]:  # noqa: ANN401
    """Return recall in percent and false alarms per sensor-month."""
    account = score.summarise(stats)
    return 100 * account["recall"], account["fa_per_sensor_month"]


def told(score: Any, series: list[Series], stats: list[dict[str, Any]]) -> str:  # noqa: ANN401
    """Return the figures of both sets in words."""
    parts = []
    for group in SETS:
        recall, false = figures(
            score, [s for one, s in zip(series, stats, strict=True) if one.group == group]
        )
        parts.append(f"{group} {recall:.1f} % at {false:.2f}")
    return ", ".join(parts)


def left_out(
    score: Any,  # noqa: ANN401
    series: list[Series],
    stats: dict[tuple[float, float], list[dict[str, Any]]],
) -> list[dict[str, Any]]:
    """Return each series' account under the choice made without its site."""
    chosen: list[dict[str, Any]] = [{}] * len(series)
    for site in sorted({one.site for one in series}):

        def merit(choice: tuple[float, float], site: str = site) -> float:
            pairs = [
                figures(
                    score,
                    [
                        s
                        for one, s in zip(series, stats[choice], strict=True)
                        if one.group == group and one.site != site
                    ],
                )
                for group in SETS
            ]
            worst = max(false for _, false in pairs)
            return sum(recall for recall, _ in pairs) if worst <= BUDGET else -worst

        best = max(stats, key=merit)
        for place, one in enumerate(series):
            if one.site == site:
                chosen[place] = stats[best][place]
    return chosen


def confusion(series: list[Series], said: list[tuple[int, Transition]]) -> list[str]:
    """Return, per kind of event, what the alarm that found it called it."""
    table: dict[str, Counter[str]] = {}
    for slot, one in enumerate(series):
        gap = 12 * float(one.meta["interval_s"])
        steps = [(p, s) for p, s in said if s.slot == slot and s.change is not Change.CLEARED]
        for event in one.events:
            found = [
                str(s.evidence.parameters["nature"])
                for p, s in steps
                if event["start"] - gap <= one.times_s[p] <= event["end"]
            ]
            nature = found[0] if found else "not found"
            kind = "world" if nature in WORLD else "sensor"
            called = nature if nature == "not found" else f"{kind}: {nature}"
            table.setdefault(f"{one.group} {event['kind']}", Counter())[called] += 1
    return [
        f"{kind}: " + ", ".join(f"{name} {count}" for name, count in counts.most_common())
        for kind, counts in sorted(table.items())
    ]


if __name__ == "__main__":
    sys.exit(main())
