"""The production stack on the labelled bench: one table, each line beside the best baseline.

    make bench-detect DATA=DIR [ARGS="--sets fire,flood --out DIR"]

DIR holds the bench's own driver (run.py), scorer (score.py), data and stored baselines.
The driver and the scorer are run as they are; this file only reads what they say.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("run.py", "score.py", "data/dev")
SETS = ("flood", "fire", "lro", "inject", "nab", "skab", "gecco", "batadal")
COST_US = 25.0


def main() -> int:
    """Run, score and print; 2 when the data folder is not the bench."""
    wanted = arguments()
    missing = [name for name in NEEDED if not (wanted.data / name).exists()]
    if missing:
        print(f"bench-detect: {wanted.data} lacks {', '.join(missing)}", file=sys.stderr)
        return 2
    sets = ",".join(wanted.sets)
    out = wanted.out.resolve()
    if not wanted.score_only:
        call(wanted.data, "run.py", "hub.detect.bench:factory", str(out), "--sets", sets)
    scored = out / "scored.json"
    call(wanted.data, "score.py", str(out), "--sets", sets, "--sweep", "--json", str(scored))
    results = json.loads(scored.read_text())
    timing = json.loads((out / "timing.json").read_text())["sets"]
    print(table(results, timing, baselines(wanted.data / "results"), leads(wanted.data, out, sets)))
    return 0


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of the bench")
    parser.add_argument("--out", type=Path, default=Path("build/bench-detect"))
    parser.add_argument("--sets", type=lambda text: text.split(","), default=list(SETS))
    parser.add_argument("--score-only", action="store_true", help="score what is in --out")
    return parser.parse_args()


def call(data: Path, script: str, *given: str) -> None:
    """Run one of the bench's own programs, from here, so that it finds the hub."""
    subprocess.run([sys.executable, str(data / script), *given], cwd=ROOT, check=True)


def baselines(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the stored results of other detectors by name."""
    found = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
    return {name: result for name, result in found.items() if name != "nab_published_detectors"}


def best(others: dict[str, dict[str, Any]], measure: Callable[[dict[str, Any]], float]) -> str:
    """Return the largest ``measure`` of the baselines, with its name."""
    values = []
    for name, result in others.items():
        try:
            values.append((float(measure(result)), name))
        except (KeyError, TypeError):
            continue
    values = [pair for pair in values if pair[0] == pair[0]]
    return "{:.1f} ({})".format(*max(values)) if values else "-"


def leads(data: Path, out: Path, sets: str) -> dict[str, float]:
    """Return the median lead of fires in seconds, which the scorer gives in minutes only."""
    if "fire" not in sets.split(","):
        return {}
    sys.path.insert(0, str(data))
    import score  # noqa: PLC0415  the bench's own

    root, found = data / "data" / "dev", []
    meta, labels = score.load_set(root, "fire")
    for name, one in meta.items():
        times, _, alarm = score.read_out(out, "fire", name, one["n"])
        events, ignore = score.parse_labels(labels[name])
        stats = score.event_stats(times, alarm, events, ignore, one["warmup"], one["interval_s"])
        found += [row["lead_s"] or 0.0 for row in stats["rows"]]
    return {"fire": float(np.median(found))}


def table(
    results: dict[str, Any],
    timing: dict[str, Any],
    others: dict[str, dict[str, Any]],
    lead: dict[str, float],
) -> str:
    """Return the lines of the goal as Markdown: ours, the best baseline, the goal."""
    rows = [("measure", "stack", "best baseline", "goal"), ("---",) * 4]
    if "flood" in results:
        rows += flood(results["flood"], others)
    if "fire" in results:
        events = results["fire"]["events"]
        rows += [
            ("fires found", f"{events['detected']} of {events['events']}", "19 of 19", "all"),
            ("before half of the alarms, %", f"{events['warned_pct']:.1f}", "-", "90"),
            ("median lead, s", f"{lead['fire']:.0f}", "8 (ewma), 3 (local_trend)", "20"),
            ("false alarms, quiet nights", str(events["false_alarms"]), "0", "0"),
        ]
    for name in ("lro", "inject", "skab", "gecco", "batadal"):
        if name in results:
            rows += faults(name, results[name], others)
    if "nab" in results:
        rows += board(results["nab"], others)
    us = timing["all"]["us_per_reading"]
    rows.append(("cost, us a reading, one series", f"{us:.0f}", "-", f"{COST_US:.0f}"))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def flood(result: dict[str, Any], others: dict[str, dict[str, Any]]) -> list[tuple[str, ...]]:
    """Return the lines of the floods."""
    events = result["events"]

    def quiet(other: dict[str, Any]) -> float:
        return float(other["flood"]["events"]["warned_pct"])

    return [
        ("floods warned, %", f"{events['warned_pct']:.1f}", best(others, quiet), "100"),
        ("share of the time used, %", f"{100 * events['lead_share']:.1f}", "24 (line)", "60"),
        ("false per sensor-month", f"{events['fa_per_sensor_month']:.3f}", "0.27 (line)", "0.2"),
    ]


def faults(
    name: str, result: dict[str, Any], others: dict[str, dict[str, Any]]
) -> list[tuple[str, ...]]:
    """Return the lines of one set of events: own alarms, and at most 0.5 false."""
    events, sweep = result["events"], result["sweep"].get("0.5")
    goal = "80" if name in ("lro", "inject") else "reported"
    own = f"{100 * events['recall']:.1f} at {events['fa_per_sensor_month']:.2f}"
    at = f"{100 * sweep['recall']:.1f}" if sweep else "none that quiet"

    def other(one: dict[str, Any]) -> float:
        return 100 * float(one[name]["sweep"]["0.5"]["recall"])

    lines = [(f"{name} own alarms, % at false per month", own, "-", goal)]
    lines.append((f"{name} at 0.5, score, %", at, best(others, other), goal))
    kinds = result.get("by_kind", {})
    if kinds and name != "skab":
        told = ", ".join(f"{k} {v['detected']}/{v['events']}" for k, v in kinds.items())
        lines.append((f"{name} by kind", told, "-", "-"))
    if name == "inject":
        lines.append(("delay of steps, readings", delay(result), "-", "4"))
    return lines


def delay(result: dict[str, Any]) -> str:
    """Return the median delay of found steps at 15 minutes a reading."""
    minutes = result["by_kind"]["step"]["delay_min"]
    return "-" if minutes is None else f"{minutes / 15:.1f}"


def board(result: dict[str, Any], others: dict[str, dict[str, Any]]) -> list[tuple[str, ...]]:
    """Return the lines of the public board."""
    one, own = result["nab_best"]["standard"], result["nab_alarm"]["standard"][0]

    def top(other: dict[str, Any]) -> float:
        return float(other["nab"]["nab_best"]["standard"][0])

    def alarms(other: dict[str, Any]) -> float:
        return float(other["nab"]["nab_alarm"]["standard"][0])

    return [
        ("NAB, one threshold", f"{one[0]:.1f} (t={one[1]:.4g})", best(others, top), "76"),
        ("NAB, own alarms", f"{own:.1f}", best(others, alarms), "70"),
    ]


if __name__ == "__main__":
    sys.exit(main())
