"""Recordings through the hub's own code: pages where they belong, and nothing else."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hub.clock import from_us
from hub.errors import ConfigError
from hub.flow.replay import replay_file
from hub.model.network import Hazard, Network
from hub.model.transition import Kind
from tests.detect.gauges import MINUTE_US, START_US
from tests.detect.log_writer import PEOPLE, RULES

if TYPE_CHECKING:
    from pathlib import Path

NOTHING = Network(sites={}, cells={}, datastreams={}, nodes={})


def recording(folder: Path, step_us: int = 5 * MINUTE_US) -> Path:
    """Write a flood in feet with its danger level, gzipped."""
    rng = np.random.default_rng(1)
    rise = np.sin(np.linspace(0, np.pi, 60)) ** 2
    x = 1.0 + np.concatenate([np.zeros(120), 4 * rise, np.zeros(60)]) + 0.01 * rng.random(240)
    lines = ["time,sensor,kind,unit,value"]
    for number, value in enumerate(x.tolist()):
        at = from_us(START_US + number * step_us).isoformat()
        lines.append(f"{at},brook-level,river_level,ft,{value:.3f}")
    path = folder / "brook.csv.gz"
    with gzip.open(path, "wt", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")
    index = {"brook": {"danger_level": {"brook-level": 3.5}}}
    (folder / "index.json").write_text(json.dumps(index), "utf-8")
    return path


def test_a_recorded_flood_pages_before_its_danger(tmp_path: Path) -> None:
    """Feet become metres, the forecast pages first, the level worsens it, twice the same."""
    path = recording(tmp_path)
    first, again = (
        replay_file(path, network=NOTHING, people=PEOPLE, rules=RULES) for _ in range(2)
    )
    world = [step for step in first.transitions if step.kind is Kind.WORLD]
    keys = [step.key.split(":")[0] for step in world]
    assert keys.index("forecast") < keys.index("level")
    assert world[0].time_us > START_US + 120 * 5 * MINUTE_US
    (incident,) = [i for i in first.incidents if i.hazard is Hazard.FLOOD]
    assert incident.raised_us == world[0].time_us
    assert first.pages[0].incident == incident.id
    danger = next(iter(first.network.datastreams.values())).levels[0]
    assert danger.above == pytest.approx(3.5 * 0.3048)
    assert again.transitions == first.transitions
    assert again.incidents == first.incidents


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    """What cannot be read says in which line."""
    path = tmp_path / "bad.csv"
    path.write_text("time,sensor,kind,unit,value\n2026-01-01T00:00:00Z,a,b,m,x\n", "utf-8")
    with pytest.raises(ConfigError, match="line 2"):
        replay_file(path, network=NOTHING, people=PEOPLE, rules=RULES)
