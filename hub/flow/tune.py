"""Backtests a stream's rules on its stored history and holds them against people's answers.

History is log and InfluxDB as one. Of each rule: how often it would have spoken, how often
people called that real or false, and what other values of its knob would have done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from hub.detect import DETECTORS, FUSIONS
from hub.detect.backtest import KNOBS, LEVEL, Alarm, Column, alarms, backtested, turns
from hub.errors import ConfigError
from hub.flow.fits import fit_baseline
from hub.instant import MICROSECONDS
from hub.model.observation import Quality
from hub.store.answers import Answer, Verdict
from hub.words import Words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from hub.detect.backtest import Fitter, Turn
    from hub.detect.cusum import CusumSettings
    from hub.model.network import Datastream
    from hub.model.rule import Rule

FEWEST: Final = 200  # readings: below, no detector has learnt the stream
SAME_US: Final = 6 * 3600 * MICROSECONDS  # an alarm so near to an incident is about it
TOO_LITTLE: Final = Words(
    "{count} readings stored between these times: too few to say anything, at least {least}",
    "该时段只存有 {count} 个测值，不足以判断，至少需要 {least} 个",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Alarms counted against people's answers: ``missed`` incidents were real and not told."""

    alarms: int
    right: int
    wrong: int
    unknown: int
    missed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One position of a knob and what it would have done."""

    knob: str
    value: float
    current: bool
    score: Score


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTuned:
    """One rule: its alarms as it stands, and its knob's positions.

    ``advice`` are the positions that keep all that was right and were wrong less often, or
    that would have caught what was missed, one for each knob; empty where none is better.
    """

    rule: str
    detector: str
    pages: bool
    alarms: tuple[Alarm, ...]
    score: Score
    tried: tuple[Tried, ...]
    advice: tuple[Tried, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """The whole account of one stream."""

    stream: str
    unit: str
    begin_us: int
    end_us: int
    readings: int
    late: int
    limited: str
    pages: int
    answers: tuple[Answer, ...]
    rules: tuple[RuleTuned, ...]


def column_of(frame: pd.DataFrame) -> Column:
    """Return a frame of ``History.range`` as a column for the detectors."""
    result = frame["result"].to_numpy(np.float64)
    quality = np.where(np.isnan(result), Quality.MISSING, frame["quality"].to_numpy())
    return Column(
        time_us=frame["time_us"].to_numpy(np.int64), result=result, quality=quality.astype(np.int8)
    )


def tune(
    stream: Datastream,
    rules: Sequence[Rule],
    frame: pd.DataFrame,
    answers: Sequence[Answer],
    progress: Callable[[float], None] | None = None,
) -> Tuned:
    """Return what the rules of ``stream`` would have done over ``frame``.

    ``progress`` hears the share done, 0 to 1.

    Raises:
        ConfigError: there is too little history.
    """
    if len(frame) < FEWEST:
        raise ConfigError(stream.id, TOO_LITTLE.filled(count=len(frame), least=FEWEST))
    column = column_of(frame)
    begin_us, end_us = int(column.time_us[0]), int(column.time_us[-1])
    within = tuple(a for a in answers if a.end_us >= begin_us and a.begin_us <= end_us)
    looked = backtested(rules, stream)
    done: list[RuleTuned] = []
    for number, rule in enumerate(looked):
        done.append(rule_tuned(rule, stream, column, within))
        if progress is not None:
            progress((number + 1) / len(looked))
    return Tuned(
        stream=stream.id, unit=stream.unit, begin_us=begin_us, end_us=end_us,
        readings=len(frame), late=int(frame["late"].sum()),
        limited=str(frame.attrs.get("limited", "")), pages=pages_of(done), answers=within,
        rules=tuple(done),
    )  # fmt: skip


def rule_tuned(
    rule: Rule, stream: Datastream, column: Column, answers: Sequence[Answer]
) -> RuleTuned:
    """Return what one rule would have done, as it stands and at other positions."""
    fitter = fitter_of(rule)
    found = alarms(rule, stream, column, fitter)
    usual = float(np.nanmedian(column.result)) if np.isfinite(column.result).any() else 0.0
    positions = turns(rule, stream, usual, knob_of(rule))
    tried = tuple(tried_of(turn, column, answers, fitter) for turn in positions)
    return RuleTuned(
        rule=rule.name, detector=rule.detector, pages=any(alarm.pages for alarm in found),
        alarms=tuple(found), score=scored(found, answers), tried=tried, advice=advised(tried),
    )  # fmt: skip


def fitter_of(rule: Rule) -> Fitter | None:
    """Return what fits a baseline for ``rule``, None where it needs none."""
    if rule.detector != "cusum":
        return None
    made, _ = DETECTORS[rule.detector]
    settings: CusumSettings = made(**rule.options)
    return lambda times_us, results: fit_baseline(*known(times_us, results), settings)


def known(times_us: np.ndarray, results: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the readings that are not null."""
    there = np.isfinite(results)
    return times_us[there], results[there]


