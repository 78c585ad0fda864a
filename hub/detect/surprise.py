"""What a stream has hardly ever done before: spikes, noise, offsets, surges, stuck values.

Six signs of each reading are held against the stream's own tails; one alarm level, a
rarity, serves all signs and all streams, so that together they keep one budget of false
alarms. One alarm for each cluster of odd readings, then silence unless it gets clearly
worse. Nothing here needs a name, a unit or a declared limit. Source: signs and tails in
their own files; one alarm per cluster after SPOT (Siffer et al., KDD 2017).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hub.detect import signs, tails
from hub.detect.live import Readings, readings, skips
from hub.detect.settings import positive
from hub.detect.signs import COUNT, JUMP, LAG4, LAG16, LEVEL, NOISE, STUCK
from hub.detect.surprise_words import NATURES, OFFSET, SENTINEL, phrase
from hub.detect.table import Table
from hub.detect.usual import Terms, Usual
from hub.detect.words import DAY_S
from hub.instant import MICROSECONDS
from hub.model.network import Hazard, Severity
from hub.model.transition import Certainty, Change, Evidence, Kind, Transition, Urgency

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from hub.detect.live import One
    from hub.detect.table import Rows
    from hub.model.network import Datastream
    from hub.model.observation import Batch
    from hub.model.rule import Rule

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

STEP_US: Final = MICROSECONDS
NEVER: Final = -(2**62)
MOVES: Final = (JUMP, LAG4, LAG16, LEVEL)  # of a count they are no fault: "unusual" sees to them
PULSES: Final = (JUMP, NOISE, LAG4, LAG16, LEVEL)
# readings before there is a limit; the least limit; which of the largest it is; worth in clusters
START: Final = (
    np.array([64.0, 64.0, 64.0, 64.0, 100.0, 32.0]),
    np.array([1.0, 1.0, 1.0, 1.0, 1.0, 2.0]),
    np.array([4, 4, 4, 4, 4, 2]),
    np.array([60.0, 60.0, 15.0, 15.0, 15.0, 5.0]),
)
GAPS: Final = np.array([12.0, 24.0, 24.0, 48.0, np.nan, 1.0])  # readings; the level's is a day
MOST_GAP: Final = 2000.0
LATELY: Final = 24  # readings since a jump for which a shift is called an offset
MOST_OF: Final = 0.7  # of the change was one jump
STAYS: Final = 0.5  # of the jump is still there
LEARNT_S: Final = (1.0, 7200.0)
SENTINELS: Final = (-999.0, -6999.0)
BELOW_ALL: Final = -9000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SurpriseSettings:
    """``rarity``: -log10 of how rare a reading must be, 4.6 is about once in 40,000.

    After an alarm a stream is silent for ``silence`` readings and ``silence_s`` seconds,
    unless the rarity grows by ``worse``. ``hold`` readings later the condition clears.
    A change in the world is a danger where the stream's hazard is one of ``world``;
    anywhere else it is for maintenance to look at.

    Raises:
        ValueError: unless positive and finite, and ``world`` are hazards.
    """

    rarity: float = 4.6
    silence: float = 48.0
    silence_s: float = 28_800.0
    worse: float = 0.5
    hold: float = 4.0
    world: list[str] = field(default_factory=lambda: ["leak", "gas", "structure"])

    def __post_init__(self) -> None:
        positive(rarity=self.rarity, silence=self.silence, silence_s=self.silence_s)
        positive(worse=self.worse, hold=self.hold)
        for name in self.world:
            Hazard(name)


class Surprise:
    """Knows the tails of each bound stream."""

    at_once = False

    def __init__(self, settings: SurpriseSettings, rule: Rule) -> None:
        self._settings = settings
        self._rule = rule
        self._streams: dict[int, Datastream] = {}
        self._bound = Table(interval_s=np.nan, unitless=False)
        self._table = Table(
            due_us=np.int64(NEVER),
            learnt_s=np.nan,
            **signs.columns(),
            **tails.columns(COUNT),
            told=np.zeros(COUNT, dtype=bool),
            onset_us=np.zeros(COUNT, dtype=np.int64),
            jumped=np.int64(-LATELY),
            leap=0.0,
            base=np.nan,
            alarmed=np.int64(NEVER),
            margin=0.0,
            standing=np.int8(-1),
            latest=0.0,
        )

        gaps, least = tuple(GAPS.tolist()), tuple(START[1].tolist())
        terms = Terms(gaps, MOST_GAP, least, LEARNT_S, STEP_US, settings.rarity)
        self._usual = Usual(self._table, self._bound, terms)

    def bind(self, stream: Datastream) -> None:
        """Watch ``stream``."""
        row = self._bound.add(stream.slot)
        self._streams[self._table.add(stream.slot)] = stream
        self._bound["interval_s"][row] = stream.interval_s or np.nan
        self._bound["unitless"][row] = stream.unitless

    def update(self, batch: Batch) -> list[Transition]:
        """Return what became odd in this batch, or is no longer."""
        seen = readings(batch, self._table)
        said: list[Transition] = []
        for places in self._table.thinned(seen.row, seen.time_us, "due_us", STEP_US):
            said += self._take(seen.take(places))
        return said

    def usual(self, one: One) -> bool:
        """Take in a reading that is not odd, and return True; else leave it to ``update``."""
        if skips(self._table, one):
            return True
        x = one.result
        code = x <= BELOW_ALL or x in SENTINELS
        return not code and self._usual(self._table.row(one.slot), one.time_us, x)

    def tick(self, now_us: int, offset: int) -> list[Transition]:  # noqa: ARG002  silence is stale's
        """Time alone surprises nobody here."""
        return []

    def dump(self) -> dict[str, object]:
        """Return scales, seasons, tails and what stands."""
        return self._table.dump()

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore them."""
        self._table.load(state)

    def score(self) -> float:
        """Return the largest rarity of the streams' last readings, 0.5 at the alarm level."""
        return self._table.largest("latest")

    def _take(self, now: Readings) -> list[Transition]:
        """Take one reading of each of some streams."""
        wrong = self._wrong(now)
        said = self._mistaken(now.take(wrong)) if wrong.any() else []
        now = now.take(~wrong) if wrong.any() else now
        first = self._table["count"][now.row] == 0
        if first.any():
            signs.begin(self._table, now.take(first))
            now = now.take(~first)
        return [*said, *self._judge(now)] if len(now.row) else said

    def _wrong(self, now: Readings) -> Flags:
        """Say which readings are a code for "no value" rather than one."""
        x = now.result
        odd: Flags = (x <= BELOW_ALL) | (x == SENTINELS[0]) | (x == SENTINELS[1])
        if not odd.any():
            return odd
        last = self._table["results"][now.row, 0]
        wrong: Flags = odd & ~(last < x / 2)
        return wrong

    def _mistaken(self, now: Readings) -> list[Transition]:
        """Say once that a stream sends codes instead of values."""
        before = self._table["standing"][now.row]
        self._table["standing"][now.row] = SENTINEL
        self._table["latest"][now.row] = np.where(before == SENTINEL, 0.0, 1.0)
        self._table["alarmed"][now.row] = self._table["count"][now.row]
        fresh = np.flatnonzero(before != SENTINEL)
        nothing = np.full(len(now.row), np.nan)
        return [self._said(now, int(i), int(before[i]), (nothing, nothing)) for i in fresh]

    def _judge(self, now: Readings) -> list[Transition]:
        table, row = self._table, now.row
        interval_s = self._interval(now)
        limit = table["limit"][row, LEVEL]
        usual = np.where(np.isnan(limit), signs.FIRST_LIMIT, limit)
        before = table["results"][row, 0]
        found = signs.signs(table, now, interval_s, usual)
        rare = tails.rarity(table, row, found.z)
        novel = ~table["open"][row] | (found.z > table["peak"][row])
        rare[:, STUCK] = self._stuck(row)
        rare[:, MOVES] = np.where(self._bound["unitless"][row, None], 0.0, rare[:, MOVES])
        gaps = np.empty((len(row), COUNT))
        gaps[:] = GAPS
        gaps[:, LEVEL] = np.minimum(np.maximum(DAY_S / interval_s, 4.0), MOST_GAP)
        opened = tails.learn(table, row, found.z, found.use, gaps, START)
        jump = found.z[:, JUMP] > np.where(
            np.isnan(table["limit"][row, JUMP]), np.inf, table["limit"][row, JUMP]
        )
        signs.settle(table, now, found, jump, before)
        lone = jump & (table["count"][row] - table["jumped"][row] > self._settings.hold)
        table["jumped"][row] = np.where(jump, table["count"][row], table["jumped"][row])
        table["leap"][row] = np.where(lone, np.abs(now.result - before), table["leap"][row])
        table["told"][row] &= ~opened & (table["open"][row] | (rare > 0))
        table["onset_us"][row] = np.where(opened, now.time_us[:, None], table["onset_us"][row])
        table["base"][row] = np.where(lone, before, table["base"][row])
        novel[:, STUCK] = table["standing"][row] != STUCK
        fresh = np.where(novel & ~table["told"][row], rare, 0.0).max(axis=1)
        table["latest"][row] = np.minimum(fresh / (2 * self._settings.rarity), 1.0)
        return self._decide(now, rare, interval_s, found.expected)

    def _stuck(self, row: Rows) -> Floats:
        """Return how rare the present run of equal values is."""
        table = self._table
        run, limit = table["run"][row], table["limit"][row, STUCK]
        above = run > limit
        ratio = np.log10(np.where(above, run, 1.0)) - np.log10(np.where(above, limit, 1.0))
        rare = tails.BASE + ratio / table["shape"][row, STUCK] + np.log10(table["mean_run"][row])
        return np.where(above, rare, 0.0)

    def _interval(self, now: Readings) -> Floats:
        """Return the declared interval, else the learnt one; long gaps teach little."""
        row, old = now.row, self._table["learnt_s"][now.row]
        gap = np.clip((now.time_us - self._table["last_us"][row]) / MICROSECONDS, *LEARNT_S)
        moved = np.where(np.isnan(old), gap, old + np.clip(gap - old, -old / 8, old / 32))
        self._table["learnt_s"][row] = moved
        declared = self._bound["interval_s"][row]
        return np.where(np.isnan(declared), moved, declared)

    def _decide(
        self, now: Readings, rare: Floats, interval_s: Floats, expected: Floats
    ) -> list[Transition]:
        """Alarm once a cluster, and again within the silence only when clearly worse."""
        table, row, least = self._table, now.row, self._settings.rarity
        count = table["count"][row]
        pulses = list(PULSES)
        fresh = np.where(table["told"][row][:, pulses], 0.0, rare[:, pulses])
        which = fresh.argmax(axis=1)
        margin = fresh[np.arange(len(row)), which] - least
        high = margin >= 0
        table["told"][row] |= high[:, None] & (rare >= least)
        silence = np.maximum(self._settings.silence, self._settings.silence_s / interval_s)
        quiet = count - table["alarmed"][row] > silence
        fires = high & (quiet | (margin > table["margin"][row] + self._settings.worse))
        table["alarmed"][row] = np.where(fires, count, table["alarmed"][row])
        table["margin"][row] = np.where(fires, margin, table["margin"][row])
        stuck = rare[:, STUCK] >= least
        standing = table["standing"][row]
        over = (standing == SENTINEL) | (standing == STUCK)
        held_for = count - table["alarmed"][row]
        over |= held_for >= self._settings.hold * np.where(standing == OFFSET, 2, 1)
        away = np.abs(now.result - table["base"][row]) >= STAYS * table["leap"][row]
        stays = over & (standing == JUMP) & away
        after = np.where(fires, which, np.where(stays, OFFSET, np.where(over, -1, standing)))
        after = np.where(stuck, STUCK, after).astype(np.int8)
        table["standing"][row] = after
        said = (after != standing) | (fires & ~stuck)
        value = np.where(after == STUCK, rare[:, STUCK], margin + least)
        return [
            self._said(now, int(i), int(standing[i]), (value, expected))
            for i in np.flatnonzero(said)
        ]

    def _nature(self, row: int, sign: int) -> str:
        """Name what happened; a shift that one jump made is an offset."""
        table = self._table
        if sign not in (LAG4, LAG16, LEVEL) or table["count"][row] - table["jumped"][row] > LATELY:
            return NATURES[sign]
        moved = abs(float(table["results"][row, 0]) - float(table["held"][row]))
        return NATURES[OFFSET] if table["leap"][row] >= MOST_OF * moved else NATURES[sign]

    def _onset_us(self, row: int, sign: int, now_us: int) -> int:
        if sign == SENTINEL:
            return now_us
        sign = JUMP if sign == OFFSET else sign
        name = self._table["run_us"][row] if sign == STUCK else self._table["onset_us"][row, sign]
        return int(name) or now_us

    def _said(
        self, now: Readings, place: int, before: int, why: tuple[Floats, Floats]
    ) -> Transition:
        row, now_us = int(now.row[place]), int(now.time_us[place])
        stream, standing = self._streams[row], int(self._table["standing"][row])
        value, expected = float(now.result[place]), float(why[1][place])
        sign = standing if standing >= 0 else before
        nature = self._nature(row, sign)
        grave = nature in ("surge", "shift") and (
            (self._rule.hazard or stream.hazard) in self._settings.world
        )
        raised = Change.RAISED if before < 0 else Change.WORSENED
        change = raised if standing >= 0 else Change.CLEARED
        onset_us = self._onset_us(row, sign, now_us)
        usual = expected if np.isfinite(expected) else None
        words_en, words_zh = phrase(
            nature if standing >= 0 else "",
            stream.unit,
            value,
            usual,
            (now_us - onset_us) / MICROSECONDS,
        )
        statistic = float(why[0][place])
        return Transition(
            key=f"{self._rule.name}:{stream.id}",
            change=change,
            kind=Kind.WORLD if grave else Kind.FAULT,
            severity=self._rule.severity if grave else Severity.MINOR,
            time_us=now_us,
            offset=int(now.offset[place]),
            slot=stream.slot,
            hazard=self._rule.hazard if grave else Hazard.SENSOR,
            site=stream.site,
            certainty=Certainty.LIKELY if nature in ("stuck", "sentinel") else Certainty.POSSIBLE,
            urgency=Urgency.EXPECTED if standing >= 0 else Urgency.PAST,
            evidence=Evidence(
                detector="surprise",
                rule=self._rule.name,
                words_en=words_en,
                words_zh=words_zh,
                value=value,
                unit=stream.unit,
                statistic=statistic if np.isfinite(statistic) else None,
                statistic_limit=self._settings.rarity,
                onset_us=onset_us,
                expected=usual,
                parameters={"nature": nature},
            ),
        )
