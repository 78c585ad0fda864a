"""What rules would have said of a series that is stored: the live detectors, after the fact.

Each rule looks at one stream alone, as if every reading had come on time. A rule's main
number - its knob - can be turned, to see what another value would have done. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from hub.detect.stack import HOLD_S, Stack
from hub.instant import MICROSECONDS
from hub.model.network import Datastream
from hub.model.observation import Batch, Lateness
from hub.model.rule import Rule
from hub.model.transition import Change, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hub.model.transition import Transition

    Fitter = Callable[[NDArray[np.int64], NDArray[np.float64]], dict[str, Any]]

CHUNK: Final = 1000
HOLD_US: Final = round(HOLD_S * MICROSECONDS)
FIT_EVERY_US: Final = 30 * 86_400 * MICROSECONDS
RISING: Final = frozenset({Change.RAISED, Change.WORSENED})
LEVEL: Final = "level"
SHIFTS: Final = (-0.2, -0.1, 0.0, 0.1, 0.2)  # of the way from the usual value to the level
APART: Final = frozenset({"stale", "neighbours"})  # need time or others: nothing of one series
KNOBS: Final = {
    "forecast": ("alarm_at", (0.5, 0.75, 1.0, 1.5, 2.0)),
    "rate": ("limit_per_h", (0.5, 0.75, 1.0, 1.5, 2.0)),
    "surprise": ("rarity", (0.85, 0.93, 1.0, 1.1, 1.25)),
    "unusual": ("limit", (0.85, 0.93, 1.0, 1.1, 1.25)),
    "cusum": ("limit", (0.6, 0.8, 1.0, 1.5, 2.0)),
    "joint_rise": ("joint", (0.8, 0.9, 1.0, 1.2, 1.5)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One stream's stored observations, oldest first."""

    time_us: NDArray[np.int64]
    result: NDArray[np.float64]
    quality: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.time_us)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One time a rule spoke: from its first word to its last; ``pages``: a danger of the world."""

    rule: str
    begin_us: int
    end_us: int
    pages: bool
    words_en: str
    words_zh: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A rule with its knob at ``value``; ``current`` is where it stands now.

    ``knob`` is an option of the rule, or the name of one of the stream's levels.
    """

    rule: Rule
    stream: Datastream
    knob: str
    value: float
    current: bool


def backtested(rules: Sequence[Rule], stream: Datastream) -> list[Rule]:
    """Return the rules that look at ``stream`` and can be held against one series alone."""
    return [rule for rule in rules if rule.detector not in APART and rule.matches(stream)]


def turns(rule: Rule, stream: Datastream, usual: float, default: float | None) -> list[Turn]:
    """Return the positions of the rule's knob, lowest first; none where it has no knob.

    ``usual`` is the middle of what the stream says, ``default`` the knob's value where the
    rule does not set it.
    """
    if rule.detector == LEVEL:
        return [
            turn
            for place in range(len(stream.levels))
            for turn in shifted(rule, stream, place, usual)
        ]
    if rule.detector not in KNOBS or default is None:
        return []
    knob, factors = KNOBS[rule.detector]
    return [
        Turn(
            rule=replace(rule, options=turned(rule, knob, round(default * factor, 4))),
            stream=stream,
            knob=knob,
            value=round(default * factor, 4),
            current=factor == 1.0,
        )
        for factor in factors
    ]


def turned(rule: Rule, knob: str, value: float) -> dict[str, Any]:
    """Return the rule's options with its knob at ``value``, and what has to follow it."""
    options: dict[str, Any] = {**rule.options, knob: value}
    if rule.detector == "forecast":
        options["at_once"] = min(max(float(options.get("at_once", 0.3)), value), 1.0)
    return options


def shifted(rule: Rule, stream: Datastream, place: int, usual: float) -> Iterator[Turn]:
    """Yield the stream with one of its levels alone, moved towards the usual value and away."""
    level = stream.levels[place]
    above = level.above is not None
    limit = level.above if above else level.below
    if limit is None:
        return
    for share in SHIFTS:
        value = limit if share == 0.0 else round(limit + share * (limit - usual), 3)
        moved = replace(level, above=value) if above else replace(level, below=value)
        yield Turn(
            rule=rule, stream=replace(stream, levels=(moved,)), knob=level.name, value=value,
            current=share == 0.0,
        )  # fmt: skip


def alarms(
    rule: Rule, stream: Datastream, column: Column, fitter: Fitter | None = None
) -> list[Alarm]:
    """Return what ``rule`` would have said of ``column``; ``fitter`` gives baselines.

    Raises:
        ValueError: the rule's options cannot be.
    """
    stack = Stack([rule], {})
    stack.bind(stream)
    said: list[Transition] = []
    fitted_us = -FIT_EVERY_US
    for at in range(0, len(column), CHUNK):
        batch = batch_of_column(column, stream.slot, at, min(at + CHUNK, len(column)))
        said += stack.update(batch)
        now_us, last = int(batch.time_us[-1]) + HOLD_US, int(batch.offset[-1])
        if stack.due(now_us):
            said += stack.control("tick", now_us, last, {})
        if fitter is not None and now_us - fitted_us >= FIT_EVERY_US and stack.wanting(now_us):
            end, fitted_us = at + len(batch), now_us
            params = {**fitter(column.time_us[:end], column.result[:end]), "at_us": now_us}
            stack.control("fit", now_us, last, {"slot": stream.slot, "params": params})
    return joined(rule, said, int(column.time_us[-1]) if len(column) else 0)


def joined(rule: Rule, said: Sequence[Transition], end_us: int) -> list[Alarm]:
    """Return the steps of conditions as alarms, each from its rise until it was cleared."""
    found: list[Alarm] = []
    standing: dict[str, Alarm] = {}
    for step in said:
        if step.change in RISING and step.key not in standing:
            standing[step.key] = Alarm(
                rule=rule.name, begin_us=step.time_us, end_us=end_us,
                pages=step.kind is Kind.WORLD, words_en=step.evidence.words_en,
                words_zh=step.evidence.words_zh,
            )  # fmt: skip
        elif step.change is Change.CLEARED and step.key in standing:
            found.append(replace(standing.pop(step.key), end_us=step.time_us))
    return sorted([*found, *standing.values()], key=lambda alarm: alarm.begin_us)


def batch_of_column(column: Column, slot: int, start: int, end: int) -> Batch:
    """Return a stretch of ``column`` as live observations."""
    part = slice(start, end)
    time_us, size = column.time_us[part], end - start
    offset = np.arange(start + 1, end + 1, dtype=np.int64)
    return Batch(
        offset=offset, slot=np.full(size, slot, np.int32), time_us=time_us, start_us=time_us,
        result=column.result[part], quality=column.quality[part],
        lateness=np.full(size, Lateness.LIVE, np.int8), received_us=time_us, message=offset,
    )  # fmt: skip
