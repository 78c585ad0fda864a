"""One reading in plain numbers, or in arrays: the same words and the same state to the last bit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.detect import DETECTORS, FUSIONS
from hub.detect.base import Brisk
from hub.detect.live import ones
from hub.model.observation import Batch, Quality
from tests.detect.gauges import series, together
from tests.detect.test_detector_contract import STREAMS, build, feed, lively

if TYPE_CHECKING:
    from hub.model.transition import Transition

KINDS = [kind for kind in sorted({**DETECTORS, **FUSIONS}) if isinstance(build(kind), Brisk)]


def briskly(made: Any, batch: Batch, kind: str) -> tuple[list[Transition], int]:  # noqa: ANN401
    """Return what is said of ``batch``, reading by reading, and how many of them were usual."""
    said, usual = [], 0
    for place, one in enumerate(ones(batch)):
        before = json.dumps(made.dump())
        if made.usual(one):
            usual += 1
            continue
        assert json.dumps(made.dump()) == before
        said += feed(made, batch.take(np.array([place])), kind)
    return said, usual


def plainly(made: Any, batch: Batch, kind: str) -> list[Transition]:  # noqa: ANN401
    """Return what is said of ``batch`` by arrays alone, reading by reading."""
    places = np.arange(len(batch))
    return [step for at in places for step in feed(made, batch.take(places[at : at + 1]), kind)]


def agree(kind: str, batch: Batch) -> int:
    """Hold both ways against each other; return how many readings were usual."""
    brisk, plain = build(kind), build(kind)
    said, usual = briskly(brisk, batch, kind)
    assert said == plainly(plain, batch, kind)
    assert json.dumps(brisk.dump()) == json.dumps(plain.dump())
    return usual


@pytest.mark.parametrize("kind", KINDS)
def test_plain_numbers_and_arrays_agree(kind: str) -> None:
    """Over a lively series of all streams both say the same and keep the same state."""
    assert agree(kind, lively(length=400)) > 0


def wave(draw: Any) -> Batch:  # noqa: ANN401  hypothesis' own
    """Return a drawn series of one stream: steps, runs, gaps, codes, bad readings."""
    size = draw(st.integers(60, 260))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = np.cumsum(rng.standard_normal(size) * draw(st.sampled_from([0.0, 0.01, 1.0])))
    x += rng.standard_normal(size) * draw(st.sampled_from([0.0, 0.02, 0.5]))
    x = np.round(x, draw(st.sampled_from([0, 1, 3, 9])))
    for _ in range(draw(st.integers(0, 4))):
        at, length = draw(st.integers(0, size - 1)), draw(st.integers(1, 40))
        x[at : at + length] = draw(st.sampled_from([x[at], x[at] + 3.0, -9999.0, -999.0, np.nan]))
    slot = draw(st.sampled_from([stream.slot for stream in STREAMS]))
    part = series(*x.tolist(), slot=slot, step_s=draw(st.sampled_from([0.4, 60.0, 900.0, 7000.0])))
    part.quality[rng.random(size) < draw(st.sampled_from([0.0, 0.05]))] = Quality.FAIL
    part.quality[np.isnan(part.result)] = Quality.MISSING
    return together(part.take(rng.random(size) >= draw(st.sampled_from([0.0, 0.1]))))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_drawn_series_agree(kind: str, data: Any) -> None:  # noqa: ANN401  hypothesis' own
    """Whatever a stream sends, both ways say the same and keep the same state."""
    agree(kind, wave(data.draw))


def test_most_readings_are_usual() -> None:
    """Of a calm river's readings ``surprise`` takes nearly all in plain numbers."""
    rng = np.random.default_rng(1)
    calm = series(*(2 + np.cumsum(0.01 * rng.standard_normal(3000))).tolist())
    assert agree("surprise", calm) > 0.8 * 3000
