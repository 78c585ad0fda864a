"""Numbers, spans and instants as a person reads them, each of bounded length. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from hub.clock import from_us
from hub.dispatch.segments import EXTENDED

if TYPE_CHECKING:
    from datetime import datetime


def at_zone(time_us: int, zone: str) -> datetime:
    """Return the local time in ``zone``; UTC where nobody knows the zone."""
    try:
        return from_us(time_us).astimezone(ZoneInfo(zone))
    except (KeyError, ValueError, OSError):
        return from_us(time_us)


def number(value: float) -> str:
    """Return ``value`` in at most nine characters, as exact as a person needs."""
    if not math.isfinite(value):
        return "?"
    size = abs(value)
    if size >= 1e6 or 0 < size < 0.005:
        return f"{value:.2g}"
    places = 2 if size < 100 else 1 if size < 1000 else 0
    plain = f"{value:.{places}f}"
    return (plain.rstrip("0").rstrip(".") if places else plain).replace("-0", "0", plain == "-0.00")


def duration(seconds: float, *, chinese: bool) -> str:
    """Return a length of time in minutes, hours or days, whichever reads best."""
    units = (
        (5400, 60, "min", "分钟"),
        (172800, 3600, "h", "小时"),
        (math.inf, 86400, "days", "天"),
    )
    size, english, local = next(
        (s, e, c) for most, s, e, c in units if seconds < most or most > 1e9
    )
    amount = min(max(round(seconds / size), 1), 999) if math.isfinite(seconds) else 999
    return f"{amount}{local}" if chinese else f"{amount} {english}"


def forecast_span(eta_s: float, low_s: float | None, high_s: float | None, *, chinese: bool) -> str:
    """Return ``40 min (25-70)``: all three in the unit of the middle one."""
    middle = duration(eta_s, chinese=chinese)
    if low_s is None or high_s is None or not math.isfinite(low_s + high_s + eta_s):
        return middle
    size = 60 if eta_s < 5400 else 3600 if eta_s < 172800 else 86400
    low, high = (min(max(round(s / size), 0), 999) for s in (low_s, high_s))
    return f"{middle}({low}-{high})" if chinese else f"{middle} ({low}-{high})"


def clip(text: str, width: int) -> str:
    """Return the beginning of ``text`` of at most ``width`` septets or UCS-2 units."""
    used = 0
    for index, char in enumerate(text):
        used += 2 if char in EXTENDED or ord(char) > 0xFFFF else 1
        if used > width:
            return text[:index].rstrip()
    return text


def clip_words(text: str, width: int) -> str:
    """Return ``text`` clipped to ``width``, at a word's end where that keeps most of it."""
    cut = clip(text, width)
    if cut == text or text[len(cut)] == " " or " " not in cut[len(cut) // 2 :]:
        return cut
    return cut.rsplit(" ", 1)[0].rstrip(" ,-")
