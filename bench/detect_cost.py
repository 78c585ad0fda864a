"""Microseconds per observation of the shipped rules: one stream, and 10,000 streams.

``python -m bench.detect_cost`` feeds the stack of detectors that config/rules.toml
builds, warm and with a baseline for every stream, with batches of one and of a thousand.
Nothing else runs: no log, no quality tests, no threads.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import TYPE_CHECKING, Final

import numpy as np

from bench.load import load_tables, middle
from bench.rig import commit
from bench.town import CONFIG
from hub.config import read_config
from hub.detect.stack import Stack
from hub.model.network import Datastream, Hazard, Level, Severity, Site
from hub.model.observation import Batch, Lateness, Quality

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from hub.model.rule import Rule

MANY: Final = 10_000
WARM_UP: Final = 64
SECOND_US: Final = 1_000_000
START_US: Final = 1_790_000_000 * SECOND_US
NOISE: Final = 0.001
FIT: Final = {
    "gain": 0.05, "phi": 0.2, "limit": 20.0, "interval_s": 1.0, "season": [0.0] * 24, "at_us": 0,
}  # fmt: skip


def streams_of(count: int) -> tuple[list[Datastream], NDArray[np.float64]]:
    """Return ``count`` datastreams like the shipped ones, and the usual value of each."""
    tables = load_tables(CONFIG, count)
    streams = [
        Datastream(
            slot=slot, site=f"site-{slot % 97}", node=f"node-{slot // 20}", name=table["name"],
            observed_property=table["property"], unit=table["unit"], room=table["room"],
            hazard=Hazard(table.get("hazard", "other")), interval_s=1.0, upload_s=1.0,
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
    streams, usual = streams_of(count)
    stack, feed = stack_of(rules, streams), Feed(usual, SECOND_US)
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


RUNS: Final = (
    (1, 1, SECOND_US, 5_000),
    (1, 1000, 1000, 500_000),
    (80, 1000, 1000, 500_000),
    (MANY, 1000, 160_000, 500_000),
    (MANY, 1000, SECOND_US, 500_000),
    (MANY, 5000, SECOND_US, 500_000),
)


def main() -> int:
    """Measure every run and print it."""
    parser = argparse.ArgumentParser(prog="python -m bench.detect_cost", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON line per run")
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
    return 0


if __name__ == "__main__":
    sys.exit(main())
