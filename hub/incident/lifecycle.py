"""What people may do with an incident, and what it leads to. Pure.

Two axes that never mix: ``status`` is what people did, ``presence`` what the world
does. Nothing measured acknowledges or resolves a danger; nothing a person does makes
water fall. Only maintenance and the hub's own troubles close by themselves.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hub.errors import TransitionError
from hub.model.incident import ActionKind, Presence, Status
from hub.model.network import Hazard
from hub.model.transition import Urgency
from hub.words import Words

if TYPE_CHECKING:
    from hub.model.incident import Incident

NEXT: Final = {
    (Status.TRIGGERED, ActionKind.ACKNOWLEDGE): Status.ACKNOWLEDGED,
    (Status.TRIGGERED, ActionKind.ARRIVED): Status.ACKNOWLEDGED,
    (Status.TRIGGERED, ActionKind.ESCALATE): Status.TRIGGERED,
    (Status.TRIGGERED, ActionKind.HAND_OVER): Status.TRIGGERED,
    (Status.TRIGGERED, ActionKind.NOTE): Status.TRIGGERED,
    (Status.TRIGGERED, ActionKind.RESOLVE): Status.RESOLVED,
    (Status.TRIGGERED, ActionKind.FALSE_ALARM): Status.RESOLVED,
    (Status.TRIGGERED, ActionKind.STAND_DOWN): Status.RESOLVED,
    (Status.ACKNOWLEDGED, ActionKind.ACKNOWLEDGE): Status.ACKNOWLEDGED,
    (Status.ACKNOWLEDGED, ActionKind.ARRIVED): Status.ACKNOWLEDGED,
    (Status.ACKNOWLEDGED, ActionKind.ESCALATE): Status.TRIGGERED,
    (Status.ACKNOWLEDGED, ActionKind.HAND_OVER): Status.TRIGGERED,
    (Status.ACKNOWLEDGED, ActionKind.NOTE): Status.ACKNOWLEDGED,
    (Status.ACKNOWLEDGED, ActionKind.RESOLVE): Status.RESOLVED,
    (Status.ACKNOWLEDGED, ActionKind.FALSE_ALARM): Status.RESOLVED,
    (Status.ACKNOWLEDGED, ActionKind.STAND_DOWN): Status.RESOLVED,
    (Status.RESOLVED, ActionKind.NOTE): Status.RESOLVED,
}
SELF_CLOSING: Final = frozenset({Hazard.SENSOR, Hazard.HUB})
STATES: Final = {
    Status.TRIGGERED: Words("triggered", "待接警"),
    Status.ACKNOWLEDGED: Words("acknowledged", "已接警"),
    Status.RESOLVED: Words("resolved", "已解除"),
}
BY: Final = Words("{status} (by {by})", "{status}（由 {by}）")
NOT_OPEN: Final = Words(
    "cannot {kind} incident {code}: it is {state}", "事件 {code} {state}，不能执行 {kind}"
)
HUB: Final = "tocsin"  # who did it, when nobody did


def act(incident: Incident, kind: ActionKind, *, by: str, at_us: int) -> Incident:
    """Return ``incident`` after ``by`` did ``kind``, one version on.

    The first to acknowledge stays named until the incident triggers again. A drill
    is over once it is acknowledged.

    Raises:
        TransitionError: ``kind`` is not open to it; the sentence says why.
    """
    status = NEXT.get((incident.status, kind))
    if status is None:
        raise TransitionError(refusal(incident, kind))
    if incident.drill and status is Status.ACKNOWLEDGED:
        return resolved(answered(incident, by, at_us), by=by, at_us=at_us)
    return AFTER[status](incident, by, at_us)


def refusal(incident: Incident, kind: ActionKind) -> Words:
    """Return why ``kind`` is not open to ``incident``."""
    status, by = STATES[incident.status], incident.resolved_by
    state = BY.filled(status=status, by=by) if status is STATES[Status.RESOLVED] and by else status
    return NOT_OPEN.filled(kind=kind, code=incident.code, state=state)


def changed(incident: Incident, at_us: int) -> Incident:
    """Return ``incident`` one version on."""
    return replace(incident, version=incident.version + 1, changed_us=at_us)


def answered(incident: Incident, by: str, at_us: int) -> Incident:
    """Return ``incident`` with somebody on it; who came first stays named."""
    if incident.status is not Status.ACKNOWLEDGED:
        incident = replace(incident, acknowledged_by=by, acknowledged_us=at_us)
    return changed(replace(incident, status=Status.ACKNOWLEDGED), at_us)


def retriggered(incident: Incident, _by: str, at_us: int) -> Incident:
    """Return ``incident`` waiting for an answer again."""
    waiting = replace(incident, status=Status.TRIGGERED, acknowledged_by="", acknowledged_us=None)
    return changed(waiting, at_us)


def closed(incident: Incident, by: str, at_us: int) -> Incident:
    """Return ``incident`` closed; closing it twice keeps who did it first."""
    if incident.status is Status.RESOLVED:
        return changed(incident, at_us)
    return resolved(changed(incident, at_us), by=by, at_us=at_us)


def resolved(incident: Incident, *, by: str, at_us: int) -> Incident:
    """Return ``incident`` resolved, within the same version."""
    return replace(
        incident, status=Status.RESOLVED, resolved_by=by, resolved_us=at_us, changed_us=at_us
    )


AFTER: Final = {
    Status.TRIGGERED: retriggered,
    Status.ACKNOWLEDGED: answered,
    Status.RESOLVED: closed,
}


def over(incident: Incident, at_us: int) -> Incident:
    """Return ``incident`` after its last condition cleared, within the same version.

    A danger stays open until a person resolves it; maintenance closes by itself.
    """
    past = replace(incident, presence=Presence.PAST, urgency=Urgency.PAST, changed_us=at_us)
    if incident.hazard in SELF_CLOSING:
        return resolved(past, by=HUB, at_us=at_us)
    return past
