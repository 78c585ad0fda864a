"""How honest the flood forecast's chance and interval are, counted when a warning is raised.

    python -m bench.detect.coverage DIR

Each warning below the danger level says a chance, and when the level would be crossed.
Of those followed by a crossing within two days: how many crossed inside the interval
(80 % is promised), and how far the middle was off. Per chance: how many crossed at all.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from hub.detect.bench import factory
from hub.model.transition import Change, Transition

LATEST_S: Final = 172_800.0
SAID: Final = ((0.0, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 1.0))


def main() -> int:
    """Run the six gauges and print what came of each warning; 2 when there is no bench."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of the bench")
    root = parser.parse_args().data / "data" / "dev" / "flood"
    if not (root / "series.json").exists():
        print(f"coverage: {root} is not there", file=sys.stderr)
        return 2
    rows = []
    for name, meta in sorted(json.loads((root / "series.json").read_text()).items()):
        rows += warnings(root / f"{name}.csv.gz", meta)
    frame = pd.DataFrame(rows, columns=["gauge", "chance", "came_s", "low_s", "mid_s", "high_s"])
    report(frame)
    return 0


def warnings(path: Path, meta: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Return (gauge, chance, seconds to the crossing or NaN, forecast low, middle, high)."""
    data = pd.read_csv(path)
    times = pd.DatetimeIndex(pd.to_datetime(data["time"], utc=True)).as_unit("ns").asi8 / 1e9
    results, danger = data["value"].to_numpy(float), float(meta["danger_level"])
    heard: list[Transition] = []
    detector = factory(meta)
    detector.listen(heard.append)
    for at, result in zip(times.tolist(), results.tolist(), strict=True):
        detector.update(at, result)
    over = times[results >= danger]
    found = []
    for step in heard:
        why = step.evidence
        if why.detector != "forecast" or step.change is not Change.RAISED or why.eta_s is None:
            continue
        at = step.time_us / 1e6
        if (why.value or 0.0) >= danger or at < times[min(meta["warmup"], len(times) - 1)]:
            continue
        next_s = over[over > at][:1] - at
        came = float(next_s[0]) if len(next_s) and next_s[0] <= LATEST_S else np.nan
        chance = float(str(why.parameters["odds"]))
        found.append((meta["name"], chance, came, why.eta_low_s, why.eta_s, why.eta_high_s))
    return found


def report(frame: pd.DataFrame) -> None:
    """Print coverage and calibration, over all gauges and for each."""
    crossed = frame[frame["came_s"].notna()]
    inside = (crossed["came_s"] >= crossed["low_s"]) & (crossed["came_s"] <= crossed["high_s"])
    print(f"warnings {len(frame)}, crossed {len(crossed)}, inside {100 * inside.mean():.0f} %")
    ratio = crossed["came_s"] / crossed["mid_s"]
    low, mid, high = ratio.quantile([0.1, 0.5, 0.9])
    print(f"real over foreseen time: 80 % within {low:.2f} to {high:.2f}, median {mid:.2f}")
    for gauge in crossed["gauge"].unique():
        rest, own = ratio[crossed["gauge"] != gauge], ratio[crossed["gauge"] == gauge]
        low, high = rest.quantile([0.1, 0.9])
        print(
            f"  limits without {gauge}: {low:.2f} to {high:.2f} hold {own.between(low, high).sum()}"
        )
    for gauge, part in inside.groupby(crossed["gauge"]):
        print(f"  {gauge}: inside {int(part.sum())} of {len(part)}")
    for low, high in SAID:
        part = frame[(frame["chance"] >= low) & (frame["chance"] < high)]
        if len(part):
            came = 100 * part["came_s"].notna().mean()
            print(
                f"  said {100 * part['chance'].mean():.0f} %: {came:.0f} % of {len(part)} crossed"
            )


if __name__ == "__main__":
    sys.exit(main())
