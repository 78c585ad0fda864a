"""A stored series with its levels, and beneath it when each rule would have spoken. SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

import numpy as np

from hub.cli.show import local_time
from hub.cli.words import say
from hub.dispatch.words import unit_name
from hub.flow.tune import verdict_of
from hub.store.answers import Verdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hub.detect.backtest import Column
    from hub.flow.tune import RuleTuned, Tuned
    from hub.model.network import Datastream

WIDE, HIGH = 960, 300
LEFT, RIGHT, TOP = 150, 16, 34
ROW: Final = 24
POINTS: Final = 1600  # extremes of so many stretches are drawn: no peak is left out
COLOURS: Final = {Verdict.REAL: "#1f7a3d", Verdict.FALSE: "#c0392b", Verdict.NONE: "#8a6d1a"}
NAMES: Final = {
    Verdict.REAL: "called real",
    Verdict.FALSE: "called false",
    Verdict.NONE: "nobody said",
}
SVG: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" '
    'font-family="sans-serif" font-size="12">'
)
LINE, LEVEL, GREY = "#1f5f99", "#c0392b", "#666"


def drawn(found: Tuned, stream: Datastream, column: Column, zone: str, language: str) -> str:
    """Return the picture as SVG text."""
    high = HIGH + TOP + ROW * len(found.rules) + 40
    x = Scale(found.begin_us, max(found.end_us, found.begin_us + 1), LEFT, WIDE - RIGHT)
    parts = [
        SVG.format(wide=WIDE, high=high),
        f'<rect width="{WIDE}" height="{high}" fill="#fff"/>',
        text(LEFT, 18, f"{stream.id}  {found.pages} {say(language, 'pages made')}"),
        *series(stream, column, x),
    ]
    for row, rule in enumerate(found.rules):
        parts += lane(rule, found, x, TOP + HIGH + ROW * row)
    for place, at_us, anchor in (
        (LEFT, found.begin_us, "start"),
        (WIDE - RIGHT, found.end_us, "end"),
    ):
        parts.append(text(place, high - 22, local_time(at_us, zone)[:16], GREY, anchor))
    parts += legend(high - 6, language)
    return "\n".join([*parts, "</svg>"]) + "\n"


class Scale:
    """From a range of values to a range of pixels; call it with a value."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self._low, self._start = low, start
        self._by = (end - start) / ((high - low) or 1.0)

    def __call__(self, value: float) -> float:
        """Return the pixel of ``value``."""
        return self._start + (value - self._low) * self._by


def text(x: float, y: float, words: str, colour: str = "#222", anchor: str = "start") -> str:
    """Return a text."""
    place = f'x="{x:.0f}" y="{y:.0f}" fill="{colour}" text-anchor="{anchor}"'
    return f"<text {place}>{escape(words)}</text>"


def series(stream: Datastream, column: Column, x: Scale) -> list[str]:
    """Return the line of the series and its levels."""
    times, values = extremes(column.time_us, column.result)
    limits = [v for level in stream.levels for v in (level.above, level.below) if v is not None]
    low, high = float(min([*values, *limits])), float(max([*values, *limits]))
    margin = 0.06 * ((high - low) or 1.0)
    y = Scale(low - margin, high + margin, TOP + HIGH - 12, TOP)
    places = " ".join(f"{x(t):.1f},{y(v):.1f}" for t, v in zip(times, values, strict=True))
    parts = [f'<polyline points="{places}" fill="none" stroke="{LINE}"/>']
    unit = unit_name(stream.unit)
    parts += [
        text(LEFT - 8, y(value) + 4, f"{value:.4g} {unit}", GREY, "end") for value in (low, high)
    ]
    for level in stream.levels:
        limit = level.above if level.above is not None else level.below
        if limit is not None:
            parts.append(
                f'<path d="M{LEFT} {y(limit):.1f}H{WIDE - RIGHT}" stroke="{LEVEL}"'
                ' stroke-dasharray="5 4"/>'
            )
            parts.append(text(LEFT + 4, y(limit) - 4, f"{level.name} {limit:g}", LEVEL))
    return parts


def extremes(
    time_us: NDArray[np.int64], result: NDArray[np.float64]
) -> tuple[list[int], list[float]]:
    """Return lowest and highest reading of each of ``POINTS`` stretches, in order."""
    there = np.flatnonzero(np.isfinite(result))
    if not len(there):
        return [int(time_us[0])], [0.0]
    kept: set[int] = set()
    for part in np.array_split(there, min(POINTS, len(there))):
        kept |= {int(part[np.argmin(result[part])]), int(part[np.argmax(result[part])])}
    order = sorted(kept)
    return [int(time_us[i]) for i in order], [float(result[i]) for i in order]


def lane(rule: RuleTuned, found: Tuned, x: Scale, y: float) -> list[str]:
    """Return one rule's alarms as bars, coloured by what people said."""
    parts = [text(LEFT - 8, y + 14, rule.rule, "#222", "end")]
    parts.append(f'<path d="M{LEFT} {y + 20:.1f}H{WIDE - RIGHT}" stroke="#ddd"/>')
    for alarm in rule.alarms:
        wide = max(x(alarm.end_us) - x(alarm.begin_us), 2.0)
        colour = COLOURS[verdict_of(alarm, found.answers)]
        said = escape(f"{alarm.words_en} {alarm.words_zh}")
        parts.append(
            f'<rect x="{x(alarm.begin_us):.1f}" y="{y + 4:.1f}" width="{wide:.1f}" height="14"'
            f' fill="{colour}"><title>{said}</title></rect>'
        )
    return parts


def legend(y: float, language: str) -> list[str]:
    """Return what the colours mean."""
    return [
        text(LEFT + 150 * place, y, f"■ {say(language, name)}", COLOURS[verdict])
        for place, (verdict, name) in enumerate(NAMES.items())
    ]
