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


def refusal(incident: Incident, kind: ActionKind) -> str:
    """Return why ``kind`` is not open to ``incident``."""
    state = f"it is {incident.status}"
    if incident.status is Status.RESOLVED and incident.resolved_by:
        state += f" (by {incident.resolved_by})"
    return f"cannot {kind} incident {incident.code}: {state}"


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
