"""Rooms in which nothing rises are passed over quickly, and nothing else changes."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hub.detect.joint_rise import JointRise, JointRiseSettings
from hub.model.network import Hazard
from hub.model.rule import Rule
from hub.model.transition import Change
from tests.detect.gauges import gauge, series, together

ROOMS = 6
COUNT = 300


def fires(*, hasty: bool) -> JointRise:
    """Return the fusion over six rooms of smoke and heat; unless hasty it looks at each reading."""
    made = JointRise(JointRiseSettings(), Rule(name="fire", detector="joint_rise"), {})
    if not hasty:
        made._least = -np.inf
    for slot in range(2 * ROOMS):
        name, unit = ("smoke", "1/m") if slot % 2 else ("temperature", "Cel")
        made.bind(
            gauge(
                slot, name=f"{name}-{slot}", observed_property=name, unit=unit,
                hazard=Hazard.FIRE, room=f"room {slot // 2}",
            )
        )  # fmt: skip
    return made


@pytest.mark.parametrize("seed", range(8))
def test_a_room_passed_over_says_what_it_would_have_said(seed: int) -> None:
    """With rises of every size the steps and the state are those of looking at each reading."""
    chance = np.random.default_rng(seed)
    parts = []
    for slot in range(2 * ROOMS):
        unit = 0.001 if slot % 2 else 0.1
        burst = chance.uniform(0, 12) * unit * (np.arange(COUNT) > chance.integers(150, COUNT))
        values = 20 + unit * chance.normal(size=COUNT) + burst
        parts.append(series(*values.tolist(), slot=slot, step_s=5.0))
    batch = together(*parts)
    quick, slow = fires(hasty=True), fires(hasty=False)
    said = quick.update(batch, [])
    assert said == slow.update(batch, [])
    assert quick.dump() == slow.dump()
    assert {Change.RAISED} <= {step.change for step in said}


def test_a_loud_room_is_loud_after_a_restart() -> None:
    """What a room remembers is looked at again by whoever loads it."""
    first, second = fires(hasty=True), fires(hasty=True)
    values = [20.0] * 100 + [20.5 + n for n in range(5)]
    first.update(series(*values, slot=0, step_s=5.0), [])
    second.load(json.loads(json.dumps(first.dump())))
    assert second._rooms["bridge/room 0"].loud == {0} == first._rooms["bridge/room 0"].loud
