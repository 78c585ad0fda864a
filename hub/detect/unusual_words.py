"""How a stream without a unit is said to be unusual, in English and Chinese."""

from __future__ import annotations

from hub.detect.words import quantity, span


def phrase(lately: float, usual: tuple[float, float], lasted_s: float) -> tuple[str, str]:
    """Return how far the mean of the last readings is from ``usual`` (from, to)."""
    at, low, high = (quantity(number, "") for number in (lately, *usual))
    above = lately > usual[1]
    en = f"unusually {'high' if above else 'low'}: about {at} lately, mostly {low} to {high}"
    zh = f"异常偏{'高' if above else '低'}：近期约 {at}，平时多为 {low} 至 {high}"
    if lasted_s > 0:
        lasting, lasting_zh = span(lasted_s)
        en, zh = f"{en}, for {lasting}", f"{zh}，已持续 {lasting_zh}"
    return en, zh


def over(lately: float) -> tuple[str, str]:
    """Return that it is over."""
    at = quantity(lately, "")
    return f"about {at} lately, nothing unusual any more", f"近期约 {at}，已无异常"
