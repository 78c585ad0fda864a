"""Incidents that people open: what they saw themselves, and drills."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hub.clock import MICROSECONDS
from hub.flow.record import record
from hub.flow.refusal import Done, RefusalError
from hub.incident.identity import incident_id, reply_code
from hub.model.book import DeadlineKind
from hub.model.incident import Incident, Presence, Status
from hub.model.network import Hazard, Severity
from hub.model.transition import Certainty, Change, Evidence, Kind, Transition, Urgency

if TYPE_CHECKING:
    from enum import StrEnum

    from hub.flow.desk import Desk
    from hub.flow.outgoing import Outgoing
    from hub.model.incident import Action
    from hub.model.response import Person
    from hub.store.book import Book

DRILL_S: Final = 3600.0
OWN: Final = frozenset({"person", "dispatch", "clock", "restore"})
"""Conditions that no detector will ever clear: they end when a person resolves."""


def open_by_person(book: Book, desk: Desk, action: Action, now_us: int) -> Done:
    """Open an incident at a site, or add to the open one, and page as for any danger.

    Raises:
        RefusalError: no such site, hazard or severity.
    """
    seen = sighting_of(desk, action)
    recorded = record(book, desk, [seen], now_us, mutes=())
    if not recorded.incidents:
        raise RefusalError("this was opened before", "此事件已登记过")
    incident = book.incident(recorded.incidents[0])
    code = incident.code if incident else ""
    told = recorded.notifications
    return Done(
        f"{code}: open, {told} told", f"{code}：已登记，通知{told}人", recorded.incidents[0]
    )


def sighting_of(desk: Desk, action: Action) -> Transition:
    """Return what the person saw as a condition of the whole site."""
    site = str(action.details.get("site") or action.target).strip()
    if site not in desk.network.sites:
        known = ", ".join(sorted(desk.network.sites)[:8])
        raise RefusalError(
            f"no site {site[:40]}; known: {known}", f"没有点位{site[:40]}；可用：{known}"
        )
    text = str(action.details.get("text") or "").strip()[:200]
    return Transition(
        key=f"person:{action.offset}",
        change=Change.RAISED,
        kind=Kind.WORLD,
        severity=Severity(one_of(Severity, action.details.get("severity"), Severity.SEVERE)),
        time_us=action.at_us,
        offset=action.offset,
        slot=-1,
        site=site,
        hazard=Hazard(one_of(Hazard, action.details.get("hazard"), Hazard.OTHER)),
        evidence=Evidence(detector="person", words_en=text, words_zh=text),
    )


def one_of(words: type[StrEnum], given: object, default: StrEnum) -> str:
    """Return ``given`` if it is one of ``words``; the default when nothing was given.

    Raises:
        RefusalError: it is none of them; the words are listed.
    """
    if given is None or given == "":
        return default.value
    known = [str(word) for word in words]
    if given not in known:
        listed = ", ".join(known)
        raise RefusalError(f"{str(given)[:40]} is none of: {listed}", f"请从中选择：{listed}")
    return str(given)


def close_own(book: Book, incident: Incident) -> None:
    """End the conditions of a resolved incident that nothing else would ever end."""
    for condition in book.conditions(incident.id):
        if condition.standing and condition.evidence.detector in OWN:
            book.put_condition(replace(condition, standing=False))


def drill_of(book: Book, person: Person, action: Action, now_us: int) -> Incident:
    """Return the incident of a drill: of no site, closed by its first answer."""
    name = incident_id(f"drill:{person.id}", str(action.offset), action.at_us, book.is_known)
    return Incident(
        id=name,
        code=reply_code(name, {i.code for i in book.open_incidents()}),
        version=1,
        site="",
        hazard=Hazard.OTHER,
        cell="",
        status=Status.TRIGGERED,
        presence=Presence.PAST,
        severity=Severity.MINOR,
        certainty=Certainty.UNLIKELY,
        urgency=Urgency.PAST,
        raised_us=action.at_us,
        triggered_us=now_us,
        changed_us=now_us,
        policy="",
        step=0,
        headline_en=f"Drill for {person.name_en}",
        headline_zh=f"演练：{person.name_zh}",
        drill=True,
    )


def set_drill_end(out: Outgoing, incident: Incident) -> None:
    """Close the drill by itself after an hour, as not answered."""
    out.set_timer(
        f"drill-end:{incident.id}",
        DeadlineKind.DRILL_END,
        incident,
        due_us=out.now_us + round(DRILL_S * MICROSECONDS),
    )
