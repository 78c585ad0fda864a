"""Streams and series that the tests of detection share."""

from __future__ import annotations

import numpy as np

from hub.model.network import Datastream, Hazard, Level, Severity
from hub.model.observation import Batch, Lateness, Quality, batch_of

SECOND = 1_000_000
MINUTE_US = 60 * SECOND
START_US = 1_700_000_000 * SECOND
LEVELS = (
    Level(name="watch", severity=Severity.MODERATE, above=3.0, hysteresis=0.2),
    Level(name="warning", severity=Severity.SEVERE, above=4.0, hysteresis=0.2),
    Level(name="danger", severity=Severity.EXTREME, above=5.0, hysteresis=0.2),
)


def gauge(slot: int = 0, **changes: object) -> Datastream:
    """Return a declared river gauge, or what ``changes`` make of it."""
    given = {
        "slot": slot,
        "site": "bridge",
        "node": f"node-{slot}",
        "name": "stage",
        "unit": "m",
        "hazard": Hazard.FLOOD,
        "interval_s": 60.0,
        "levels": LEVELS,
        "declared": True,
    }
    return Datastream(**{**given, **changes})  # type: ignore[arg-type]


def series(*results: float | None, slot: int = 0, step_s: float = 60.0, **given: int) -> Batch:
    """Return one stream's readings, ``step_s`` apart; ``start`` is the first one's number."""
    start = given.get("start", 0)
    quality = given.get("quality", Quality.PASS)
    lateness = given.get("lateness", Lateness.LIVE)
    rows = []
    for place, result in enumerate(results, start):
        at_us = START_US + round(place * step_s * SECOND)
        received = at_us + given.get("delay_s", 0) * SECOND
        rows.append((place + 1, slot, at_us, at_us, result, quality, lateness, received, place))
    return batch_of(rows)


def together(*parts: Batch) -> Batch:
    """Return several streams' readings interleaved by arrival, with one run of offsets."""
    columns = {name: np.concatenate([getattr(p, name) for p in parts]) for name in FIELDS}
    order = np.lexsort((columns["slot"], columns["received_us"]))
    columns = {name: values[order] for name, values in columns.items()}
    columns["offset"] = np.arange(1, len(order) + 1, dtype=np.int64)
    return Batch(**columns)


FIELDS = tuple(Batch.__dataclass_fields__)
