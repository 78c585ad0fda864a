"""What a page about an incident has to say: the facts for ``hub.dispatch.text.compose``. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

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

OVER: Final = ("measured as over, please confirm", "实测已回落，请确认")
UNANSWERED: Final = ("Nobody has answered yet", "此前无人接警")
HUB_PLACE: Final = ("alarm hub", "警钟中心")
DRILL_PLACE: Final = ("test of the alarm chain", "告警链路测试")


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
        **seen(incident, condition, stream),
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
    incident: Incident, condition: Condition | None, stream: Datastream | None
) -> dict[str, Any]:
    """Return what was measured, or in words what somebody saw or what is over."""
    if incident.presence is Presence.PAST and not incident.drill:
        return {"words_en": OVER[0], "words_zh": OVER[1]}
    if condition is None or condition.evidence.value is None or condition.kind is not Kind.WORLD:
        return {
            "words_en": condition.evidence.words_en if condition else "",
            "words_zh": condition.evidence.words_zh if condition else "",
        }
    found = condition.evidence
    return {
        "measured": stream.measured if stream else "",
        "label_en": stream.label_en if stream else "",
        "label_zh": stream.label_zh if stream else "",
        "value": found.value,
        "unit": found.unit,
        "threshold": found.limit,
        "threshold_name": found.limit_name,
        "trend_per_h": found.trend_per_h,
        "eta_s": found.eta_s,
        "eta_low_s": found.eta_low_s,
        "eta_high_s": found.eta_high_s,
        "words_en": found.words_en,
        "words_zh": found.words_zh,
    }
