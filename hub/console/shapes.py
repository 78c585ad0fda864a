"""What the API v1 answers with, as structs: the OpenAPI document is made of these.

Times are RFC 3339 in UTC. ``Words`` carries both languages; a reader picks.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from hub.model.incident import Presence, Status
from hub.model.network import Hazard, Severity
from hub.model.notification import NotificationState, Purpose
from hub.model.transition import Certainty, Evidence, Kind, Urgency

Trend = Literal["rising", "falling", "steady"]


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all answers."""


class Words(Shape, frozen=True, kw_only=True):
    """One text in English and Chinese."""

    en: str
    zh: str


class LevelShape(Shape, frozen=True, kw_only=True):
    """A fixed level of a datastream, in its unit."""

    name: str
    severity: Severity
    above: float | None
    below: float | None
    datum: str
    source: str
    date: str


class Latest(Shape, frozen=True, kw_only=True):
    """The newest observation of a datastream; ``age_s`` by the hub's clock."""

    time: datetime
    result: float | None
    quality: int
    late: bool
    trusted: bool
    age_s: float
    why: str


class StreamShape(Shape, frozen=True, kw_only=True):
    """A datastream as it stands.

    ``silent`` means that it should speak and does not; ``severity`` is the worst
    standing condition on it; ``recent`` are (epoch milliseconds, result), oldest first.
    """

    id: str
    node: str
    name: str
    site: str
    label: Words
    observed_property: str
    unit: str
    hazard: Hazard
    room: str
    declared: bool
    interval_s: float | None
    levels: list[LevelShape]
    latest: Latest | None
    silent: bool
    faulty: bool
    muted_until: datetime | None
    severity: Severity | None
    trend: Trend | None
    trend_per_h: float | None
    recent: list[tuple[int, float | None]]


class ValueShape(Shape, frozen=True, kw_only=True):
    """What changes of a datastream from second to second."""

    id: str
    latest: Latest | None
    silent: bool
    faulty: bool
    severity: Severity | None
    trend: Trend | None
    trend_per_h: float | None


class SiteShape(Shape, frozen=True, kw_only=True):
    """A site; ``severity`` is the worst of its open incidents."""

    id: str
    name: Words
    cell: str
    latitude: float
    longitude: float
    zone: str
    severity: Severity | None
    open_incidents: int
    datastreams: int
    silent: int


class PersonShape(Shape, frozen=True, kw_only=True):
    """A person as named on the page; no address."""

    id: str
    name: Words


class ResourceShape(Shape, frozen=True, kw_only=True):
    """Something a cell can send or open."""

    kind: str
    name: Words
    where: str


class CellShape(Shape, frozen=True, kw_only=True):
    """A cell of the grid; ``sighted`` is false where nothing watches or nobody answers."""

    id: str
    name: Words
    responsible: PersonShape
    deputy: PersonShape
    residents: int
    sites: list[str]
    sighted: bool
    blind_because: Words | None
    resources: list[ResourceShape]
    ring: list[tuple[float, float]]


class Told(Shape, frozen=True, kw_only=True):
    """One person told of an incident, and how far the newest notification came."""

    person: PersonShape
    channel: str
    state: NotificationState


class IncidentShape(Shape, frozen=True, kw_only=True):
    """An incident as it stands; times of the hub's clock."""

    id: str
    code: str
    version: int
    site: str
    site_name: Words
    cell: str
    zone: str
    hazard: Hazard
    status: Status
    presence: Presence
    severity: Severity
    certainty: Certainty
    urgency: Urgency
    headline: Words
    raised: datetime
    triggered: datetime
    changed: datetime
    policy: str
    step: int
    acknowledged_by: PersonShape | None
    acknowledged: datetime | None
    resolved_by: PersonShape | None
    resolved: datetime | None
    found_late: bool
    drill: bool
    told: list[Told]


class ConditionShape(Shape, frozen=True, kw_only=True):
    """A condition of an incident with the evidence that decided it."""

    key: str
    datastream: str
    kind: Kind
    hazard: Hazard
    severity: Severity
    standing: bool
    raised: datetime
    changed: datetime
    offset: int
    evidence: Evidence


class Entry(Shape, frozen=True, kw_only=True):
    """One line of an incident's timeline; ``body`` depends on ``kind``."""

    id: int
    incident: str
    at: datetime
    kind: str
    by: str
    body: dict[str, Any]


class LossNode(Shape, frozen=True, kw_only=True):
    """What came of one node's messages; an empty name stands for what no known node sent.

    ``missing`` numbers were skipped and never came; ``quarantined`` counts rows of the
    quarantine, the others messages.
    """

    node: str
    received: int
    missing: int
    late: int
    duplicates: int
    quarantined: int
    evicted: int
    asked: int


class LossHour(LossNode, frozen=True, kw_only=True):
    """The same for one hour, by its beginning."""

    hour: datetime


class LossShape(Shape, frozen=True, kw_only=True):
    """The loss ledger: sums by node, the worst first, and hours, the newest first."""

    kept_hours: int
    nodes: list[LossNode]
    hours: list[LossHour]


class NotificationShape(Shape, frozen=True, kw_only=True):
    """One notification with its address masked and its link left out."""

    id: str
    step: int
    person: PersonShape
    channel: str
    address: str
    purpose: Purpose
    severity: Severity
    language: str
    text: str
    state: NotificationState
    attempt: int
    reason: str
    created: datetime
    sent: datetime | None
    delivered: datetime | None


class IncidentDetail(Shape, frozen=True, kw_only=True):
    """All that is known of one incident."""

    incident: IncidentShape
    conditions: list[ConditionShape]
    timeline: list[Entry]
    notifications: list[NotificationShape]


class ObservationShape(Shape, frozen=True, kw_only=True):
    """One observation of history; a null result keeps its quality."""

    time: datetime
    result: float | None
    quality: int
    late: bool
    trusted: bool


class Series(Shape, frozen=True, kw_only=True):
    """A range of a datastream, oldest first; ``limited`` says why older parts may be missing."""

    datastream: str
    unit: str
    start: datetime
    end: datetime
    truncated: bool
    limited: str
    observations: list[ObservationShape]


class MuteShape(Shape, frozen=True, kw_only=True):
    """A mute in force."""

    target: str
    reason: str
    by: str
    start: datetime
    until: datetime


class QuarantineShape(Shape, frozen=True, kw_only=True):
    """One message or observation that could not be taken, with its reason.

    ``count`` is how often the same came, last at ``last``; ``retaken`` is when it went
    into the log after all, once a person let its node speak from ``site``.
    """

    id: int
    received: datetime
    count: int
    last: datetime | None
    site: str
    retaken: datetime | None
    door: str
    topic: str
    node: str
    boot: str
    seq: int | None
    pos: int | None
    reason: str
    payload: str


class CheckShape(Shape, frozen=True, kw_only=True):
    """One check of the hub; the words say what to do."""

    ok: bool
    words: str


class HealthShape(Shape, frozen=True, kw_only=True):
    """The hub's own state: ``ready`` false is red, ``trouble`` names what is not well."""

    ready: bool
    version: str
    now: datetime
    rate: float
    history: Words
    trouble: list[Words]
    checks: dict[str, CheckShape]


class Done(Shape, frozen=True, kw_only=True):
    """What became of an action: ``offset`` is its place in the log."""

    offset: int
    state: Literal["done", "pending"]
    words: Words
    incident: str
