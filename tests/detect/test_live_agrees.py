"""What the bench's factory says of a series is what ``tocsin run`` says of it, live over MQTT.

The small series made here always run. With the labelled bench's folder in
``TOCSIN_BENCH_DETECT`` (the one with ``data/dev``) a real series of each kind runs too.
"""

from __future__ import annotations

import gzip
import json
import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.detect.live_hub import LiveHub, Series, factory_says, steps_of, words_of

if TYPE_CHECKING:
    from hub.model.transition import Transition

FOLDER = os.environ.get("TOCSIN_BENCH_DETECT", "")
REAL = {
    "flood": "aire_L1602_2025",
    "fire": "SDC07_A",
    "lro": "MainStreet2020_cond",
    "inject": "MainStreet2020_turb",
    "nab": "realAWSCloudwatch__grok_asg_anomaly",
}
START_US = 1_600_000_000_000_000
DAY_US = 86_400_000_000


def made(kind: str, interval_s: float, columns: dict[str, np.ndarray], **meta: object) -> Series:
    """Return a series made here, with the meta that the bench gives one of its kind."""
    length = len(next(iter(columns.values())))
    times = START_US + np.arange(length) * round(interval_s * 1e6)
    given = {"name": f"{kind}_made", "interval_s": interval_s, "columns": list(columns), **meta}
    return Series(node=kind, meta=given, times_us=times, columns=columns)


def flooded() -> Series:
    """A river that floods past danger, with a gap in which nothing came."""
    rng = np.random.default_rng(2)
    level = 1.0 + 0.005 * rng.standard_normal(900)
    level[700:760] += np.linspace(0, 2.6, 60)
    level[760:] += 2.6 * np.exp(-np.arange(140) / 40)
    level[300] += 1.0
    series = made("flood", 900, {"value": level}, unit="m", danger_level=3.0, watch_level=2.4)
    kept = np.ones(900, dtype=bool)
    kept[400:412] = kept[720:724] = False
    return Series(
        node="flood", meta=series.meta, times_us=series.times_us[kept],
        columns={"value": level[kept]},
    )  # fmt: skip


def burning() -> Series:
    """A room that burns after an hour of quiet: smoke, then heat."""
    rng = np.random.default_rng(3)
    smoke = np.abs(0.0005 * rng.standard_normal(800))
    temp = 21 + 0.02 * rng.standard_normal(800)
    smoke[720:] += 0.004 * np.arange(80)
    temp[724:] += 0.3 * np.arange(76)
    return made("fire", 5.0, {"temp": temp, "smoke": smoke}, unit="mixed")


def failing_sensor() -> Series:
    """A daily wave whose sensor spikes, sticks, shifts, sends codes and nothing."""
    rng = np.random.default_rng(5)
    quarter = np.arange(96 * 12)
    x = np.round(8 + np.sin(quarter / 96 * 2 * np.pi) + 0.04 * rng.standard_normal(len(quarter)), 3)
    x[700] += 3.0
    x[760:800] = x[760]
    x[860:] -= 1.8
    x[950:955] = -9999.0
    x[1000:1008] = np.nan
    return made("lro", 900.0, {"value": x}, unit="uS/cm")


def leaking() -> Series:
    """A quiet minute series with noise put in, then a surge."""
    rng = np.random.default_rng(6)
    x = 5 + np.cumsum(0.002 * rng.standard_normal(1200))
    x[800:830] += 0.6 * rng.standard_normal(30)
    x[1000:1060] += np.linspace(0, 2, 60)
    x[1060:] += 2
    return made("inject", 60.0, {"value": x}, unit="mg/L")


def busy() -> Series:
    """A server's load: counts with bursts, its interval not declared."""
    rng = np.random.default_rng(7)
    x = rng.poisson(30, 1000).astype(float)
    x[640:650] += 400
    x[900] = 900
    series = made("nab", 300.0, {"value": x}, unit="")
    series.meta.pop("interval_s")
    return series