def knob_of(rule: Rule) -> float | None:
    """Return where the rule's knob stands now."""
    if rule.detector == LEVEL or rule.detector not in KNOBS:
        return None
    settings, _ = {**DETECTORS, **FUSIONS}[rule.detector]
    return float(getattr(settings(**rule.options), KNOBS[rule.detector][0]))


def tried_of(turn: Turn, column: Column, answers: Sequence[Answer], fitter: Fitter | None) -> Tried:
    """Return what the rule would have done at one position."""
    found = alarms(turn.rule, turn.stream, column, fitter)
    return Tried(
        knob=turn.knob, value=turn.value, current=turn.current, score=scored(found, answers)
    )


def scored(found: Sequence[Alarm], answers: Sequence[Answer]) -> Score:
    """Return how ``found`` stands against what people said."""
    verdicts = [verdict_of(alarm, answers) for alarm in found]
    real = [answer for answer in answers if answer.verdict is Verdict.REAL]
    told = sum(any(about(alarm, answer) for alarm in found) for answer in real)
    return Score(
        alarms=len(found),
        right=verdicts.count(Verdict.REAL),
        wrong=verdicts.count(Verdict.FALSE),
        unknown=verdicts.count(Verdict.NONE),
        missed=len(real) - told,
    )


def verdict_of(alarm: Alarm, answers: Sequence[Answer]) -> Verdict:
    """Return what people said of the incidents near ``alarm``; real outweighs false."""
    said = {answer.verdict for answer in answers if about(alarm, answer)}
    return next((v for v in (Verdict.REAL, Verdict.FALSE) if v in said), Verdict.NONE)


def about(alarm: Alarm, answer: Answer) -> bool:
    """Say whether an alarm is about an incident: at the same time, or within some hours."""
    return alarm.begin_us - SAME_US <= answer.end_us and alarm.end_us + SAME_US >= answer.begin_us


def advised(tried: Sequence[Tried]) -> tuple[Tried, ...]:
    """Return for each knob the position that people's answers speak for, if one does.

    It misses no more, is wrong no more often, and does one of both better; of several the
    one that is nearest to where the knob stands.
    """
    found = []
    for knob in dict.fromkeys(one.knob for one in tried):
        own = [one for one in tried if one.knob == knob]
        now = next(one for one in own if one.current)
        better = [one for one in own if better_than(one.score, now.score)]
        if better:
            cost = {id(one): (one.score.missed, one.score.wrong) for one in better}
            found.append(min(better, key=lambda o: (*cost[id(o)], abs(o.value - now.value))))
    return tuple(found)


def better_than(one: Score, now: Score) -> bool:
    """Say whether ``one`` is better by people's answers and in nothing worse."""
    no_worse = one.missed <= now.missed and one.wrong <= now.wrong
    return no_worse and (one.missed, one.wrong) != (now.missed, now.wrong)


def pages_of(done: Sequence[RuleTuned]) -> int:
    """Return how many times people would have been paged: alarms that overlap page once."""
    spans = sorted((a.begin_us, a.end_us) for rule in done for a in rule.alarms if a.pages)
    pages, until_us = 0, -(2**62)
    for begin_us, end_us in spans:
        pages += begin_us > until_us
        until_us = max(until_us, end_us)
    return pages
