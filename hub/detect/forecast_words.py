"""A flood forecast as a step of a condition, in words, English and Chinese."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from hub.detect import river
from hub.detect.words import HOUR_S, quantity, span
from hub.model.transition import Certainty, Change, Evidence, Kind, Transition, Urgency

if TYPE_CHECKING:
    from hub.model.network import Datastream, Level
    from hub.model.rule import Rule

LEAST_SAID: Final = 0.1  # a chance below this is no news; that it is above the watch level is
BURST: Final = ("; two more jumps like the last reach it", "；再有两次同样的突涨即达到")


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """What a forecast rests on at one reading.

    ``slope`` in the unit per second; ``chance`` of coming to the watch level and whether it
    is ``past_watch`` already; ``eta`` seconds to the crossing: middle, early and late;
    ``learnt`` what the gauge's own past says.
    """

    value: float
    slope: float
    chance: float
    limit: float
    past_watch: bool
    eta: tuple[float, float, float] | None
    raised: bool
    burst: bool
    time_us: int
    offset: int
    learnt: dict[str, float]

    @property
    def odds(self) -> float:
        """Return the chance of reaching the danger level as a person should read it."""
        odds = river.shown(self.chance)
        return odds / max(self.chance, odds) if self.past_watch else odds


def said(rule: Rule, stream: Datastream, danger: Level, foreseen: Foreseen) -> Transition:
    """Return the step of the warning of ``stream``."""
    raised, eta = foreseen.raised, foreseen.eta
    soon = eta is None or eta[0] < HOUR_S
    ahead = Urgency.IMMEDIATE if soon else Urgency.EXPECTED
    return Transition(
        key=f"{rule.name}:{stream.id}",
        change=Change.RAISED if raised else Change.CLEARED,
        kind=Kind.WORLD,
        severity=rule.severity,
        time_us=foreseen.time_us,
        offset=foreseen.offset,
        slot=stream.slot,
        hazard=rule.hazard,
        site=stream.site,
        certainty=certainty(foreseen, danger),
        urgency=ahead if raised else Urgency.PAST,
        evidence=evidence(rule, stream, danger, foreseen),
    )


def certainty(foreseen: Foreseen, danger: Level) -> Certainty:
    """Return what CAP calls it: seen at the level, likely (more than half), or possible."""
    if foreseen.raised and foreseen.value >= (danger.above or 0.0):
        return Certainty.OBSERVED
    return Certainty.LIKELY if foreseen.odds > 0.5 else Certainty.POSSIBLE


def evidence(rule: Rule, stream: Datastream, danger: Level, foreseen: Foreseen) -> Evidence:
    """Return what the warning rests on."""
    words_en, words_zh = phrase(stream, danger, foreseen)
    eta = foreseen.eta or (None, None, None)
    return Evidence(
        detector="forecast",
        rule=rule.name,
        words_en=words_en,
        words_zh=words_zh,
        value=foreseen.value,
        limit=danger.above,
        limit_name=danger.name,
        unit=stream.unit,
        statistic=foreseen.chance,
        statistic_limit=foreseen.limit,
        onset_us=foreseen.time_us,
        trend_per_h=foreseen.slope * HOUR_S,
        eta_s=eta[0],
        eta_low_s=eta[1],
        eta_high_s=eta[2],
        parameters={**foreseen.learnt, "odds": foreseen.odds},
    )


def phrase(stream: Datastream, danger: Level, foreseen: Foreseen) -> tuple[str, str]:
    """Return the forecast in words: chance, level, when, and how fast it rises now."""
    limit, at = danger.above or 0.0, quantity(foreseen.value, stream.unit)
    if not foreseen.raised:
        return f"{at}, no longer heading for {danger.name}", f"{at}，已不再趋向“{danger.name}”"
    if foreseen.value >= limit:
        reached = quantity(limit, stream.unit)
        return (
            f"{at}, at or above {danger.name} ({reached})",
            f"{at}，已达到“{danger.name}”（{reached}）",
        )
    en, zh = ahead(stream, danger, foreseen)
    return (en + BURST[0], zh + BURST[1]) if foreseen.burst else (en, zh)


def ahead(stream: Datastream, danger: Level, foreseen: Foreseen) -> tuple[str, str]:
    """Return what a river below the level is heading for."""
    at, limit = quantity(foreseen.value, stream.unit), quantity(danger.above or 0.0, stream.unit)
    odds = foreseen.odds
    rate = quantity(foreseen.slope * HOUR_S, stream.unit)
    if odds < LEAST_SAID:
        en, zh = f"{at}, near {danger.name} ({limit})", f"{at}，接近“{danger.name}”（{limit}）"
        return f"{en} and rising {rate}/h", f"{zh}，每小时上升 {rate}"
    en = f"{at}, rising {rate}/h; {odds:.0%} likely to reach {danger.name} ({limit})"
    zh = f"{at}，每小时上升 {rate}；有 {odds:.0%} 可能达到“{danger.name}”（{limit}）"
    if foreseen.eta is None:
        return en, zh
    (mid, mid_zh), (low, low_zh), (high, high_zh) = (span(part) for part in foreseen.eta)
    return f"{en} in {mid} ({low} to {high})", f"{zh}，约 {mid_zh}后（{low_zh}至{high_zh}）"


def on_its_way(evidence: Evidence, source: Datastream, foreseen: Foreseen) -> Evidence:
    """Return ``evidence`` of a warning that rests on what a source has already sent."""
    if not foreseen.raised:
        return evidence
    height = quantity(foreseen.learnt["coming"], evidence.unit)
    travel, travel_zh = span(foreseen.learnt["travel_s"])
    label, label_zh = source.label_en or source.id, source.label_zh or source.id
    return replace(
        evidence,
        detector="upstream",
        words_en=f"{evidence.words_en}; {label}: about {height} more on its way, {travel} off",
        words_zh=f"{evidence.words_zh}；{label_zh}：约 {height} 来水在途，{travel_zh}后到达",
        parameters={**evidence.parameters, "source": source.id},
    )
