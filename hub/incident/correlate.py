"""Folds condition transitions into incidents, one per site and hazard. Pure.

Dangers of the world page; a broken or silent sensor goes on the site's maintenance
incident; the hub's own troubles go to its operator. Nothing waits for grouping: a
danger pages in the fold that saw it, and what joins an incident pages again only
when it makes it worse, or when the danger is back after it was over.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from hub.incident import lifecycle
from hub.incident.cells import cell_of
from hub.incident.headline import headline, titled
from hub.incident.identity import incident_id, reply_code
from hub.incident.sighting import after, facts, repeated
from hub.incident.suppress import muting
from hub.incident.upkeep import Ailment, ailment, complaint
from hub.model.book import Condition, Entry
from hub.model.incident import Incident, Presence, Status
from hub.model.network import Hazard
from hub.model.notification import Purpose
from hub.model.transition import Certainty, Change, Urgency

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from hub.incident.sighting import Sighting
    from hub.model.book import Detail, Mute
    from hub.model.network import Datastream, Network

RETURN_US: Final = 600_000_000  # over for less than this: the same danger, not a new one
DEFAULT_POLICY: Final = "default"
POLICIES: Final = {Hazard.SENSOR: "maintenance", Hazard.HUB: "hub"}
RISING: Final = frozenset({Change.RAISED, Change.WORSENED})


class Effect(StrEnum):
    """What became of one transition."""

    OPENED = "opened"  # a new incident, which pages
    JOINED = "joined"  # more of what people already know
    WORSENED = "worsened"  # the incident is worse than people know
    RETURNED = "returned"  # over for a while, and here again
    EASED = "eased"
    CLEARED = "cleared"  # others of the incident still stand
    OVER = "over"  # the last condition cleared
    MUTED = "muted"  # recorded; pages at the end of the mute if it still stands
    ALONE = "alone"  # eased or cleared, and no open incident to tell
    REPEATED = "repeated"  # taken before: nothing changes


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Why an incident pages; ``fresh`` starts at the first step, else all paged are told."""

    purpose: Purpose
    fresh: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """What has to be written: only what changed. ``pages`` by incident id."""

    conditions: tuple[Condition, ...]
    incidents: tuple[Incident, ...]
    entries: tuple[Entry, ...]
    pages: dict[str, Page]
    effects: tuple[Effect, ...]


class Fold:
    """The board while transitions are folded into it, in the order of the log.

    ``incidents`` are all open ones, ``conditions`` those of the keys to come;
    ``unsettled`` has, by incident, the keys that stand or are muted, and ``ended_us``
    when one of its conditions last changed; ``ailing`` has, by maintenance incident, what
    stands by key; ``known`` says whether an id was ever used
    and ``taken`` are codes that mean something else.
    """

    def __init__(
        self,
        *,
        incidents: Iterable[Incident],
        conditions: Iterable[Condition],
        unsettled: Mapping[str, Iterable[str]],
        ended_us: Mapping[str, int],
        mutes: Iterable[Mute],
        network: Network,
        now_us: int,
        known: Callable[[str], bool],
        taken: Iterable[str] = (),
        ailing: Mapping[str, Mapping[str, Ailment]] | None = None,
    ) -> None:
        self.before = {i.id: i for i in incidents}
        self.incidents = dict(self.before)
        self.places = {
            (i.site, i.hazard): i.id for i in reversed(self.incidents.values()) if not i.drill
        }
        self.codes = {i.code for i in self.incidents.values()} | set(taken)
        self.conditions = {c.key: c for c in conditions}
        self.unsettled = defaultdict(set, {name: set(keys) for name, keys in unsettled.items()})
        self.ailing = defaultdict[str, dict[str, Ailment]](dict)
        self.ailing.update({name: dict(of) for name, of in (ailing or {}).items()})
        self.streams: dict[str, Datastream | None] = {}
        self.retitled: set[str] = set()
        self.ended_us = dict(ended_us)
        self.mutes = tuple(mutes)
        self.network = network
        self.now_us = now_us
        self.known = known
        self.touched: dict[str, None] = {}
        self.entries: list[Entry] = []
        self.pages: dict[str, Page] = {}
        self.effects: list[Effect] = []

    def result(self) -> Folded:
        """Return what changed; each changed incident is one version on."""
        for name in self.retitled & self.incidents.keys():
            self.incidents[name] = self.retold(self.incidents[name])
        changed = [i for i in self.incidents.values() if self.before.get(i.id) != i]
        return Folded(
            conditions=tuple(self.conditions[key] for key in self.touched),
            incidents=tuple(self.next_version(i) for i in changed),
            entries=tuple(self.entries),
            pages={id_: p for id_, p in self.pages.items() if self.waiting(id_)},
            effects=tuple(self.effects),
        )

    def next_version(self, incident: Incident) -> Incident:
        """Return ``incident`` one version after what the store holds."""
        before = self.before.get(incident.id)
        version = before.version + 1 if before else 1
        return replace(incident, version=version, changed_us=self.now_us)

    def waiting(self, incident: str) -> bool:
        """Say whether somebody still has to answer for ``incident``."""
        return self.incidents[incident].status is Status.TRIGGERED

    def take(self, seen: Sighting) -> Effect:
        """Fold one transition in and say what became of it."""
        effect = self.effect_of(seen)
        self.effects.append(effect)
        return effect

    def effect_of(self, seen: Sighting) -> Effect:
        """Record the condition, then let its incident know unless it is muted."""
        self.streams[seen.transition.key] = seen.stream
        old = self.conditions.get(seen.transition.key)
        if old is not None and repeated(old, seen.transition):
            return Effect.REPEATED
        new = after(old, seen)
        stream_id = seen.stream.id if seen.stream else ""
        mute = muting(self.mutes, seen.site, stream_id, self.now_us)
        self.put(replace(new, muted=mute is not None))
        if mute is not None:
            self.note(new.incident, "muted", {**facts(seen.transition), "reason": mute.reason})
            return Effect.MUTED
        return self.tell(new, seen)

    def tell(self, new: Condition, seen: Sighting) -> Effect:
        """Let the incident of ``new`` know what it says."""
        if seen.transition.change in RISING:
            return self.rise(new, seen)
        incident = self.open_incident(new.incident)
        if incident is None:
            return Effect.ALONE
        self.note(incident.id, seen.transition.change, facts(seen.transition))
        if seen.transition.change is Change.CLEARED:
            return self.settle(incident, new.changed_us)
        self.incidents[incident.id] = replace(incident, changed_us=self.now_us)
        return Effect.EASED

    def rise(self, new: Condition, seen: Sighting) -> Effect:
        """Open an incident for a danger that stands, or let it join the open one."""
        found = self.open_for(new.site, new.hazard)
        if found is None:
            incident, effect = self.opened(new, seen), Effect.OPENED
            self.places[incident.site, incident.hazard] = incident.id
            self.codes.add(incident.code)
        else:
            effect = self.compare(found, new)
            incident = joined(found, new, seen, self.network, self.now_us)
        if effect in (Effect.WORSENED, Effect.RETURNED):
            incident = self.awaken(incident, effect)
        elif effect is Effect.OPENED:
            self.pages[incident.id] = Page(purpose=purpose_of(incident), fresh=True)
        self.incidents[incident.id] = incident
        self.put(replace(new, incident=incident.id, muted=False))
        kind = effect if effect is not Effect.OPENED else seen.transition.change
        self.note(incident.id, kind, facts(seen.transition))
        return effect

    def awaken(self, incident: Incident, effect: Effect) -> Incident:
        """Page again: from the first step if somebody had taken it, else all who were paged."""
        taken = incident.status is Status.ACKNOWLEDGED
        if incident.id not in self.pages and (taken or effect is Effect.WORSENED):
            purpose = Purpose.WORSENED if effect is Effect.WORSENED else Purpose.PAGE
            if incident.hazard is Hazard.HUB:
                purpose = Purpose.HUB
            self.pages[incident.id] = Page(purpose=purpose, fresh=taken)
        return replace(incident, status=Status.TRIGGERED, acknowledged_by="", acknowledged_us=None)

    def compare(self, incident: Incident, new: Condition) -> Effect:
        """Say what a rising condition means to an open incident."""
        if new.severity.rank > incident.severity.rank:
            return Effect.WORSENED
        away_us = new.changed_us - self.ended_us.get(incident.id, 0)
        if incident.presence is Presence.PAST and away_us >= RETURN_US:
            return Effect.RETURNED
        return Effect.JOINED

    def settle(self, incident: Incident, at_us: int) -> Effect:
        """Say whether anything of ``incident`` still stands; maintenance may close."""
        if self.unsettled[incident.id]:
            self.incidents[incident.id] = replace(incident, changed_us=self.now_us)
            return Effect.CLEARED
        self.ended_us[incident.id] = max(self.ended_us.get(incident.id, 0), at_us)
        past = lifecycle.over(incident, self.now_us)
        self.incidents[incident.id] = past
        if past.status is Status.RESOLVED:
            self.note(incident.id, "resolved", {"reason": "cleared"}, by=lifecycle.HUB)
        return Effect.OVER

    def unmute(self, condition: Condition, seen: Sighting) -> Effect:
        """Let the incident know what ``condition`` came to say while it was muted."""
        self.streams[condition.key] = seen.stream
        self.put(replace(condition, muted=False))
        effect = self.tell(self.conditions[condition.key], seen)
        self.effects.append(effect)
        return effect

    def opened(self, new: Condition, seen: Sighting) -> Incident:
        """Return a new incident for ``new``."""
        change = seen.transition
        site = self.network.sites.get(new.site)
        cell = cell_of(self.network, site)
        words_en, words_zh = headline(new.hazard, site, new.evidence)
        policy = (cell.policy if cell else "") or DEFAULT_POLICY
        name = incident_id(new.site, new.hazard, new.raised_us, self.is_known)
        return Incident(
            id=name,
            code=reply_code(name, self.codes),
            version=1,
            site=new.site,
            hazard=new.hazard,
            cell=cell.id if cell else "",
            status=Status.TRIGGERED,
            presence=Presence.PRESENT,
            severity=new.severity,
            certainty=change.certainty,
            urgency=change.urgency,
            raised_us=new.raised_us,
            triggered_us=self.now_us,
            changed_us=self.now_us,
            policy=POLICIES.get(new.hazard, policy),
            step=-1,
            headline_en=words_en,
            headline_zh=words_zh,
            found_late=change.found_late,
        )

    def is_known(self, name: str) -> bool:
        """Say whether an incident of this id exists already."""
        return name in self.incidents or self.known(name)

    def open_for(self, site: str, hazard: Hazard) -> Incident | None:
        """Return the open incident of ``hazard`` at ``site``."""
        return self.open_incident(self.places.get((site, hazard), ""))

    def open_incident(self, name: str) -> Incident | None:
        """Return the incident of this id while it is open."""
        incident = self.incidents.get(name)
        return incident if incident and incident.status is not Status.RESOLVED else None

    def put(self, condition: Condition) -> None:
        """Keep ``condition``; one that stands, or is muted, keeps its incident present."""
        old = self.conditions.get(condition.key)
        if old is not None:
            self.unsettled[old.incident].discard(old.key)
        if condition.standing or condition.muted:
            self.unsettled[condition.incident].add(condition.key)
        if condition.hazard is Hazard.SENSOR:
            self.ail(condition, old)
        self.conditions[condition.key] = condition
        self.touched[condition.key] = None

    def ail(self, condition: Condition, old: Condition | None) -> None:
        """Keep what ails the site of ``condition``, to be told when all is folded."""
        self.ailing[old.incident if old else ""].pop(condition.key, None)
        if condition.standing and not condition.muted:
            said = (condition.evidence.words_en, condition.evidence.words_zh)
            stream = self.streams.get(condition.key)
            found = ailment(condition.key, condition.kind, stream, said)
            self.ailing[condition.incident][condition.key] = found
        self.retitled.add(condition.incident)

    def retold(self, incident: Incident) -> Incident:
        """Return a maintenance incident with all that ails its site now; once over, as it was."""
        said = complaint(self.ailing[incident.id].values())
        if said is None:
            return incident
        site = self.network.sites.get(incident.site)
        words_en, words_zh = titled(incident.hazard, site, said)
        return replace(incident, headline_en=words_en, headline_zh=words_zh)

    def note(self, incident: str, kind: str, body: dict[str, Detail], by: str = "") -> None:
        """Add a line to the timeline of ``incident`` (empty: of no incident)."""
        entry = Entry(incident=incident, at_us=self.now_us, kind=str(kind), by=by, body=body)
        self.entries.append(entry)


