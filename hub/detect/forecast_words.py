"""A flood forecast in words, English and Chinese."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hub.detect.words import quantity, span

if TYPE_CHECKING:
    from hub.model.network import Datastream, Level

LEAST_SAID: Final = 0.1  # a chance below this is no news; that it is above the watch level is


def phrase(
    stream: Datastream,
    danger: Level,
    value: float,
    why: tuple[float, tuple[float, float, float] | None, float, bool],
) -> tuple[str, str]:
    """Return the forecast in words: chance, level, when, and how fast it rises now."""
    odds, eta, per_h, raised = why
    at, limit = quantity(value, stream.unit), quantity(danger.above or 0.0, stream.unit)
    if not raised:
        return f"{at}, no longer heading for {danger.name}", f"{at}，已不再趋向“{danger.name}”"
    if value >= (danger.above or 0.0):
        return (
            f"{at}, at or above {danger.name} ({limit})",
            f"{at}，已达到“{danger.name}”（{limit}）",
        )
    rate = quantity(per_h, stream.unit)
    if odds < LEAST_SAID:
        en, zh = f"{at}, near {danger.name} ({limit})", f"{at}，接近“{danger.name}”（{limit}）"
        return f"{en} and rising {rate}/h", f"{zh}，每小时上升 {rate}"
    en = f"{at}, rising {rate}/h; {odds:.0%} likely to reach {danger.name} ({limit})"
    zh = f"{at}，每小时上升 {rate}；有 {odds:.0%} 可能达到“{danger.name}”（{limit}）"
    if eta is None:
        return en, zh
    (mid, mid_zh), (low, low_zh), (high, high_zh) = (span(part) for part in eta)
    return f"{en} in {mid} ({low} to {high})", f"{zh}，约 {mid_zh}后（{low_zh}至{high_zh}）"
