"""What the book keeps beside incidents and notifications: conditions, timers, mutes, results."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from hub.model.network import Hazard, Severity
from hub.model.transition import Evidence, Kind

Detail = str | int | float | bool | None


class DeadlineKind(StrEnum):
    """What is due when a timer fires."""

    ESCALATE = "escalate"  # nobody acknowledged: the next step
    RECEIPT = "receipt"  # nobody confirmed delivery: the next channel
    FAILED = "failed"  # deliver gave up: the next channel, or the next step
    MUTE_END = "mute-end"  # what still stands pages now
    DRILL_END = "drill-end"  # nobody answered the drill
    DIGEST = "digest"  # what was held for one person may leave


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What a detector last said about one key, and the incident it belongs to.

    ``incident`` is empty while the condition is muted or stands alone. ``raised_us``
    and ``changed_us`` are phenomenon times; ``offset`` is the log place that decided
    last, ``applied`` the changes taken at that offset (the same ones change nothing).
    ``muted`` says that the incident does not know yet what this row says.
    """

    key: str
    incident: str
    slot: int
    site: str
    kind: Kind
    hazard: Hazard
    severity: Severity
    standing: bool
    raised_us: int
    changed_us: int
    offset: int
    evidence: Evidence
    applied: tuple[str, ...] = ()
    muted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a timeline; ``id`` rises over all incidents (0 until it is written)."""

    incident: str
    at_us: int
    kind: str
    by: str = ""
    body: dict[str, Detail] = field(default_factory=dict)
    id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """A timer: fires once, at the hub's ``due_us``. ``body`` is the kind's own.

    ``seq`` tells which of two timers was set first, whatever the clock said.
    """

    id: str
    kind: DeadlineKind
    incident: str
    severity_rank: int
    due_us: int
    created_us: int
    notification: str = ""
    body: dict[str, Detail] = field(default_factory=dict)
    seq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mute:
    """A person keeps a datastream (``node/name``), node or site from paging for a while."""

    id: int
    target: str
    reason: str
    by: str
    from_us: int
    until_us: int
    ended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionResult:
    """What became of the action at ``offset``, in words a person can act on."""

    offset: int
    ok: bool
    words_en: str
    words_zh: str
    incident: str = ""

    @property
    def words(self) -> str:
        """Return both languages in one line."""
        return f"{self.words_en} / {self.words_zh}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A single-use way to acknowledge; the book knows only a hash of its token."""

    incident: str
    person: str
    expires_us: int
    used_us: int | None = None
