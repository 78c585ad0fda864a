"""Rain and upstream gauges: used where the site declares them, learnt, and never in the way."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from hub.detect.upstream import Upstream, UpstreamSettings
from hub.model.network import Hazard, Severity, Site
from hub.model.rule import Rule
from hub.model.transition import Change, Transition
from tests.detect.gauges import SECOND, START_US, gauge, series, together

if TYPE_CHECKING:
    from hub.model.observation import Batch

STEP_S = 300.0
COUNT = 1600
FLOODS = (200, 500, 800, 1100, 1400)
GAUGE, RAIN, ABOVE = 0, 1, 2


def place(name: str, *above: str) -> Site:
    """Return a site and what lies upstream of it."""
    return Site(id=name, name_en="", name_zh="", latitude=0, longitude=0, upstream=above)


def fusion(*above: str) -> Upstream:
    """Return the fusion over a gauge and its rain at the bridge and a gauge at the head."""
    rule = Rule(name="upstream", detector="upstream", severity=Severity.SEVERE)
    sites = {"bridge": place("bridge", *above), "head": place("head")}
    made = Upstream(UpstreamSettings(), rule, sites)
    for stream in (
        gauge(GAUGE, interval_s=STEP_S),
        gauge(RAIN, name="rain", observed_property="rain", unit="mm", levels=()),
        gauge(ABOVE, interval_s=STEP_S, site="head", label_en="Head weir", label_zh="上游堰"),
    ):
        made.bind(stream)
    return made


def pulse(at: int, tau: float, delay: int) -> np.ndarray:
    """Return the answer of a river to water let in at a reading: up after a delay, then down."""
    since = np.maximum(np.arange(COUNT) - at - delay, 0)
    return since / tau * np.exp(1 - since / tau)


def weather(last: float = 1.0, *, hazard_rain: bool = True) -> Batch:
    """Return five floods, the last of ``last`` times the size, of head, rain and bridge."""
    rng = np.random.default_rng(3)
    sizes = [*[1.0] * (len(FLOODS) - 1), last]
    head = sum(size * 2.6 * pulse(at, 8, 0) for at, size in zip(FLOODS, sizes, strict=True))
    here = sum(size * 3.2 * pulse(at, 20, 12) for at, size in zip(FLOODS, sizes, strict=True))
    rain = np.zeros(COUNT)
    for at, size in zip(FLOODS, sizes, strict=True):
        rain[at - 4 : at + 4] = 3.0 * size
    noise = 0.003 * rng.standard_normal((2, COUNT))
    parts = [
        series(*(1 + head + noise[0]).tolist(), slot=ABOVE, step_s=STEP_S),
        series(*(1 + here + noise[1]).tolist(), slot=GAUGE, step_s=STEP_S),
    ]
    if hazard_rain:
        parts.append(series(*rain.tolist(), slot=RAIN, step_s=STEP_S))
    return together(*parts)


def place_of(step: Transition) -> int:
    """Return the number of the reading at which a step came."""
    return round((step.time_us - START_US) / (STEP_S * SECOND))


def raised(said: list[Transition]) -> list[Transition]:
    """Return the warnings among ``said``."""
    return [step for step in said if step.change is Change.RAISED]


def test_water_on_its_way_warns_before_the_river_is_half_way() -> None:
    """Once three floods have taught it, the next is told from its source, by name, in time."""
    batch = weather()
    last = raised(fusion("head").update(batch, []))[-1]
    level = batch.result[batch.slot == GAUGE]
    assert FLOODS[-1] <= place_of(last) <= FLOODS[-1] + 20
    assert level[place_of(last)] < 2.4
    assert "more on its way" in last.evidence.words_en
    assert "来水在途" in last.evidence.words_zh
    assert last.evidence.parameters["travel_s"] >= STEP_S
    assert last.slot == GAUGE


def test_nothing_is_believed_before_it_is_learnt() -> None:
    """The first two floods warn of nothing from upstream: no rise has yet shown the way."""
    first = raised(fusion("head").update(weather(), []))[0]
    assert place_of(first) > FLOODS[1] + 30


def test_small_water_warns_of_nothing() -> None:
    """A source that sends a tenth of a flood raises no warning."""
    said = raised(fusion("head").update(weather(last=0.1), []))
    assert all(place_of(step) < FLOODS[-1] for step in said)


def test_rain_of_the_site_is_enough() -> None:
    """Without an upstream site the rain gauge on the bridge is a source of its own."""
    said = raised(fusion().update(weather(), []))
    assert said
    assert {step.evidence.parameters["source"] for step in said} == {"node-1/rain"}


def test_what_is_not_declared_is_not_used() -> None:
    """With neither rain nor an upstream site nothing is said, and what others say goes through."""
    made = Upstream(UpstreamSettings(), Rule(name="u", detector="upstream"), {})
    made.bind(gauge(GAUGE, interval_s=STEP_S))
    made.bind(gauge(ABOVE, interval_s=STEP_S, site="head"))
    other = raised(fusion("head").update(weather(), []))
    assert made.update(weather(), other) == other


def test_a_river_without_hazard_of_flood_is_no_gauge() -> None:
    """A sump with levels is neither fed by rain nor a source."""
    made = Upstream(UpstreamSettings(), Rule(name="u", detector="upstream"), {})
    made.bind(gauge(GAUGE, hazard=Hazard.LEAK))
    made.bind(gauge(RAIN, name="rain", observed_property="rain", unit="mm", levels=()))
    assert made.update(weather(), []) == []


def test_however_it_is_cut_and_restarted_it_says_the_same() -> None:
    """Batches of any size, with a restart through JSON between them, give the same steps."""
    batch, said, made = weather(), [], fusion("head")
    for start in range(0, len(batch), 997):
        fresh = fusion("head")
        fresh.load(json.loads(json.dumps(made.dump())))
        made = fresh
        rows = np.arange(start, min(start + 997, len(batch)))
        said += made.update(batch.take(rows), [])
    assert said == fusion("head").update(batch, [])
