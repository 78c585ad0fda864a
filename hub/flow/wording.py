"""What a page about an incident has to say: the facts for ``hub.dispatch.text.compose``. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hub.clock import MICROSECONDS
from hub.dispatch.text import Message
from hub.model.incident import Presence
from hub.model.network import Hazard
from hub.model.transition import Kind

if TYPE_CHECKING:
    from hub.flow.desk import Desk
    from hub.model.book import Condition
    from hub.model.incident import Incident
    from hub.model.network import Datastream, Site
    from hub.model.response import Person
    from hub.model.transition import Evidence

UNANSWERED: Final = ("Nobody has answered yet", "此前无人接警")
HUB_PLACE: Final = ("alarm hub", "警钟中心")
DRILL_PLACE: Final = ("test of the alarm chain", "告警链路测试")
FIND_SOMEBODY: Final = ("Phone somebody who can go", "请立即电话找人接警")


def message_of(
    incident: Incident,
    condition: Condition | None,
    desk: Desk,
    *,
    person: Person,
    now_us: int,
    again: bool,
) -> Message:
    """Return what ``person`` should know now; ``again`` says that others were told before."""
    stream = desk.stream(condition.slot) if condition else None
    place_en, place_zh = place_of(incident, desk.network.sites.get(incident.site), stream)
    return Message(
        level=incident.severity,
        hazard=incident.hazard,
        place_en=place_en,
        place_zh=place_zh,
        zone=person.zone,
        since_us=incident.raised_us,
        now_us=now_us,
        code=incident.code,
        drill=incident.drill,
        found_late=incident.found_late,
        extra_en=UNANSWERED[0] if again else "",
        extra_zh=UNANSWERED[1] if again else "",
        **seen(incident, condition, stream, now_us),
    )


def place_of(incident: Incident, site: Site | None, stream: Datastream | None) -> tuple[str, str]:
    """Return where it is, with the room where that is known."""
    if incident.drill:
        return DRILL_PLACE
    if site is None:
        return HUB_PLACE if incident.hazard is Hazard.HUB else (incident.site, incident.site)
    if stream is None or not stream.room:
        return site.name_en, site.name_zh
    return f"{site.name_en} {stream.room}", f"{site.name_zh} {stream.room_zh or stream.room}"


def seen(
    incident: Incident, condition: Condition | None, stream: Datastream | None, now_us: int
) -> dict[str, Any]:
    """Return what was measured, or in words what somebody saw or what is over."""
    if incident.presence is Presence.PAST and not incident.drill:
        return {"over": True}
    if condition is None:
        return {}
    found = condition.evidence
    if stream is None or condition.kind is Kind.HUB:
        return {"words_en": found.words_en, "words_zh": found.words_zh, **to_do(found)}
    name = {
        "measured": stream.measured,
        "label_en": stream.label_en,
        "label_zh": stream.label_zh,
    }
    if condition.kind is Kind.SILENCE and found.onset_us is not None:
        return {**name, "silent_s": (now_us - found.onset_us) / MICROSECONDS}
    if found.value is None or condition.kind is not Kind.WORLD:
        return {**name, "words_en": found.words_en, "words_zh": found.words_zh}
    return {**name, **measured(found)}


def measured(found: Evidence) -> dict[str, Any]:
    """Return the value against what it was held to, and where it goes."""
    return {
        "value": found.value,
        "unit": found.unit,
        "threshold": found.limit,
        "threshold_name": found.limit_name,
        "expected": found.expected if found.limit is None and found.eta_s is None else None,
        "trend_per_h": found.trend_per_h,
        "eta_s": found.eta_s,
        "eta_low_s": found.eta_low_s,
        "eta_high_s": found.eta_high_s,
    }


def to_do(found: Evidence) -> dict[str, str]:
    """Return what to do where that is not the usual of the hazard."""
    if found.detector != "dispatch":
        return {}
    return {"todo_en": FIND_SOMEBODY[0], "todo_zh": FIND_SOMEBODY[1]}
