"""The bench's port: the shipped rules, nothing looked up, live and bench alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hub.config import read_config
from hub.detect.bench import RULES, factory

CONFIG = Path(__file__).resolve().parents[2] / "config"
META: dict[str, Any] = {
    "name": "brook_stage_a",
    "site": "Brook at Mill",
    "category": "river",
    "kind": "water level",
    "unit": "m",
    "interval_s": 300.0,
    "columns": ["value"],
    "danger_level": 3.0,
    "watch_level": 2.4,
    "warmup": 400,
}


def flooded(length: int = 900) -> np.ndarray:
    """Return a level with one flood, one spike and some noise."""
    rng = np.random.default_rng(2)
    level = 1.0 + 0.005 * rng.standard_normal(length)
    level[700:760] += np.linspace(0, 2.6, 60)
    level[760:] += 2.6 * np.exp(-np.arange(length - 760) / 40)
    level[300] += 1.0
    return level


def answers(meta: dict[str, Any]) -> list[tuple[float, bool]]:
    """Return what the factory's detector says of the flood."""
    detector = factory(meta)
    return [detector.update(1.6e9 + 300.0 * i, float(x)) for i, x in enumerate(flooded())]


def test_the_rules_are_the_shipped_ones() -> None:
    """The bench runs rules of config/rules.toml, with their very constants."""
    shipped = {rule.name: rule for rule in read_config(CONFIG).rules}
    for rule in RULES:
        known = shipped[rule.name]
        assert (rule.detector, rule.severity) == (known.detector, known.severity)
        assert {**known.options, **rule.options} == known.options


def test_names_change_nothing() -> None:
    """Name, site and category blank: the same scores and alarms to the last bit."""
    blank = {**META, "name": "", "site": "", "category": ""}
    assert answers(META) == answers(blank)


def test_a_flood_is_warned_of_and_a_spike_is_not() -> None:
    """Where a danger level is declared only what pages for it is an alarm."""
    alarms = np.array([alarm for _, alarm in answers(META)])
    assert not alarms[:700].any()
    assert alarms[700:750].any()


def test_the_same_series_without_danger_reports_the_spike() -> None:
    """A stream without declared danger alarms at whatever is odd; scores stay within 0 to 1."""
    bare = {k: v for k, v in META.items() if not k.endswith("_level")}
    told = answers(bare)
    assert any(alarm for _, alarm in told[300:305])
    assert all(0.0 <= score <= 1.0 for score, _ in told)


def test_missing_values_are_safe() -> None:
    """Nulls in any column raise nothing by themselves and break nothing."""
    detector = factory({**META, "columns": ["a", "b"]})
    for i in range(50):
        score, _ = detector.update(1.6e9 + 300.0 * i, {"a": float("nan"), "b": 1.0})
        assert 0.0 <= score <= 1.0
