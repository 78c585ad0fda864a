"""Rate of rise (or fall) over a window, with hysteresis.

The rate is that of the last two readings, whichever is less, against the oldest
reading in the window: one spike alone never makes it. Source: the rate-of-rise
test of fire and flood practice (EN 54-5 class R; WMO-No. 1072, flash-flood guidance).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from hub.detect.live import Readings, readings, skips
from hub.detect.settings import between, positive
from hub.detect.table import Table
from hub.detect.words import HOUR_S, quantity, span
from hub.instant import MICROSECONDS
from hub.model.pace import pace
from hub.model.transition import Certainty, Change, Evidence, Kind, Transition, Urgency

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from hub.detect.live import One
    from hub.model.network import Datastream
    from hub.model.observation import Batch
    from hub.model.rule import Rule

KEPT: Final = 16
NEVER: Final = -(2**62)


@dataclass(frozen=True, slots=True, kw_only=True)
class RateSettings:
    """``limit_per_h`` in the stream's unit per hour over ``window_s`` seconds.

    The condition clears when the rate is below ``ease`` (0 to 1) of the limit. A
    rate is only stated when the window is at least half covered by readings.

    Raises:
        ValueError: for a window, limit or ease that cannot be.
    """

    limit_per_h: float
    window_s: float = 3600.0
    ease: float = 0.5
    direction: Literal["rise", "fall"] = "rise"

    def __post_init__(self) -> None:
        positive(limit_per_h=self.limit_per_h, window_s=self.window_s)
        between(0.0, 1.0, ease=self.ease)
        if self.direction not in ("rise", "fall"):
            raise ValueError(f"direction must be rise or fall, got {self.direction!r}")


class Rate:
    """Follows the rate of each bound stream in a ring of KEPT readings."""

    at_once = False

    def __init__(self, settings: RateSettings, rule: Rule) -> None:
        self._settings = settings
        self._rule = rule
        self._sign = 1.0 if settings.direction == "rise" else -1.0
        self._window_us = round(settings.window_s * MICROSECONDS)
        self._streams: dict[int, Datastream] = {}
        self._table = Table(
            due_us=np.int64(NEVER),
            times_us=np.full(KEPT, NEVER),
            results=np.full(KEPT, np.nan),
            next=np.int64(0),
            previous=np.nan,
            standing=np.False_,
        )

    def bind(self, stream: Datastream) -> None:
        """Watch ``stream``."""
        self._streams[self._table.add(stream.slot)] = stream

    def update(self, batch: Batch) -> list[Transition]:
        """Return the steps of streams whose rate passed the limit or eased."""
        seen = readings(batch, self._table)
        step_us = self._window_us // (KEPT - 2)
        said: list[Transition] = []
        for places in self._table.thinned(seen.row, seen.time_us, "due_us", step_us):
            said += self._take(seen.take(places))
        return said

    def usual(self, one: One) -> bool:
        """Pass over what the window has no use for."""
        return skips(self._table, one)

    def tick(self, now_us: int, offset: int) -> list[Transition]:  # noqa: ARG002  time alone says nothing
        """Time alone changes no rate."""
        return []

    def dump(self) -> dict[str, object]:
        """Return the rings and what stands."""
        return self._table.dump()

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore them."""
        self._table.load(state)

    def _take(self, now: Readings) -> list[Transition]:
        per_h, span_us = self._rates(now)
        known = np.isfinite(per_h)
        standing = self._table["standing"][now.row]
        limit = self._settings.limit_per_h
        after = np.where(standing, per_h >= limit * self._settings.ease, per_h >= limit)
        after = np.where(known, after, standing)
        self._keep(now)
        self._table["standing"][now.row] = after
        return [
            self._said(now.take(np.array([place])), float(per_h[place]), int(span_us[place]))
            for place in np.flatnonzero(after != standing)
        ]

    def _rates(self, now: Readings) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the rate per hour (NaN while unknown) and the time it was taken over."""
        age = now.time_us[:, None] - self._table["times_us"][now.row]
        age = np.where(age <= self._window_us, age, -1)
        oldest = age.argmax(axis=1)
        places = np.arange(len(oldest))
        span_us = age[places, oldest]
        base = self._table["results"][now.row, oldest]
        previous = self._table["previous"][now.row]
        rise = np.minimum(self._sign * (now.result - base), self._sign * (previous - base))
        known = span_us * 2 >= self._window_us
        hours = np.where(known, span_us, 1) / (HOUR_S * MICROSECONDS)
        return np.where(known, rise / hours, np.nan), span_us

    def _keep(self, now: Readings) -> None:
        place = self._table["next"][now.row]
        self._table["times_us"][now.row, place] = now.time_us
        self._table["results"][now.row, place] = now.result
        self._table["next"][now.row] = (place + 1) % KEPT
        self._table["previous"][now.row] = now.result

    def _said(self, one: Readings, per_h: float, span_us: int) -> Transition:
        row = int(one.row[0])
        stream = self._streams[row]
        raised = bool(self._table["standing"][row])
        over = pace(self._rule.hazard or stream.hazard)
        rate, limit = (
            quantity(abs(told) / over.per_hour, stream.unit)
            for told in (per_h, self._settings.limit_per_h)
        )
        lasted = span(span_us / MICROSECONDS)
        up = self._settings.direction == "rise"
        en, zh = ("rising", "上升") if up else ("falling", "下降")
        verb_en, verb_zh = (en, zh) if raised else (f"no longer {en} fast:", f"{zh}已减缓，")
        return Transition(
            key=f"{self._rule.name}:{stream.id}",
            change=Change.RAISED if raised else Change.CLEARED,
            kind=Kind.WORLD,
            severity=self._rule.severity,
            time_us=int(one.time_us[0]),
            offset=int(one.offset[0]),
            slot=stream.slot,
            hazard=self._rule.hazard,
            site=stream.site,
            certainty=Certainty.LIKELY,
            urgency=Urgency.EXPECTED if raised else Urgency.PAST,
            evidence=Evidence(
                detector="rate",
                rule=self._rule.name,
                words_en=f"{verb_en} {rate}/{over.english} over {lasted[0]}"
                f" (limit {limit}/{over.english})",
                words_zh=f"{lasted[1]}内{verb_zh}每{over.chinese} {rate}"
                f"（限值每{over.chinese} {limit}）",
                value=float(one.result[0]),
                unit=stream.unit,
                statistic=per_h,
                statistic_limit=self._settings.limit_per_h,
                onset_us=int(one.time_us[0]) - span_us,
                trend_per_h=self._sign * per_h,
                parameters={"window_s": self._settings.window_s},
            ),
        )
