"""Notices: counts, rates and prices far from all they have been, told once and to nobody's phone.

A stream without a unit has no physics to hold it against: a count that jumps is not a
broken sensor. What is worth a look is a short mean that leaves all the stream's own past,
upwards measured against what was above its mean and downwards against what was below.
After a notice a stream rests and must do more to be noticed again. Source: surprise by
long history and few repeats as in HTM (Ahmad et al., Neurocomputing 2017) and CAD OSE;
semideviations for skewed counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from hub.detect.live import Readings, readings, skips
from hub.detect.settings import positive
from hub.detect.signs import bins
from hub.detect.table import Table
from hub.detect.unusual_words import over, phrase
from hub.instant import MICROSECONDS
from hub.model.network import Hazard, Severity
from hub.model.transition import Certainty, Change, Evidence, Kind, Transition, Urgency

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from hub.detect.live import One
    from hub.model.network import Datastream
    from hub.model.observation import Batch
    from hub.model.rule import Rule

    Floats = NDArray[np.float64]

STEP_US: Final = MICROSECONDS
NEVER: Final = -(2**62)
BINS: Final = 96
FIRST: Final = np.array([0.0, 1.0])  # what an hour leaves starts from nothing at all
SHORT: Final = 2 / 11  # the short mean spans about ten readings
LONG: Final = 1 / 20_000  # of the long mean and spread, once there are so many
SEASON: Final = 0.3
EXPLAINS: Final = 0.5  # the hour of the day counts where it halves the long spread
MOSTLY: Final = 2.0  # deviations that are called usual
ALMOST: Final = 0.499  # the score of what is not told


class Look(NamedTuple):
    """The short means of some streams, and what is usual for them."""

    z: Floats  # deviations from the long mean, with their sign
    lately: Floats
    centre: Floats
    above: Floats
    below: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusualSettings:
    """``limit`` deviations of the short mean are a notice; half of it is none any more.

    Nothing is noticed in the first ``ripe`` readings.

    After a notice the stream rests for ``rest`` readings and ``rest_s`` seconds, and its limit is
    ``after`` deviations higher, which fades over ``fade`` readings.

    Raises:
        ValueError: unless all are positive and finite.
    """

    limit: float = 2.9
    ripe: float = 200.0
    rest: float = 120.0
    rest_s: float = 28_800.0
    after: float = 0.5
    fade: float = 500.0

    def __post_init__(self) -> None:
        positive(limit=self.limit, ripe=self.ripe, rest=self.rest, rest_s=self.rest_s)
        positive(after=self.after, fade=self.fade)


class Unusual:
    """Knows what is usual for each bound stream that has no unit; others it leaves alone."""

    at_once = False

    def __init__(self, settings: UnusualSettings, rule: Rule) -> None:
        self._settings = settings
        self._rule = rule
        self._streams: dict[int, Datastream] = {}
        pair = np.zeros(2)  # of the value, and of what the hour of the day leaves of it
        self._table = Table(
            due_us=np.int64(NEVER),
            seen=pair,
            short=pair,
            mean=pair,
            above=pair,
            below=pair,
            season=np.full(BINS, np.nan),
            told=np.nan,
            told_us=np.int64(NEVER),
            raised=0.0,
            onset_us=np.int64(NEVER),
            standing=False,
            latest=0.0,
        )

    def bind(self, stream: Datastream) -> None:
        """Watch ``stream`` if it has no unit."""
        if stream.unitless:
            self._streams[self._table.add(stream.slot)] = stream

    def update(self, batch: Batch) -> list[Transition]:
        """Return what became unusual in this batch, or is no longer."""
        seen = readings(batch, self._table)
        said: list[Transition] = []
        for places in self._table.thinned(seen.row, seen.time_us, "due_us", STEP_US):
            now = seen.take(places)
            said += self._decide(now, self._look(now))
        return said

    def usual(self, one: One) -> bool:
        """Pass over what has a unit, or comes too soon."""
        return skips(self._table, one)

    def tick(self, now_us: int, offset: int) -> list[Transition]:  # noqa: ARG002  silence is stale's
        """Time alone is nothing unusual."""
        return []

    def dump(self) -> dict[str, object]:
        """Return means, spreads, seasons and what stands."""
        return self._table.dump()

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore them."""
        self._table.load(state)

    def score(self) -> float:
        """Return how unusual the streams' last readings are at most, 0.5 where it is told."""
        return self._table.largest("latest")

    def _look(self, now: Readings) -> Look:
        """Return how far each stream is from its usual, and learn."""
        table, row = self._table, now.row
        base = self._season(now)
        y = np.stack([now.result, now.result - base], axis=1)
        known = np.isfinite(y)
        seen = table["seen"][row]
        first = (seen == 0) & known & (FIRST == 0)
        seen += known
        old, mean = table["short"][row], table["mean"][row]
        short = np.where(first, y, np.where(known, old + SHORT * (y - old), old))
        mean = np.where(first, y, mean)
        above, below = table["above"][row], table["below"][row]
        off = short - mean
        spread = np.where(off >= 0, above, below)
        ripe = (seen > self._settings.ripe) & known & (spread > 0)
        z = np.where(ripe, off / np.sqrt(np.where(ripe, spread, 1.0)), 0.0)
        left, whole = above[:, 1] + below[:, 1], above[:, 0] + below[:, 0]
        which = (ripe[:, 1] & (left < EXPLAINS**2 * whole)).astype(np.intp)
        gain = np.where(known, np.maximum(LONG, 1.0 / np.maximum(seen + FIRST, 1.0)), 0.0)
        square = 2 * off * off * gain
        table["seen"][row], table["short"][row] = seen, short
        table["mean"][row] = mean + gain * off
        table["above"][row] = above * (1 - gain) + np.where(off >= 0, square, 0.0)
        table["below"][row] = below * (1 - gain) + np.where(off < 0, square, 0.0)
        place = np.arange(len(row)), which
        shift = np.where(which == 1, np.where(known[:, 1], base, 0.0), 0.0)
        return Look(
            z[place],
            short[place] + shift,
            mean[place] + shift,
            np.sqrt(above[place]),
            np.sqrt(below[place]),
        )

    def _season(self, now: Readings) -> Floats:
        """Return what this hour of the day mostly brings, NaN on the first day; follow it."""
        place = now.row, bins(now.time_us)
        base = self._table["season"][place]
        moved = base + SEASON * (now.result - base)
        self._table["season"][place] = np.where(np.isnan(base), now.result, moved)
        return base

    def _decide(self, now: Readings, look: Look) -> list[Transition]:
        """Tell once, rest, and ask for more the next time."""
        table, row, settings = self._table, now.row, self._settings
        seen, size = table["seen"][row, 0], np.abs(look.z)
        since = seen - table["told"][row]
        more = np.where(np.isnan(since), 0.0, table["raised"][row] * np.exp(-since / settings.fade))
        more = np.where(np.isnan(more), 0.0, more)
        rests = (since <= settings.rest) | (
            now.time_us < table["told_us"][row] + round(settings.rest_s * MICROSECONDS)
        )
        standing = table["standing"][row]
        calm = size < settings.limit / 2
        onset = table["onset_us"][row]
        table["onset_us"][row] = np.where(calm, NEVER, np.where(onset < 0, now.time_us, onset))
        fires = ~standing & ~rests & (size >= settings.limit + more)
        told = np.minimum(np.maximum(size / (2 * settings.limit), 0.5), 1.0)
        near = np.minimum(size / (2 * settings.limit), ALMOST)
        table["latest"][row] = np.where(fires, told, np.where(standing | rests, 0.0, near))
        table["told"][row] = np.where(fires, seen, table["told"][row])
        table["told_us"][row] = np.where(fires, now.time_us, table["told_us"][row])
        table["raised"][row] = np.where(fires, more + settings.after, table["raised"][row])
        table["standing"][row] = fires | (standing & ~calm)
        limit = settings.limit + more
        moved = np.flatnonzero(fires | (standing & calm))
        return [self._said(now, look, int(place), float(limit[place])) for place in moved]

    def _said(self, now: Readings, look: Look, place: int, limit: float) -> Transition:
        row, now_us = int(now.row[place]), int(now.time_us[place])
        stream, stands = self._streams[row], bool(self._table["standing"][row])
        _, lately, centre, above, below = (float(column[place]) for column in look)
        usual = (centre - MOSTLY * below, centre + MOSTLY * above)
        onset_us = int(self._table["onset_us"][row]) if stands else now_us
        lasted_s = (now_us - onset_us) / MICROSECONDS
        words_en, words_zh = phrase(lately, usual, lasted_s) if stands else over(lately)
        return Transition(
            key=f"{self._rule.name}:{stream.id}",
            change=Change.RAISED if stands else Change.CLEARED,
            kind=Kind.FAULT,
            severity=Severity.MINOR,
            time_us=now_us,
            offset=int(now.offset[place]),
            slot=stream.slot,
            hazard=Hazard.SENSOR,
            site=stream.site,
            certainty=Certainty.POSSIBLE,
            urgency=Urgency.FUTURE if stands else Urgency.PAST,
            evidence=Evidence(
                detector="unusual",
                rule=self._rule.name,
                words_en=words_en,
                words_zh=words_zh,
                value=float(now.result[place]),
                statistic=abs(float(look.z[place])),
                statistic_limit=limit,
                onset_us=onset_us,
                expected=centre,
                parameters={
                    "nature": "unusual",
                    "lately": lately,
                    "mostly_from": usual[0],
                    "mostly_to": usual[1],
                },
            ),
        )
