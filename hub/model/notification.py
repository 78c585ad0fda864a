"""One message to one person by one channel, and how far it came."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hub.model.network import Severity


class Purpose(StrEnum):
    """Why a person is told."""

    PAGE = "page"
    WORSENED = "worsened"
    STOOD_DOWN = "stood-down"
    DRILL = "drill"
    HUB = "hub"  # the hub's own trouble, to its operator
    REPLY = "reply"  # an answer to an SMS
    DIGEST = "digest"  # a list of what came in a storm


class NotificationState(StrEnum):
    """How far a notification came; only a person's answer finishes an incident."""

    HELD = "held"  # gathered for the next digest, or listed in one that is on its way
    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"  # the provider took it
    DELIVERED = "delivered"  # the provider says the handset has it
    DEFERRED = "deferred"  # to be tried again
    FAILED = "failed"  # will never arrive; the next channel or person takes over
    CANCELLED = "cancelled"  # nothing left to tell

    @property
    def rank(self) -> int:
        """Return how far along this is; reports only go forward, and delivered beats failed."""
        late = ("sent", "failed", "delivered")
        return 1 + late.index(self) if self in late else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One row of the outbox.

    ``id`` is the idempotency key, the same for every attempt: a hash of incident,
    round and step, person, channel and purpose. ``address`` is personal data.
    ``attempt`` counts attempts begun; ``repeat`` asks the text to say that it may
    have arrived before (ambiguous outcome).
    """

    id: str
    incident: str
    step: int
    person: str
    channel: str
    address: str
    purpose: Purpose
    severity: Severity
    language: str
    text: str
    state: NotificationState
    due_us: int
    created_us: int
    attempt: int = 0
    repeat: bool = False
    provider_id: str = ""
    reason: str = ""
    link: str = ""
    digest: str = ""
