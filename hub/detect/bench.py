"""One series of a labelled bench through the production stack, a reading at a time.

The bench knows no sites, people or clock: each column of a series becomes one declared
datastream, and the rules are the shipped ones that need nothing but readings (silence
needs a clock, baselines a worker). Name, site and category of a series are never read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from hub.detect.stack import HOLD_S, Stack
from hub.instant import MICROSECONDS
from hub.model.network import Datastream, Hazard, Level, Severity
from hub.model.observation import Batch, Lateness, Quality
from hub.model.rule import Rule
from hub.model.transition import Change, Kind, Transition

Value = float | Mapping[str, float]

SITE: Final = "bench"
NEWS: Final = (Change.RAISED, Change.WORSENED)
PASS, MISSING = int(Quality.PASS), int(Quality.MISSING)
HOLD_US: Final = round(HOLD_S * MICROSECONDS)
RULES: Final = (
    Rule(name="level", detector="level", options={"settle_s": 20}),
    Rule(
        name="forecast-river-level",
        detector="forecast",
        observed_property="river_level",
        severity=Severity.SEVERE,
    ),
    Rule(name="fire", detector="joint_rise", severity=Severity.EXTREME),
    Rule(name="fault", detector="fault", severity=Severity.MINOR),
    Rule(name="surprise", detector="surprise", severity=Severity.MINOR),
    Rule(name="unusual", detector="unusual", severity=Severity.MINOR),
    Rule(name="neighbours", detector="neighbours"),
)
UNITS: Final = {"pH": "[pH]"}  # kinds whose unit goes without saying
FIRE_CHANNELS: Final = {"temp": ("temperature", "Cel"), "smoke": ("smoke", "1/m")}


class Bench:
    """Feeds one series to a stack of its own and says what stands."""

    def __init__(self, meta: Mapping[str, Any]) -> None:
        columns = [str(name) for name in meta.get("columns") or ["value"]]
        self.streams = streams_of(meta, columns)
        self.stack = Stack(RULES, {})
        for stream in self.streams:
            self.stack.bind(stream)
        self._columns = columns
        self._dangers = any(s.levels or s.hazard is Hazard.FIRE for s in self.streams)
        self._offset = 0
        self._slots = np.arange(len(columns), dtype=np.int32)
        self._live = np.full(len(columns), Lateness.LIVE, dtype=np.int8)
        self._standing: set[str] = set()
        self._listener: Callable[[Transition], object] = lambda _: None

    def listen(self, listener: Callable[[Transition], object]) -> None:
        """Tell ``listener`` every step of a condition from here on."""
        self._listener = listener

    def update(self, time: float, value: Value) -> tuple[float, bool]:
        """Take in one reading of each column and return (score 0 to 1, alarm).

        Where a danger is declared the alarm stands while it does; anywhere else an alarm
        is what a person would be told of, once.

        ``time`` in seconds UTC; a value that is not finite is a missing reading.
        """
        given = [value[name] for name in self._columns] if isinstance(value, Mapping) else [value]
        time_us = round(time * MICROSECONDS)
        said = self.stack.update(self._batch(time_us, given))
        after_us = time_us + HOLD_US
        if self.stack.due(after_us):
            said = said + self.stack.control("tick", after_us, self._offset, {})
        news = False
        for step in said:
            news = self._note(step) or news
            self._listener(step)
        alarm = bool(self._standing) if self._dangers else news
        return max(self.stack.score(), float(alarm) / 2), alarm

    def _note(self, step: Transition) -> bool:
        """Keep what stands and say whether it is news; a declared danger's pages alone count."""
        grave = step.kind is Kind.WORLD and step.severity.rank >= Severity.SEVERE.rank
        if step.change is Change.CLEARED or (self._dangers and not grave):
            self._standing.discard(step.key)
            return False
        self._standing.add(step.key)
        return step.change in NEWS

    def _batch(self, time_us: int, values: list[float]) -> Batch:
        times = np.array([time_us] * len(values), dtype=np.int64)
        offset = self._slots + np.int64(self._offset + 1)
        self._offset += len(values)
        flags = [PASS if math.isfinite(value) else MISSING for value in values]
        return Batch(
            offset=offset,
            slot=self._slots,
            time_us=times,
            start_us=times,
            result=np.array([x if math.isfinite(x) else math.nan for x in values]),
            quality=np.array(flags, dtype=np.int8),
            lateness=self._live,
            received_us=times,
            message=offset,
        )


def streams_of(meta: Mapping[str, Any], columns: list[str]) -> list[Datastream]:
    """Return the datastreams that ``meta`` declares: interval, unit, kind and levels only."""
    fire = "smoke" in columns
    interval = meta.get("interval_s")
    return [
        Datastream(
            slot=slot,
            site=SITE,
            node=SITE,
            name=column,
            observed_property=observed(meta, column),
            unit=FIRE_CHANNELS[column][1] if fire else unit_of(meta),
            hazard=hazard(meta, fire=fire),
            interval_s=float(str(interval)) if interval else None,
            levels=levels_of(meta),
            declared=True,
        )
        for slot, column in enumerate(columns)
    ]


def unit_of(meta: Mapping[str, Any]) -> str:
    """Return the unit, also where the kind alone says it."""
    return str(meta.get("unit", "")) or UNITS.get(str(meta.get("kind", "")), "")


def observed(meta: Mapping[str, Any], column: str) -> str:
    """Return the observed property of one column."""
    if column in FIRE_CHANNELS:
        return FIRE_CHANNELS[column][0]
    return "river_level" if "danger_level" in meta else column


def hazard(meta: Mapping[str, Any], *, fire: bool) -> Hazard:
    """Return what a stream is watched for."""
    if fire:
        return Hazard.FIRE
    return Hazard.FLOOD if "danger_level" in meta else Hazard.OTHER


def levels_of(meta: Mapping[str, Any]) -> tuple[Level, ...]:
    """Return the declared levels: watch is moderate, danger extreme."""
    named = (("watch", Severity.MODERATE), ("danger", Severity.EXTREME))
    return tuple(
        Level(name=name, severity=severity, above=float(str(meta[f"{name}_level"])))
        for name, severity in named
        if meta.get(f"{name}_level") is not None
    )


def factory(meta: Mapping[str, Any]) -> Bench:
    """Return the detector of one series; see the bench's driver for the contract."""
    return Bench(meta)


factory.multi = True  # type: ignore[attr-defined]
