"""A chart of an evidence window in plain characters: values, threshold, quality. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hub.cli.show import local_time
from hub.model.observation import Quality

if TYPE_CHECKING:
    from collections.abc import Sequence

Window = tuple[tuple[int, float | None, int], ...]

MARKS: Final = {
    Quality.PASS: "●",
    Quality.NOT_EVALUATED: "●",
    Quality.SUSPECT: "○",
    Quality.FAIL: "×",
    Quality.MISSING: "×",
}
NULL_MARK: Final = "┄"
LIMIT_MARK: Final = "─"
GUTTER: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """How values and times map onto rows and columns; row 0 is at the top."""

    low: float
    high: float
    start_us: int
    end_us: int
    columns: int
    rows: int

    def row(self, value: float) -> int:
        """Return the row of a value."""
        share = (value - self.low) / (self.high - self.low)
        return min(max(round((1 - share) * (self.rows - 1)), 0), self.rows - 1)

    def column(self, time_us: int) -> int:
        """Return the column of an instant."""
        length = max(self.end_us - self.start_us, 1)
        return round((time_us - self.start_us) / length * (self.columns - 1))

    def value(self, row: int) -> float:
        """Return the value at the middle of a row."""
        return self.high - row / (self.rows - 1) * (self.high - self.low)


def chart(
    window: Window, *, limit: float | None, zone: str, columns: int = 72, rows: int = 12
) -> list[str]:
    """Return the lines of a chart; empty when there is nothing to draw.

    Each mark is one observation (the worst quality wins where two share a place): ●
    passed, ○ suspect, a cross failed; ┄ at the bottom is a null; the line is ``limit``.
    """
    values = [result for _, result, _ in window if result is not None]
    if not values:
        return []
    frame = frame_of(window, values if limit is None else [*values, limit], columns, rows)
    grid = [[" "] * columns for _ in range(rows)]
    if limit is not None:
        grid[frame.row(limit)] = [LIMIT_MARK] * columns
    for time_us, result, quality in sorted(window, key=lambda point: point[2]):
        row = rows - 1 if result is None else frame.row(result)
        mark = NULL_MARK if result is None else MARKS[Quality(quality)]
        grid[row][frame.column(time_us)] = mark
    return [*lines(grid, frame, limit), axis(frame, zone)]


def frame_of(window: Window, values: Sequence[float], columns: int, rows: int) -> Frame:
    """Return the frame that holds everything, with a little air above and below."""
    low, high = min(values), max(values)
    air = (high - low) * 0.05 or max(abs(high) * 0.05, 0.5)
    return Frame(
        low=low - air,
        high=high + air,
        start_us=window[0][0],
        end_us=window[-1][0],
        columns=columns,
        rows=rows,
    )


def lines(grid: list[list[str]], frame: Frame, limit: float | None) -> list[str]:
    """Return the rows of the grid, labelled at top, bottom and the threshold."""
    labels = {0: frame.value(0), frame.rows - 1: frame.value(frame.rows - 1)}
    if limit is not None:
        labels[frame.row(limit)] = limit
    gutters = [f"{labels[r]:>{GUTTER - 2}.4g}" if r in labels else "" for r in range(frame.rows)]
    return [
        f"{gutter:>{GUTTER - 2}} ┤{''.join(cells).rstrip()}"
        for gutter, cells in zip(gutters, grid, strict=True)
    ]


def axis(frame: Frame, zone: str) -> str:
    """Return the line of times below the chart."""
    start = local_time(frame.start_us, zone, date=False)
    end = local_time(frame.end_us, zone, date=False)
    return " " * GUTTER + start + end.rjust(frame.columns - len(start))


def qualities(window: Window) -> dict[str, int]:
    """Return how many observations carry each flag, by its name; nulls count as missing."""
    counts = {quality.name.lower().replace("_", " "): 0 for quality in Quality}
    for _, result, quality in window:
        flag = Quality.MISSING if result is None else Quality(quality)
        counts[flag.name.lower().replace("_", " ")] += 1
    return {name: count for name, count in counts.items() if count}
