"""The pictures of docs/detection.md, drawn from made-up series and the real detectors.

python -m bench.detect.pictures docs/pictures
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hub.detect.bench import factory
from hub.model.transition import Change

if TYPE_CHECKING:
    from hub.model.transition import Transition

WIDE, HIGH = 720, 240
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 16, 28
RED, BLUE, GREY, AMBER = "#c0392b", "#1f5f99", "#888", "#d68910"
DAYS: Final = 40


class Picture:
    """One chart: a line over hours, levels, bands and marks."""

    def __init__(self, hours: np.ndarray, values: np.ndarray, unit: str) -> None:
        self._x0, self._x1 = float(hours[0]), float(hours[-1])
        margin = 0.1 * float(np.ptp(values))
        self._y0, self._y1 = float(values.min()) - margin, float(values.max()) + 2 * margin
        self._parts: list[str] = []
        places = (f"{self._x(h):.1f},{self._y(v):.1f}" for h, v in zip(hours, values, strict=True))
        self._line = f'<polyline points="{" ".join(places)}" fill="none" stroke="{BLUE}"/>'
        for value in np.linspace(self._y0, self._y1, 4)[1:-1]:
            self._text(4, self._y(value) + 4, f"{value:.1f} {unit}", GREY)

    def level(self, value: float, name: str, colour: str) -> None:
        """Draw a level across."""
        y = self._y(value)
        self._parts.append(
            f'<path d="M{LEFT} {y:.1f}H{WIDE - RIGHT}" stroke="{colour}" stroke-dasharray="5 4"/>'
        )
        self._text(WIDE - RIGHT - 60, y - 4, name, colour)

    def band(self, start: float, end: float, words: str, row: int = 0) -> None:
        """Shade a span of hours and say what it is."""
        x, wide = self._x(start), max(self._x(end) - self._x(start), 2.0)
        self._parts.append(
            f'<rect x="{x:.1f}" y="{TOP}" width="{wide:.1f}" height="{HIGH - TOP - BOTTOM}" '
            f'fill="{AMBER}" opacity="0.25"/>'
        )
        self._text(x + 3, TOP + 12 + 13 * row, words, "#7e5109")

    def hours(self, step: float, name: str) -> None:
        """Write the time axis."""
        for hour in np.arange(np.ceil(self._x0 / step) * step, self._x1, step):
            self._text(self._x(float(hour)) - 8, HIGH - 10, f"{hour / step * step:.0f}", GREY)
        self._text(WIDE - RIGHT - 40, HIGH - 10, name, GREY)

    def save(self, path: Path) -> None:
        """Write the picture."""
        body = "\n".join([*self._parts, self._line])
        path.write_text(
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {HIGH}" '
            f'font-family="sans-serif" font-size="11">\n'
            f'<rect width="{WIDE}" height="{HIGH}" fill="white"/>\n{body}\n</svg>\n',
            encoding="utf-8",
        )

    def _text(self, x: float, y: float, words: str, colour: str) -> None:
        self._parts.append(f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}">{words}</text>')

    def _x(self, hour: float) -> float:
        return LEFT + (hour - self._x0) / (self._x1 - self._x0) * (WIDE - LEFT - RIGHT)

    def _y(self, value: float) -> float:
        return TOP + (self._y1 - value) / (self._y1 - self._y0) * (HIGH - TOP - BOTTOM)


def heard(meta: dict[str, Any], values: np.ndarray, interval_s: float) -> list[Transition]:
    """Return what the production stack says of a series."""
    detector, said = factory({**meta, "interval_s": interval_s}), []
    detector.listen(said.append)
    for number, value in enumerate(values):
        detector.update(number * interval_s, float(value))
    return said


def flood(folder: Path) -> None:
    """Draw a flood: the level, danger, when it was warned and what was said."""
    rng = np.random.default_rng(1)
    quarter = np.arange(96 * DAYS)
    level = 0.8 + 0.004 * rng.standard_normal(len(quarter))
    for peak, day in ((0.5, 12), (1.7, 37)):
        since = quarter - 96 * day
        rise = np.where(since > 0, (since / 40) * np.exp(1 - since / 40), 0.0)
        level += peak * rise
    meta = {"danger_level": 2.0, "watch_level": 1.6, "unit": "m"}
    said = [s for s in heard(meta, level, 900.0) if s.evidence.detector == "forecast"]
    near = slice(96 * 36 + 48, 96 * 39)
    picture = Picture(quarter[near] / 4, level[near], "m")
    picture.level(2.0, "danger", RED)
    picture.level(1.6, "watch", GREY)
    raised = next(s for s in said if s.change is Change.RAISED)
    cleared = next((s for s in said if s.change is Change.CLEARED), said[-1])
    picture.band(raised.time_us / 3.6e9, cleared.time_us / 3.6e9, raised.evidence.words_en)
    picture.hours(6.0, "hours")
    picture.save(folder / "flood.svg")


def odd(folder: Path) -> None:
    """Draw a sensor that spikes, sticks, shifts and gets noisy, and what that is called."""
    rng = np.random.default_rng(5)
    quarter = np.arange(96 * DAYS)
    wave = np.sin(quarter / 96 * 2 * np.pi)
    values = np.round(8 + wave + 0.04 * rng.standard_normal(len(quarter)), 3)
    first = 96 * 34
    values[first + 48] += 2.5
    values[first + 150 : first + 200] = values[first + 150]
    values[first + 300 :] -= 1.8
    values[first + 420 : first + 450] += 0.8 * rng.standard_normal(30)
    said = [s for s in heard({"unit": "Cel"}, values, 900.0) if s.evidence.detector == "surprise"]
    picture = Picture(quarter[first:] / 4, values[first:], "°C")
    begun: dict[str, Transition] = {}
    for row, step in enumerate(s for s in said if s.time_us / 9e8 >= first):
        if step.change is Change.CLEARED and begun:
            start = begun.pop("x")
            name = str(step.evidence.parameters["nature"])
            picture.band(start.time_us / 3.6e9, step.time_us / 3.6e9, name, row % 3)
        else:
            begun.setdefault("x", step)
    picture.hours(24.0, "hours")
    picture.save(folder / "surprise.svg")


def main() -> int:
    """Draw both into the folder given."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    flood(folder)
    odd(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