def real(folder: Path, kind: str) -> Series:
    """Return a series of the bench, moved by whole days to where all of them begin."""
    place = folder / "data" / "dev" / kind
    meta = json.loads((place / "series.json").read_text("utf-8"))[REAL[kind]]
    with gzip.open(place / f"{REAL[kind]}.csv.gz", "rt", encoding="utf-8") as file:
        names, *rows = [line.rstrip("\n").split(",") for line in file]
    times = np.array([instant_us(row[0]) for row in rows])
    columns = {
        name: np.array([float(row[at] or "nan") for row in rows])
        for at, name in enumerate(names) if name in meta["columns"]
    }  # fmt: skip
    days = (START_US - times[0]) // DAY_US
    return Series(node=kind, meta=meta, times_us=times + days * DAY_US, columns=columns)


def instant_us(text: str) -> int:
    """Return the microseconds of the bench's ISO 8601 instants."""
    return round(datetime.fromisoformat(text).timestamp() * 1e6)


def agree(folder: Path, all_series: list[Series]) -> None:
    """Play the series live and hold what the hub said against the factory, both ways."""
    expected = {series.node: factory_says(series) for series in all_series}
    live = LiveHub(folder, all_series)
    live.play({(node, s.time_us) for node, said in expected.items() for s in said})
    steps, words = live.steps(), live.words()
    for series in all_series:
        said = expected[series.node]
        assert said, f"{series.node}: the series says nothing and proves nothing"
        assert of_node(steps, series.node) == sorted(steps_of(series, said), key=repr)
        assert of_node(words, series.node) == sorted(words_of(series, said), key=repr)
    assert len(steps) == sum(len(said) for said in expected.values())


def of_node(rows: list[Any], node: str) -> list[Any]:
    """Return the rows whose key names ``node``, in one order."""
    return sorted((row for row in rows if row[0].split(":")[1].startswith(f"{node}/")), key=repr)


def test_made_series_of_each_kind_live_and_in_the_factory(tmp_path: Path) -> None:
    """One series of each kind over MQTT gives exactly the factory's times, streams and words."""
    series = [flooded(), burning(), failing_sensor(), leaking(), busy()]
    agree(tmp_path, series)


@pytest.mark.slow
@pytest.mark.parametrize("kind", REAL)
def test_a_series_of_the_bench_live_and_in_the_factory(kind: str, tmp_path: Path) -> None:
    """A real series of each kind over MQTT gives exactly the factory's times and words."""
    folder = Path(FOLDER)
    if not FOLDER or not (folder / "data" / "dev").is_dir():
        pytest.skip(
            "data: the labelled bench is not proven here, TOCSIN_BENCH_DETECT names no folder of it"
        )
    agree(tmp_path, [real(folder, kind)])


def natures(said: list[Transition]) -> set[str]:
    """Return what kinds of oddity a series showed."""
    return {str(s.evidence.parameters.get("nature", s.evidence.detector)) for s in said}


def test_the_made_series_are_lively() -> None:
    """Between them the made series bring out floods, fire and several faults of a sensor."""
    said = [flooded(), burning(), failing_sensor(), leaking(), busy()]
    found = set[str]().union(*(natures(factory_says(series)) for series in said))
    assert found >= {"forecast", "level", "joint_rise", "stuck", "spike", "offset", "sentinel"}


@pytest.mark.parametrize("make", [flooded, burning, failing_sensor, leaking, busy])
def test_blank_names_change_no_output(make: Any) -> None:  # noqa: ANN401  one of the makers
    """Name, site, category and kind blank: the same steps with the same words and scores."""
    series = make()
    named = {"name": "x", "site": "Brook at Mill", "category": "river", "kind": "water level"}
    blank = dict.fromkeys(named, "")
    told = [
        factory_says(
            Series(node=series.node, meta={**series.meta, **given},
                   times_us=series.times_us, columns=series.columns)
        )
        for given in (named, blank)
    ]  # fmt: skip
    assert told[0] == told[1]


@pytest.mark.parametrize("make", [flooded, burning, failing_sensor, leaking, busy])
def test_restarts_midway_change_no_output(make: Any) -> None:  # noqa: ANN401  one of the makers
    """The whole state through JSON into a fresh stack, every 37 readings: the same steps."""
    series = make()
    assert factory_says(series, restart_after=37) == factory_says(series)
