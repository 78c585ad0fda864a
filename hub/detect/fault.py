"""Runs of bad quality turned into maintenance conditions: the sensor, not the world.

Each FAIL or missing reading counts one, each SUSPECT a third, each good one takes a
half away; at ``raise_at`` the sensor is called broken, at nought it is well again.
Source: IOOS QARTOD flags; the counter is a leaky bucket (up/down counter, ISA-18.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hub.detect.settings import positive
from hub.detect.table import Table
from hub.detect.words import quantity
from hub.model.network import Hazard
from hub.model.observation import Quality
from hub.model.transition import Certainty, Change, Evidence, Kind, Transition, Urgency

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from hub.detect.live import One
    from hub.detect.table import Rows
    from hub.model.network import Datastream
    from hub.model.observation import Batch
    from hub.model.rule import Rule

SCORES: Final = {Quality.FAIL: 1.0, Quality.MISSING: 1.0, Quality.SUSPECT: 0.375}
GOOD: Final = -0.5
STUCK_RUN: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultSettings:
    """``raise_at`` and ``most`` in bad readings; ``most`` bounds how long recovery takes.

    Raises:
        ValueError: unless positive, finite and ``most`` at least ``raise_at``.
    """

    raise_at: float = 3.0
    most: float = 6.0

    def __post_init__(self) -> None:
        positive(raise_at=self.raise_at, most=self.most)
        if self.most < self.raise_at:
            raise ValueError(f"most must be at least raise_at, got {self.most}")


class Fault:
    """Counts bad readings of each bound stream."""

    at_once = False

    def __init__(self, settings: FaultSettings, rule: Rule) -> None:
        self._settings = settings
        self._rule = rule
        self._streams: dict[int, Datastream] = {}
        self._weight = np.full(256, GOOD)
        for flag, score in SCORES.items():
            self._weight[flag] = score
        self._table = Table(
            score=0.0,
            onset_us=np.int64(0),
            nulls=np.int64(0),
            equal=np.int64(0),
            value=np.nan,
            suspects=np.int64(0),
            standing=np.False_,
        )

    def bind(self, stream: Datastream) -> None:
        """Watch ``stream``."""
        self._streams[self._table.add(stream.slot)] = stream

    def update(self, batch: Batch) -> list[Transition]:
        """Return the steps of streams whose sensor broke or is well again."""
        rows = self._table.rows(batch.slot)
        weight = self._weight[batch.quality]
        concerned = (rows >= 0) & (weight > 0)
        touched = self._table["score"] > 0
        touched[rows[concerned]] = True
        if not touched.any():
            return []
        where = np.flatnonzero((rows >= 0) & touched[rows])
        said: list[Transition] = []
        for places in self._table.rounds(rows[where]):
            said += self._take(rows[where[places]], weight[where[places]], batch, where[places])
        return said

    def usual(self, one: One) -> bool:
        """Pass over a good reading of a stream that has been well."""
        row = self._table.row(one.slot)
        if row < 0:
            return True
        return one.quality not in SCORES and self._table.cells["score"][row] <= 0

    def tick(self, now_us: int, offset: int) -> list[Transition]:  # noqa: ARG002  silence is stale's
        """Time alone breaks nothing here."""
        return []

    def dump(self) -> dict[str, object]:
        """Return the counters."""
        return self._table.dump()

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore them."""
        self._table.load(state)

    def _take(
        self, rows: Rows, weight: NDArray[np.float64], batch: Batch, where: Rows
    ) -> list[Transition]:
        before = self._table["score"][rows]
        score = np.clip(before + weight, 0.0, self._settings.most)
        self._describe(rows, before, batch.take(where))
        self._table["score"][rows] = score
        standing = self._table["standing"][rows]
        after = (score >= self._settings.raise_at) | (standing & (score > 0))
        self._table["standing"][rows] = after
        changed = np.flatnonzero(after != standing)
        return [self._said(int(rows[i]), batch, where[i]) for i in changed]

    def _describe(self, rows: Rows, before: NDArray[np.float64], now: Batch) -> None:
        """Keep what tells the faults apart: nulls, equal values, suspects, since when."""
        table, fresh = self._table, before <= 0
        null = ~np.isfinite(now.result)
        same = now.result == table["value"][rows]
        table["onset_us"][rows] = np.where(fresh, now.time_us, table["onset_us"][rows])
        table["nulls"][rows] = np.where(fresh, 0, table["nulls"][rows]) + null
        table["equal"][rows] = np.where(fresh | ~same, 0, table["equal"][rows]) + 1
        suspect = now.quality == Quality.SUSPECT
        table["suspects"][rows] = np.where(fresh, 0, table["suspects"][rows]) + suspect
        table["value"][rows] = now.result

    def _cause(self, row: int, value: float, unit: str) -> tuple[str, str]:
        table = self._table
        if table["nulls"][row] >= self._settings.raise_at - 1:
            return "the sensor reports no value", "传感器无读数"
        at = quantity(value, unit)
        if table["equal"][row] >= STUCK_RUN:
            return f"stuck at {at}", f"读数停在 {at} 不变"
        if table["suspects"][row] > self._settings.raise_at:
            return f"noisy or jumping, now {at}", f"读数跳动异常，当前 {at}"
        return f"readings that cannot be, now {at}", f"读数超出可能范围，当前 {at}"

    def _said(self, row: int, batch: Batch, place: np.intp) -> Transition:
        stream = self._streams[row]
        raised = bool(self._table["standing"][row])
        value = float(batch.result[place])
        en, zh = (
            self._cause(row, value, stream.unit)
            if raised
            else ("readings are well", "读数恢复正常")
        )
        return Transition(
            key=f"{self._rule.name}:{stream.id}",
            change=Change.RAISED if raised else Change.CLEARED,
            kind=Kind.FAULT,
            severity=self._rule.severity,
            time_us=int(batch.time_us[place]),
            offset=int(batch.offset[place]),
            slot=stream.slot,
            hazard=self._rule.hazard or Hazard.SENSOR,
            site=stream.site,
            certainty=Certainty.LIKELY,
            urgency=Urgency.EXPECTED if raised else Urgency.PAST,
            evidence=Evidence(
                detector="fault",
                rule=self._rule.name,
                words_en=en,
                words_zh=zh,
                value=value if np.isfinite(value) else None,
                unit=stream.unit,
                statistic=float(self._table["score"][row]),
                statistic_limit=self._settings.raise_at,
                onset_us=int(self._table["onset_us"][row]),
            ),
        )
