"""Corroboration: how many like streams of the site, or upstream of it, see the same.

Agreement raises a claim's certainty one step, disagreement of all lowers it one; either
is named ("3 of 4 agree"). It never holds a page back. Source: CAP 1.2, certainty; the
neighbour test of QARTOD (test 12).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hub.detect.live import readings, skips
from hub.detect.settings import positive
from hub.detect.table import Table
from hub.instant import MICROSECONDS
from hub.model.transition import Certainty, Change, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from hub.detect.live import One, Readings
    from hub.detect.table import Rows
    from hub.model.network import Datastream, Site
    from hub.model.observation import Batch
    from hub.model.rule import Rule
    from hub.model.transition import Transition

NEVER: Final = -(2**62)
STEP_US: Final = MICROSECONDS
FAST: Final = 1 / 4
SLOW: Final = 1 / 32
NOISE: Final = 1 / 32
STEPS: Final = (
    Certainty.UNLIKELY,
    Certainty.POSSIBLE,
    Certainty.LIKELY,
    Certainty.OBSERVED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighboursSettings:
    """A neighbour agrees if its own condition stands, or it moves the same way.

    It moves when its short mean is ``moving`` mean differences from its long one;
    readings older than ``fresh_s`` do not count.

    Raises:
        ValueError: unless both are positive and finite.
    """

    moving: float = 2.0
    fresh_s: float = 7200.0

    def __post_init__(self) -> None:
        positive(moving=self.moving, fresh_s=self.fresh_s)


class Neighbours:
    """Knows which way each stream is going and what stands on it."""

    def __init__(self, settings: NeighboursSettings, rule: Rule, sites: Mapping[str, Site]) -> None:
        self._settings = settings
        self._rule = rule
        self._upstream = {site.id: frozenset(site.upstream) for site in sites.values()}
        self._streams: dict[int, Datastream] = {}
        self._alike: dict[tuple[str, str], list[int]] = {}  # rows of the table
        self._standing: dict[str, int] = {}  # the slot of each condition that stands
        self._up = np.zeros(0, dtype=np.intp)  # by row: how many conditions stand
        self._table = Table(
            due_us=np.int64(NEVER),
            last_us=np.int64(NEVER),
            last=np.nan,
            fast=np.nan,
            slow=np.nan,
            noise=np.nan,
        )

    def bind(self, stream: Datastream) -> None:
        """Count ``stream`` among those of its site that observe the same property."""
        row = self._table.add(stream.slot)
        if row == len(self._up):
            self._up = np.concatenate([self._up, np.zeros(max(row, 16), dtype=np.intp)])
        alike = self._alike.setdefault((stream.site, stream.measured), [])
        if self._streams.get(stream.slot) is None:
            alike.append(row)
        self._streams[stream.slot] = stream

    def update(self, batch: Batch, said: Sequence[Transition]) -> list[Transition]:
        """Return ``said``, each new danger with what its neighbours say of it by then."""
        seen, done, amended = readings(batch, self._table), 0, []
        for step in said:
            until = until_offset(seen, step.offset)
            self._follow_all(seen.take(np.arange(done, max(until, done))))
            done = max(until, done)
            amended.append(self._amend(step))
        self._follow_all(seen.take(np.arange(done, len(seen.row))))
        return amended

    def usual(self, one: One) -> bool:
        """Follow a reading of which nobody says anything."""
        if skips(self._table, one):
            return True
        cells, row, x = self._table.cells, self._table.row(one.slot), one.result
        last, noise = cells["last"][row], cells["noise"][row]
        first = last != last  # noqa: PLR0124  NaN
        step = 0.0 if first else abs(x - last)
        for name, gain in (("fast", FAST), ("slow", SLOW)):
            old = x if first else cells[name][row]
            cells[name][row] = old + gain * (x - old)
        old = step if noise != noise else noise  # noqa: PLR0124  NaN
        cells["noise"][row] = old + NOISE * (step - old)
        cells["last"][row], cells["last_us"][row] = x, one.time_us
        cells["due_us"][row] = one.time_us + STEP_US
        return True

    def _follow_all(self, seen: Readings) -> None:
        for places in self._table.thinned(seen.row, seen.time_us, "due_us", STEP_US):
            self._follow(seen.take(places))

    def tick(self, now_us: int, offset: int) -> list[Transition]:  # noqa: ARG002  nothing to amend
        """Time alone corroborates nothing."""
        return []

    def dump(self) -> dict[str, object]:
        """Return the means and what stands."""
        return {"rows": self._table.dump(), "standing": dict(self._standing)}

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore them."""
        self._table.load(state["rows"])
        self._up[:] = 0
        self._standing = {}
        for key, slot in state["standing"].items():
            self._stand(key, slot)

    def _follow(self, now: Readings) -> None:
        table, row, x = self._table, now.row, now.result
        first = np.isnan(table["last"][row])
        step = np.where(first, 0.0, np.abs(x - table["last"][row]))
        for name, gain in (("fast", FAST), ("slow", SLOW)):
            old = np.where(first, x, table[name][row])
            table[name][row] = old + gain * (x - old)
        old = np.where(np.isnan(table["noise"][row]), step, table["noise"][row])
        table["noise"][row] = old + NOISE * (step - old)
        table["last"][row], table["last_us"][row] = x, now.time_us

    def _amend(self, step: Transition) -> Transition:
        if step.kind is not Kind.WORLD or step.slot < 0:
            return step
        if step.change is Change.CLEARED:
            self._fall(step.key)
            return step
        self._stand(step.key, step.slot)
        around = self._around(step)
        if step.change is Change.EASED or not len(around):
            return step
        own = self._ways(np.array([self._table.row(step.slot)]))[0]
        alike = (self._ways(around) == own) & (own != 0)
        agree = int(np.count_nonzero(alike | (self._up[around] > 0)))
        return corroborated(step, agree, len(around))

    def _stand(self, key: str, slot: int) -> None:
        """Note that a condition stands on a stream."""
        self._fall(key)
        self._standing[key] = slot
        if slot in self._streams:
            self._up[self._table.row(slot)] += 1

    def _fall(self, key: str) -> None:
        """Note that a condition stands no more."""
        slot = self._standing.pop(key, None)
        if slot in self._streams:
            self._up[self._table.row(slot)] -= 1

    def _around(self, step: Transition) -> Rows:
        """Return the rows of like streams at the site and upstream that spoke lately."""
        stream = self._streams.get(step.slot)
        if stream is None:
            return np.zeros(0, dtype=np.intp)
        places = [stream.site, *sorted(self._upstream.get(stream.site, ()))]
        alike = [row for place in places for row in self._alike.get((place, stream.measured), [])]
        rows = np.array(alike, dtype=np.intp)
        since = step.time_us - self._settings.fresh_s * MICROSECONDS
        lately = self._table["last_us"][rows] >= since
        others: Rows = rows[lately & (rows != self._table.row(step.slot))]
        return others

    def _ways(self, rows: Rows) -> NDArray[np.int8]:
        """Return for each of ``rows`` 1 for rising, -1 for falling, 0 for neither or unknown."""
        table = self._table
        moved = table["fast"][rows] - table["slow"][rows]
        moves = np.abs(moved) > self._settings.moving * table["noise"][rows]
        return np.where(moves, np.where(moved > 0, 1, -1), 0).astype(np.int8)


def until_offset(seen: Readings, offset: int) -> int:
    """Return how many of ``seen`` came up to and including the reading at ``offset``."""
    found = np.flatnonzero(seen.offset == offset)
    if len(found):
        return int(found[0]) + 1
    after = np.flatnonzero(seen.offset > offset)
    return int(after[0]) if len(after) else len(seen.offset)


def corroborated(step: Transition, agree: int, others: int) -> Transition:
    """Return ``step`` with its certainty moved and the count named; the stream itself counts."""
    certainty = step.certainty
    if certainty in STEPS:
        place = STEPS.index(certainty)
        if 2 * agree >= others:
            certainty = STEPS[min(place + 1, len(STEPS) - 1)]
        elif agree == 0 and others > 1:
            certainty = STEPS[max(place - 1, 1)]
    words = step.evidence
    evidence = replace(
        words,
        words_en=f"{words.words_en}; {agree + 1} of {others + 1} sensors agree",
        words_zh=f"{words.words_zh}；{others + 1} 个测点中 {agree + 1} 个一致",
    )
    return replace(step, certainty=certainty, evidence=evidence)
