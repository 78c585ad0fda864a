"""Microseconds per observation of the shipped rules: one stream, and 10,000 streams.

``python -m bench.detect_cost`` feeds the stack of detectors that config/rules.toml
builds, warm and with a baseline for every stream, with batches of one and of a thousand;
then the factory of the labelled bench, one reading at a time. Nothing else runs: no log, no
quality tests, no threads. ``--river PYTHON`` measures two detectors of the library river on
the factory's series in the same run; PYTHON is an interpreter that has it (the project does
not): ``python -m venv DIR && DIR/bin/pip install river``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

import numpy as np

from bench.load import load_tables, middle
from bench.rig import commit
from bench.town import CONFIG
from hub.config import read_config
from hub.detect.bench import factory
from hub.detect.stack import Stack
from hub.model.network import Datastream, Hazard, Level, Severity, Site
from hub.model.observation import Batch, Lateness, Quality

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from hub.model.rule import Rule

MANY: Final = 10_000
WARM_UP: Final = 128
ALONE: Final = 20_000
SECOND_US: Final = 1_000_000
START_US: Final = 1_790_000_000 * SECOND_US
NOISE: Final = 0.001
FIT: Final = {
    "gain": 0.05, "phi": 0.2, "limit": 20.0, "interval_s": 1.0, "season": [0.0] * 24, "at_us": 0,
}  # fmt: skip


def streams_of(count: int, interval_s: float = 1.0) -> tuple[list[Datastream], NDArray[np.float64]]:
    """Return ``count`` datastreams like the shipped ones, and the usual value of each."""
    tables = load_tables(CONFIG, count)
    streams = [
        Datastream(
            slot=slot, site=f"site-{slot % 97}", node=f"node-{slot // 20}", name=table["name"],
            observed_property=table["property"], unit=table["unit"], room=table["room"],
            hazard=Hazard(table.get("hazard", "other")), interval_s=interval_s, upload_s=1.0,
            levels=tuple(level_of(level) for level in table.get("level", ())), declared=True,
        )
        for slot, table in enumerate(tables)
    ]  # fmt: skip
    return streams, np.array([middle(table) for table in tables])


def level_of(table: dict[str, object]) -> Level:
    """Return a level from its TOML table."""
    known = {k: v for k, v in table.items() if k in {"name", "above", "below", "hysteresis"}}
    return Level(severity=Severity(str(table["severity"])), **known)  # type: ignore[arg-type]


def stack_of(rules: Sequence[Rule], streams: Sequence[Datastream]) -> Stack:
    """Return the shipped rules bound to ``streams``."""
    names = {stream.site for stream in streams}
    sites = {n: Site(id=n, name_en=n, name_zh=n, latitude=30.12, longitude=119.93) for n in names}
    stack = Stack(rules, sites)
    for stream in streams:
        stack.bind(stream)
    return stack


class Feed:
    """Readings of all streams in turn, ``step_us`` of data time between two of one stream."""

    def __init__(self, usual: NDArray[np.float64], step_us: int) -> None:
        self._usual, self._step_us = usual, step_us
        self._chance = np.random.default_rng(7)
        self._offset = 0
        self.now_us = START_US

    def batches(self, turns: int, size: int) -> Iterator[Batch]:
        """Yield ``turns`` readings of every stream in batches of at most ``size``."""
        count = len(self._usual)
        slots = np.tile(np.arange(count, dtype=np.int32), turns)
        turn = np.repeat(np.arange(turns), count)
        times_us = self.now_us + (turn + 1) * self._step_us
        self.now_us = int(times_us[-1])
        noise = self._chance.uniform(-NOISE, NOISE, len(slots))
        results = self._usual[slots] * (1 + noise)
        for at in range(0, len(slots), size):
            part = slice(at, at + size)
            yield self._batch(slots[part], times_us[part], results[part])

    def _batch(
        self, slot: NDArray[np.int32], time_us: NDArray[np.int64], result: NDArray[np.float64]
    ) -> Batch:
        count = len(slot)
        offset = np.arange(self._offset + 1, self._offset + count + 1)
        self._offset += count
        return Batch(
            offset=offset, slot=slot, time_us=time_us, start_us=time_us, result=result,
            quality=np.full(count, Quality.PASS, np.int8),
            lateness=np.full(count, Lateness.LIVE, np.int8),
            received_us=time_us, message=offset,
        )  # fmt: skip


def measure(count: int, size: int, step_us: int, observations: int) -> dict[str, float]:
    """Return the cost of one observation with ``count`` streams in batches of ``size``."""
    rules = read_config(CONFIG).rules
    interval_us = max(step_us, SECOND_US)
    streams, usual = streams_of(count, interval_us / SECOND_US)
    stack, feed = stack_of(rules, streams), Feed(usual, interval_us)
    for slot, level in enumerate(usual.tolist()):
        body = {"slot": slot, "params": {**FIT, "level": level, "sigma": max(level, 1e-3) * 5e-4}}
        stack.control("fit", START_US, 0, body)
    for batch in feed.batches(WARM_UP, 1000):
        stack.update(batch)
    timed = Feed(usual, step_us)
    timed.now_us = feed.now_us
    batches = list(timed.batches(max(1, observations // count), size))
    began = time.perf_counter()
    said = [step for batch in batches for step in stack.update(batch)]
    seconds = time.perf_counter() - began
    rows = sum(len(batch) for batch in batches)
    return {
        "streams": count, "batch": size, "apart_s": step_us / SECOND_US, "observations": rows,
        "us_per_observation": round(seconds * 1e6 / rows, 2), "transitions": len(said),
    }  # fmt: skip


def measure_alone(river: str | None) -> dict[str, object]:
    """Return the cost of one reading, one at a time: the bench's factory, and river's detectors."""
    chance = np.random.default_rng(3)
    season = np.sin(np.arange(ALONE) / 96 * 2 * np.pi)
    values = np.round(8 + season + 0.05 * chance.standard_normal(ALONE), 3).tolist()
    detector = factory({"interval_s": 900.0, "unit": "Cel"})
    for number in range(1000):
        detector.update(number * 900.0, values[number])
    began = time.perf_counter()
    for number in range(1000, ALONE):
        detector.update(number * 900.0, values[number])
    each = (time.perf_counter() - began) * 1e6 / (ALONE - 1000)
    state = len(json.dumps(detector.stack.dump()))
    return {
        "the bench's factory, us per reading": round(each, 1),
        "its state, bytes of JSON": state,
        **beside(river, values),
    }


def beside(river: str | None, values: list[float]) -> dict[str, object]:
    """Return what river's detectors cost on the same series, where an interpreter has them."""
    if river is None:
        return {"river": "not measured here (--river PYTHON)"}
    done = subprocess.run(
        [river, "-c", RIVER], input=json.dumps(values), capture_output=True, text=True, check=False
    )
    if done.returncode:
        return {"river": f"not measured: {done.stderr.strip().splitlines()[-1]}"}
    found: dict[str, object] = json.loads(done.stdout)
    return found


