"""Which numbers are stored: sets of whole numbers kept as ranges."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Ranges:
    """A set of numbers as disjoint ranges that do not touch, lowest first.

    ``changed`` names the ranges (by their low end) to write, ``removed`` those to
    delete, since both were last cleared.
    """

    __slots__ = ("changed", "highs", "lows", "removed")

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self.lows: list[int] = []
        self.highs: list[int] = []
        self.changed: set[int] = set()
        self.removed: set[int] = set()
        for low, high in sorted(ranges):
            self.lows.append(low)
            self.highs.append(high)

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self.lows, number) - 1
        return place >= 0 and number <= self.highs[place]

    def add(self, number: int) -> bool:
        """Take in ``number``; False when it was there already."""
        place = bisect_right(self.lows, number) - 1
        if place >= 0 and number <= self.highs[place]:
            return False
        after = place >= 0 and self.highs[place] == number - 1
        before = place + 1 < len(self.lows) and self.lows[place + 1] == number + 1
        if before:
            self._remove_low(place + 1)
        if after:
            self.highs[place] = self.highs.pop(place + 1) if before else number
            self._change(self.lows[place])
        else:
            self.lows.insert(place + 1, number)
            if not before:
                self.highs.insert(place + 1, number)
            self._change(number)
        return True

    def touches(self, number: int) -> bool:
        """Say whether ``number`` is in a range, or next to one."""
        return any(near in self for near in (number - 1, number, number + 1))

    def pairs(self) -> list[tuple[int, int]]:
        """Return the ranges, lowest first."""
        return list(zip(self.lows, self.highs, strict=True))

    def to_write(self) -> list[tuple[int, int]]:
        """Return the ranges that changed since they were last written."""
        return [(low, self.highs[bisect_right(self.lows, low) - 1]) for low in self.changed]

    def written(self) -> None:
        """Say that ``changed`` and ``removed`` are on disk."""
        self.changed.clear()
        self.removed.clear()

    def _change(self, low: int) -> None:
        self.changed.add(low)
        self.removed.discard(low)

    def _remove_low(self, place: int) -> None:
        low = self.lows.pop(place)
        self.changed.discard(low)
        self.removed.add(low)


def ranges_of(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Return ``numbers`` as ranges, lowest first."""
    ranges: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges
