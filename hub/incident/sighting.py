"""One transition as the book sees it: where it happened, what it counts under, its trace. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hub.model.book import Condition
from hub.model.network import Datastream, Hazard
from hub.model.transition import Change, Kind, Transition

if TYPE_CHECKING:
    from hub.model.book import Detail

HUB_SITE: Final = "hub"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A transition together with the datastream it is about (None: a whole site, the hub)."""

    transition: Transition
    stream: Datastream | None = None

    @property
    def site(self) -> str:
        """Return the site it happened at."""
        if self.stream is not None:
            return self.stream.site
        return self.transition.site or HUB_SITE

    @property
    def hazard(self) -> Hazard:
        """Return the hazard it counts under."""
        if self.transition.kind in (Kind.FAULT, Kind.SILENCE):
            return Hazard.SENSOR
        if self.transition.kind is Kind.HUB:
            return Hazard.HUB
        return self.transition.hazard or (self.stream.hazard if self.stream else Hazard.OTHER)


def mark(change: Transition) -> str:
    """Return what tells this change from others of its key at one offset."""
    return f"{change.change}:{change.severity}:{change.time_us}"


def repeated(old: Condition, change: Transition) -> bool:
    """Say whether ``change`` was taken before."""
    if change.offset == old.offset:
        return mark(change) in old.applied
    return change.offset < old.offset


def after(old: Condition | None, seen: Sighting) -> Condition:
    """Return the condition after ``seen``; a new rise dates from its own time."""
    change = seen.transition
    again = old is not None and old.standing
    same_offset = old is not None and old.offset == change.offset
    return Condition(
        key=change.key,
        incident=old.incident if old else "",
        slot=change.slot,
        site=seen.site,
        kind=change.kind,
        hazard=seen.hazard,
        severity=change.severity,
        standing=change.change is not Change.CLEARED,
        raised_us=old.raised_us if old and again else change.time_us,
        changed_us=change.time_us,
        offset=change.offset,
        evidence=change.evidence,
        applied=((*old.applied, mark(change)) if old and same_offset else (mark(change),)),
    )


def facts(change: Transition) -> dict[str, Detail]:
    """Return what a timeline keeps of a transition; the evidence stays with the condition."""
    return {
        "key": change.key,
        "change": str(change.change),
        "severity": str(change.severity),
        "time_us": change.time_us,
        "offset": change.offset,
        "value": change.evidence.value,
        "limit": change.evidence.limit,
        "unit": change.evidence.unit,
        "found_late": change.found_late,
    }
