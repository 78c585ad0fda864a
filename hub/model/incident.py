"""The emergency and its state: two independent axes, what people did and what the world does."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hub.model.network import Hazard, Severity
from hub.model.transition import Certainty, Urgency


class Status(StrEnum):
    """What people did."""

    TRIGGERED = "triggered"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Presence(StrEnum):
    """What the world does, as far as measured; silence never makes it PAST."""

    PRESENT = "present"
    PAST = "past"


class ActionKind(StrEnum):
    """What a person can do; each is a control entry of the log."""

    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
    ESCALATE = "escalate"
    FALSE_ALARM = "false-alarm"
    ARRIVED = "arrived"
    NOTE = "note"
    OPEN = "open"
    STAND_DOWN = "stand-down"
    HAND_OVER = "hand-over"
    MUTE = "mute"
    UNMUTE = "unmute"
    TEST = "test"  # tocsin test PERSON: one page marked DRILL


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing a person did; ``offset`` is its place in the log.

    ``target`` is an incident's id or reply code (ACKNOWLEDGE ...), a datastream
    ``node/name`` or node or site (MUTE), a person (TEST); ``by`` is a person's id or
    the name given at the door, ``via`` the door: cli, api, page, sms, link.
    ``details`` per kind: note {text}; open {site, hazard, severity, text};
    mute {reason, until_us}; hand-over {to}; resolve {reason}.
    """

    offset: int
    at_us: int
    kind: ActionKind
    target: str
    by: str
    via: str
    details: dict[str, str | int | float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One emergency at one site of one hazard.

    ``id`` is a hash of site, hazard and raising phenomenon time; ``code`` is the
    short reply code; ``version`` rises by one with each change. ``step`` is the
    escalation step last reached (-1 none). Times are microseconds UTC.
    """

    id: str
    code: str
    version: int
    site: str
    hazard: Hazard
    cell: str
    status: Status
    presence: Presence
    severity: Severity
    certainty: Certainty
    urgency: Urgency
    raised_us: int  # phenomenon time of the first condition
    triggered_us: int  # hub time at which it was opened
    changed_us: int
    policy: str
    step: int
    headline_en: str
    headline_zh: str
    acknowledged_by: str = ""
    acknowledged_us: int | None = None
    resolved_by: str = ""
    resolved_us: int | None = None
    found_late: bool = False
    drill: bool = False