RIVER: Final = """
import json, sys, time
import river
from river import anomaly, drift
values = json.load(sys.stdin)
def us(step):
    for x in values[:1000]: step(x)
    began = time.perf_counter()
    for x in values[1000:]: step(x)
    return round((time.perf_counter() - began) * 1e6 / (len(values) - 1000), 1)
trees, adwin = anomaly.HalfSpaceTrees(seed=1), drift.ADWIN()
low, wide = min(values), max(values) - min(values)
def grow(x):
    point = {"x": (x - low) / wide}
    trees.score_one(point); trees.learn_one(point)
name = f"river {river.__version__} "
print(json.dumps({name + "HalfSpaceTrees, us per reading": us(grow),
                  name + "ADWIN, us per reading": us(adwin.update)}))
"""

RUNS: Final = (
    (1, 1, SECOND_US, 20_000),
    (1, 1, 900 * SECOND_US, 20_000),
    (1, 1000, 1000, 500_000),
    (3, 5000, 300 * SECOND_US, 60_000),
    (80, 1000, 1000, 500_000),
    (MANY, 1000, 160_000, 500_000),
    (MANY, 1000, SECOND_US, 500_000),
    (MANY, 5000, SECOND_US, 500_000),
)


def main() -> int:
    """Measure every run and print it."""
    parser = argparse.ArgumentParser(prog="python -m bench.detect_cost", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON line per run")
    parser.add_argument("--river", metavar="PYTHON", help="an interpreter that has river")
    args = parser.parse_args()
    if not args.json:
        print(f"commit {commit()}\n")
        print("| streams | batch | apart s | us per observation | transitions |")
        print("| --- | --- | --- | --- | --- |")
    for run in RUNS:
        row = measure(*run)
        names = ("streams", "batch", "apart_s", "us_per_observation", "transitions")
        text = "| " + " | ".join(f"{row[name]:,}" for name in names) + " |"
        print(json.dumps(row) if args.json else text, flush=True)
    alone = measure_alone(args.river)
    print(json.dumps(alone) if args.json else "\n" + "\n".join(map(line, alone.items())))
    return 0


def line(row: tuple[str, object]) -> str:
    """Return one measured thing in words."""
    return f"{row[0]}: {row[1]}"


if __name__ == "__main__":
    sys.exit(main())
