"""Fusions: fire in one room, and what neighbours say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hub.detect.joint_rise import JointRise, JointRiseSettings
from hub.detect.level import LevelDetector, LevelSettings
from hub.detect.neighbours import Neighbours, NeighboursSettings
from hub.model.network import Hazard, Severity, Site
from hub.model.observation import Quality
from hub.model.rule import Rule
from hub.model.transition import Certainty, Change, Transition
from tests.detect.gauges import gauge, series, together
from tests.detect.log_writer import noise

SMOKE = gauge(
    0, name="smoke", observed_property="smoke", unit="1/m", hazard=Hazard.FIRE, room="hall"
)
HEAT = gauge(
    1, name="temp", observed_property="temperature", unit="Cel", hazard=Hazard.FIRE, room="hall"
)


def room(smoke: np.ndarray, heat: np.ndarray) -> list[Transition]:
    """Return what is said of one room's smoke and heat, five seconds apart."""
    rule = Rule(name="fire", detector="joint_rise", severity=Severity.EXTREME)
    made = JointRise(JointRiseSettings(), rule, {})
    made.bind(SMOKE)
    made.bind(HEAT)
    parts = (
        series(*smoke.tolist(), slot=0, step_s=5.0),
        series(*heat.tolist(), slot=1, step_s=5.0),
    )
    return made.update(together(*parts), [])


def test_a_weak_rise_in_both_is_fire() -> None:
    """Smoke and heat that alone would say nothing are a fire together."""
    grow = np.concatenate([np.zeros(400), np.arange(1, 13), np.full(28, 12)])
    smoke, heat = 0.01 + noise(440, 1, 0.0003), 21 + noise(440, 2, 0.02)
    (step,) = room(smoke + 0.00068 * grow, heat + 0.08 * grow)
    assert step.change is Change.RAISED
    assert step.key == "fire:bridge/hall"
    assert step.slot == -1
    assert step.certainty is Certainty.LIKELY
    assert "smoke and temperature rising together" in step.evidence.words_en


def house(
    hall: float, store: float, *, sites: tuple[str, str] = ("mill", "mill")
) -> list[Transition]:
    """Return what is said where two rooms fill with smoke, the second a little later."""
    rule = Rule(name="fire", detector="joint_rise", severity=Severity.EXTREME)
    made = JointRise(JointRiseSettings(), rule, {})
    for slot, (site, room_name) in enumerate(zip(sites, ("hall", "store"), strict=True)):
        made.bind(replace(SMOKE, slot=slot, site=site, node=room_name, room=room_name))
    rise = np.concatenate([np.zeros(400), np.arange(1, 9), np.full(12, 8)])
    late = np.concatenate([np.zeros(10), rise[:-10]])
    parts = (
        series(*(0.01 + noise(420, 1, 0.0003) + hall * rise).tolist(), slot=0, step_s=5.0),
        series(*(0.01 + noise(420, 2, 0.0003) + store * late).tolist(), slot=1, step_s=5.0),
    )
    return made.update(together(*parts), [])


def test_beside_a_burning_room_less_is_enough() -> None:
    """A rise that says nothing by itself is fire next to a fire, and both rooms are counted."""
    assert house(0.0, 0.00045) == []
    first, second = house(0.01, 0.00045)
    assert (first.key, second.key) == ("fire:mill/hall", "fire:mill/store")
    assert second.certainty is Certainty.LIKELY
    assert second.evidence.words_en.endswith("2 of 2 rooms agree")
    assert second.evidence.words_zh.endswith("2 个房间中 2 个一致")


def test_another_building_burning_changes_nothing() -> None:
    """Rooms of another site keep their own limits."""
    (only,) = house(0.01, 0.00045, sites=("mill", "barn"))
    assert only.key == "fire:mill/hall"


def test_a_quiet_night_is_quiet() -> None:
    """Twelve hours of noise with a slow swing of the heating say nothing."""
    count = 8640
    swing = 1.5 * np.sin(np.arange(count) / 500)
    assert room(0.01 + noise(count, 1, 0.001), 21 + swing + noise(count, 2, 0.05)) == []


def test_a_weak_rise_beside_a_fire_is_fire() -> None:
    """What says nothing in a room alone is enough while another room of the house burns."""
    beside = replace(SMOKE, slot=2, room="landing"), replace(SMOKE, slot=0)
    rule = Rule(name="fire", detector="joint_rise", severity=Severity.EXTREME)
    grow = np.concatenate([np.zeros(400), np.arange(1, 13), np.full(28, 12)])
    weak = 0.01 + noise(440, 1, 0.0003) + 0.0004 * grow
    strong = 0.01 + noise(440, 2, 0.0003) + 0.01 * grow

    def said(hall: np.ndarray) -> set[str]:
        made = JointRise(JointRiseSettings(), rule, {})
        for stream in beside:
            made.bind(stream)
        parts = [series(*x.tolist(), slot=slot, step_s=5.0) for slot, x in ((0, hall), (2, weak))]
        return {step.key for step in made.update(together(*parts), [])}

    assert said(weak) == set()
    assert said(strong) == {"fire:bridge/hall", "fire:bridge/landing"}


def neighbours(*levels: float) -> Transition:
    """Return the step of gauge 0 that floods while gauges 1.. end at ``levels``."""
    count = 40
    rise = np.concatenate([np.zeros(count - 10), np.linspace(0, 1, 10)])
    tops = (5.5, *levels)
    parts = [
        series(*(2 + (top - 2) * rise + noise(count, slot, 0.01)).tolist(), slot=slot)
        for slot, top in enumerate(tops)
    ]
    batch = together(*parts)
    level = LevelDetector(LevelSettings(), Rule(name="level", detector="level"))
    place = Site(id="bridge", name_en="", name_zh="", latitude=0, longitude=0, upstream=("up",))
    made = Neighbours(
        NeighboursSettings(), Rule(name="n", detector="neighbours"), {"bridge": place}
    )
    level.bind(gauge(0))
    for slot in range(len(tops)):
        made.bind(gauge(slot, site="up" if slot == 1 else "bridge"))
    batch.quality[batch.slot == 0] = Quality.SUSPECT
    return made.update(batch, level.update(batch))[0]


def test_neighbours_that_rise_too_agree() -> None:
    """Gauges of the site and upstream that rise make a doubtful claim likelier, and are named."""
    step = neighbours(2.9, 2.8, 2.0)
    assert "3 of 4 sensors agree" in step.evidence.words_en
    assert "4 个测点中 3 个一致" in step.evidence.words_zh
    assert step.certainty is Certainty.LIKELY


def test_neighbours_that_stay_do_not_hold_the_page_back() -> None:
    """With nobody agreeing the claim is still made, and says so."""
    step = neighbours(2.0, 2.0, 2.0)
    assert "1 of 4 sensors agree" in step.evidence.words_en
    assert step.certainty is Certainty.POSSIBLE
    assert step.change is Change.RAISED


def test_a_channel_is_of_the_fire_only_where_declared() -> None:
    """A river's temperature is no fire channel."""
    made = JointRise(JointRiseSettings(), Rule(name="f", detector="joint_rise"), {})
    made.bind(replace(HEAT, hazard=Hazard.FLOOD))
    assert made.update(series(*np.linspace(0, 900, 200).tolist(), slot=1), []) == []