def joined(
    incident: Incident, new: Condition, seen: Sighting, network: Network, now_us: int
) -> Incident:
    """Return ``incident`` with one more rising condition; severity is the worst reached."""
    change = seen.transition
    worse = new.severity.rank > incident.severity.rank
    words_en, words_zh = incident.headline_en, incident.headline_zh
    if worse:
        words_en, words_zh = headline(new.hazard, network.sites.get(new.site), new.evidence)
    return replace(
        incident,
        presence=Presence.PRESENT,
        severity=new.severity if worse else incident.severity,
        certainty=surer(incident.certainty, change.certainty),
        urgency=change.urgency if worse else present(incident.urgency, change.urgency),
        headline_en=words_en,
        headline_zh=words_zh,
        changed_us=now_us,
    )


def surer(one: Certainty, other: Certainty) -> Certainty:
    """Return the surer of two certainties."""
    return min(one, other, key=list(Certainty).index)


def present(old: Urgency, new: Urgency) -> Urgency:
    """Return the old urgency, unless it said that all was over."""
    return new if old is Urgency.PAST else old


def purpose_of(incident: Incident) -> Purpose:
    """Return why the first page of ``incident`` goes out."""
    if incident.drill:
        return Purpose.DRILL
    return Purpose.HUB if incident.hazard is Hazard.HUB else Purpose.PAGE
