"""Small phrases for evidence, in English and Chinese."""

from __future__ import annotations

import math
from typing import Final

SHOWN: Final = {"Cel": "°C", "degC": "°C", "1": "", "{count}": "", "[ppm]": "ppm"}
MINUTE_S: Final = 60
HOUR_S: Final = 3600
DAY_S: Final = 86400

LEAST: Final = {"m": 2, "Cel": 1}  # decimals


def quantity(value: float, unit: str) -> str:
    """Return ``value`` with three digits that matter, and its unit as people write it.

    A river is told to the centimetre also where its gauge counts from the sea.
    """
    shown = SHOWN.get(unit, unit)
    digits = 0 if value == 0 else max(LEAST.get(unit, 0), 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{min(digits, 6)}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"{text} {shown}".rstrip()


def span(seconds: float) -> tuple[str, str]:
    """Return a duration in words, English and Chinese: ``("40 min", "40 分钟")``."""
    if seconds < 2 * MINUTE_S:
        return f"{seconds:.0f} s", f"{seconds:.0f} 秒"
    if seconds < 2 * HOUR_S:
        return f"{seconds / MINUTE_S:.0f} min", f"{seconds / MINUTE_S:.0f} 分钟"
    if seconds < 2 * DAY_S:
        return f"{seconds / HOUR_S:.0f} h", f"{seconds / HOUR_S:.0f} 小时"
    return f"{seconds / DAY_S:.0f} days", f"{seconds / DAY_S:.0f} 天"
