"""What a detector says: a condition was raised, worsened, eased or cleared, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from hub.model.network import Hazard, Severity


class Change(StrEnum):
    """The step a condition took."""

    RAISED = "raised"
    WORSENED = "worsened"
    EASED = "eased"
    CLEARED = "cleared"


class Kind(StrEnum):
    """What sort of thing happened; only WORLD pages duty officers."""

    WORLD = "world"
    FAULT = "fault"  # the sensor is broken: maintenance
    SILENCE = "silence"  # a stream that should speak does not: maintenance, never safety
    HUB = "hub"  # the hub itself: deaf, clock stepped, disk full


class Certainty(StrEnum):
    """CAP 1.2 certainty."""

    OBSERVED = "observed"
    LIKELY = "likely"
    POSSIBLE = "possible"
    UNLIKELY = "unlikely"
    UNKNOWN = "unknown"


class Urgency(StrEnum):
    """CAP 1.2 urgency."""

    IMMEDIATE = "immediate"
    EXPECTED = "expected"
    FUTURE = "future"
    PAST = "past"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Why the detector decided so; all a person or a replay needs to check it.

    ``value`` and ``limit`` are in ``unit``; ``statistic`` and ``statistic_limit`` are
    the detector's own; ``trend_per_h`` in unit per hour; ``eta_s`` seconds until the
    limit is crossed with its interval; ``expected`` what the baseline foresaw.
    ``window`` is the input: (time_us, result, quality) triples, oldest first.
    """

    detector: str
    rule: str = ""
    words_en: str = ""
    words_zh: str = ""
    value: float | None = None
    limit: float | None = None
    limit_name: str = ""
    unit: str = ""
    statistic: float | None = None
    statistic_limit: float | None = None
    onset_us: int | None = None
    expected: float | None = None
    trend_per_h: float | None = None
    eta_s: float | None = None
    eta_low_s: float | None = None
    eta_high_s: float | None = None
    parameters: dict[str, float | str | None] = field(default_factory=dict)
    window: tuple[tuple[int, float | None, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One step of one condition.

    ``key`` names the condition for ever: ``rule:node/datastream`` (or ``rule:site``).
    ``slot`` is -1 for a condition of a whole site or of the hub, which then names
    ``site``. ``time_us`` is the phenomenon time that decided and ``offset`` its place
    in the log. ``found_late`` marks a condition that late data proved to stand still.
    """

    key: str
    change: Change
    kind: Kind
    severity: Severity
    time_us: int
    offset: int
    slot: int
    evidence: Evidence
    hazard: Hazard | None = None  # None: the datastream's own
    site: str = ""
    certainty: Certainty = Certainty.OBSERVED
    urgency: Urgency = Urgency.IMMEDIATE
    found_late: bool = False
