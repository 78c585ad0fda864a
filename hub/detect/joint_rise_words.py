"""A room that looks like fire as a step of a condition, in words, English and Chinese."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hub.detect.words import quantity
from hub.model.network import Datastream, Hazard
from hub.model.transition import Certainty, Change, Evidence, Kind, Transition, Urgency

if TYPE_CHECKING:
    from hub.detect.live import Readings
    from hub.model.rule import Rule

CHANNELS: Final = {
    "temperature": "heat",
    "air_temperature": "heat",
    "smoke": "smoke",
    "smoke_density": "smoke",
    "smoke_obscuration": "smoke",
    "co": "smoke",
    "carbon_monoxide": "smoke",
}
WORDS: Final = {"heat": ("temperature", "温度"), "smoke": ("smoke", "烟雾")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is seen in a room: ``burning`` rooms of all rooms of the building, itself included.

    ``statistic`` is how often the channels' usual noise, ``limit`` how often was enough.
    """

    room: tuple[str, str]
    streams: Sequence[Datastream]
    statistic: float
    limit: float
    burning: tuple[int, int]
    raised: bool


def step_of(
    rule: Rule, stream: Datastream, other: Datastream, one: Readings, seen: Seen
) -> Transition:
    """Return the step of one room's condition; two channels or two rooms make it likely."""
    alike = stream is not other or seen.burning[0] > 1
    en, zh = phrase(seen)
    return Transition(
        key=f"{rule.name}:{stream.site}/{seen.room[0]}",
        change=Change.RAISED if seen.raised else Change.CLEARED,
        kind=Kind.WORLD,
        severity=rule.severity,
        time_us=int(one.time_us[0]),
        offset=int(one.offset[0]),
        slot=-1,
        hazard=rule.hazard or Hazard.FIRE,
        site=stream.site,
        certainty=Certainty.LIKELY if alike else Certainty.POSSIBLE,
        urgency=Urgency.IMMEDIATE if seen.raised else Urgency.PAST,
        evidence=Evidence(
            detector="joint_rise",
            rule=rule.name,
            words_en=en,
            words_zh=zh,
            value=float(one.result[0]),
            unit=stream.unit,
            statistic=seen.statistic,
            statistic_limit=seen.limit,
            onset_us=int(one.time_us[0]),
            parameters={"datastream": stream.id, "with": other.id},
        ),
    )


def phrase(seen: Seen) -> tuple[str, str]:
    """Return what rises in a room, how far above its usual noise, and in how many rooms."""
    en, zh = seen.room
    if not seen.raised:
        return f"{en}: no longer rising", f"{zh}：已不再上升"
    names = [WORDS[CHANNELS[stream.measured]] for stream in seen.streams]
    times = quantity(seen.statistic, "")
    if len(names) > 1:
        both_en, both_zh = " and ".join(n[0] for n in names), "、".join(n[1] for n in names)
        en = f"{en}: {both_en} rising together, {times} times their usual noise"
        zh = f"{zh}：{both_zh}同时上升，为平时波动的 {times} 倍"
    else:
        en = f"{en}: {names[0][0]} rising fast, {times} times its usual noise"
        zh = f"{zh}：{names[0][1]}快速上升，为平时波动的 {times} 倍"
    burning, rooms = seen.burning
    if burning < 2:
        return en, zh
    return f"{en}; {burning} of {rooms} rooms agree", f"{zh}；{rooms} 个房间中 {burning} 个一致"
