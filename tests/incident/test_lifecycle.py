"""What people may do with an incident, as a table."""

from __future__ import annotations

import pytest

from hub.errors import TransitionError
from hub.incident.lifecycle import NEXT, act, over
from hub.model.incident import ActionKind, Incident, Presence, Status
from hub.model.network import Hazard, Severity
from hub.model.transition import Certainty, Urgency

ABOUT_INCIDENTS = (
    ActionKind.ACKNOWLEDGE,
    ActionKind.ARRIVED,
    ActionKind.ESCALATE,
    ActionKind.HAND_OVER,
    ActionKind.NOTE,
    ActionKind.RESOLVE,
    ActionKind.FALSE_ALARM,
    ActionKind.STAND_DOWN,
)


def incident(status: Status = Status.TRIGGERED, **changes: object) -> Incident:
    """Return an incident in ``status``."""
    values: dict[str, object] = {
        "id": "aa",
        "code": "7K2",
        "version": 3,
        "site": "bridge",
        "hazard": Hazard.FLOOD,
        "cell": "c1",
        "status": status,
        "presence": Presence.PRESENT,
        "severity": Severity.EXTREME,
        "certainty": Certainty.OBSERVED,
        "urgency": Urgency.IMMEDIATE,
        "raised_us": 1,
        "triggered_us": 2,
        "changed_us": 2,
        "policy": "default",
        "step": 0,
        "headline_en": "",
        "headline_zh": "",
        **changes,
    }
    return Incident(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ABOUT_INCIDENTS)
@pytest.mark.parametrize("status", Status)
def test_every_action_leads_on_or_says_why_not(status: Status, kind: ActionKind) -> None:
    """Each action either leads where the table says, one version on, or names the state."""
    before = incident(status, resolved_by="wang" if status is Status.RESOLVED else "")
    expected = NEXT.get((status, kind))
    if expected is None:
        with pytest.raises(TransitionError, match=f"{kind}.*7K2.*resolved.*wang"):
            act(before, kind, by="li", at_us=9)
        return
    after = act(before, kind, by="li", at_us=9)
    assert (after.status, after.version) == (expected, 4)


def test_only_resolved_incidents_refuse() -> None:
    """Whatever is open can be acted on; what is resolved takes notes only."""
    refused = {(s, k) for s in Status for k in ABOUT_INCIDENTS} - set(NEXT)
    assert {status for status, _ in refused} == {Status.RESOLVED}
    assert (Status.RESOLVED, ActionKind.NOTE) in NEXT


def test_the_first_to_acknowledge_stays_named() -> None:
    """A second acknowledgement does not take the incident from the first person."""
    first = act(incident(), ActionKind.ACKNOWLEDGE, by="li", at_us=5)
    second = act(first, ActionKind.ACKNOWLEDGE, by="wang", at_us=6)
    assert (second.acknowledged_by, second.acknowledged_us) == ("li", 5)


def test_a_cleared_danger_stays_open_and_maintenance_closes() -> None:
    """Only people resolve dangers; a sensor that speaks again closes its own incident."""
    flood = over(incident(), at_us=9)
    sensor = over(incident(hazard=Hazard.SENSOR), at_us=9)
    assert (flood.status, flood.presence, flood.urgency) == (
        Status.TRIGGERED,
        Presence.PAST,
        Urgency.PAST,
    )
    assert (sensor.status, sensor.resolved_by) == (Status.RESOLVED, "tocsin")


def test_a_drill_is_over_once_acknowledged() -> None:
    """Answering a drill closes it and keeps who answered."""
    after = act(incident(drill=True), ActionKind.ACKNOWLEDGE, by="li", at_us=9)
    assert (after.status, after.acknowledged_by) == (Status.RESOLVED, "li")
