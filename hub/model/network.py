"""Where sensors hang and who answers for the place: sites, nodes, datastreams, cells."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

CANARY: Final = "canary"  # the observed property of those who watch the hub


class Severity(StrEnum):
    """CAP 1.2 severity; the first is the worst. Colours are presentation only."""

    EXTREME = "extreme"  # red, 一级
    SEVERE = "severe"  # orange, 二级
    MODERATE = "moderate"  # yellow, 三级
    MINOR = "minor"  # blue, 四级
    UNKNOWN = "unknown"

    @property
    def rank(self) -> int:
        """Return 4 for extreme down to 0 for unknown, for comparisons."""
        return 4 - list(Severity).index(self)


class Hazard(StrEnum):
    """What threatens; incidents are grouped by site and hazard."""

    FLOOD = "flood"
    FIRE = "fire"
    GAS = "gas"
    LEAK = "leak"
    STRUCTURE = "structure"
    SENSOR = "sensor"  # maintenance: a fault or silence, pages nobody at night
    HUB = "hub"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One fixed level: crossing ``above`` (or falling ``below``) is of ``severity``.

    The condition eases only past ``hysteresis`` on the safe side; all three are in
    the datastream's unit. ``name`` is shown to people ("danger", "watch").
    """

    name: str
    severity: Severity
    above: float | None = None
    below: float | None = None
    hysteresis: float = 0.0
    datum: str = ""
    source: str = ""
    date: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the quality tests hold a datastream to; None switches a test off.

    ``range_*`` gross range, ``suspect_*`` operator's range, ``spike`` and
    ``rate_per_s`` in the unit and the unit per second; ``flat_count`` equal values
    in a row within ``flat_tolerance`` are suspect, twice as many fail.
    """

    range_low: float | None = None
    range_high: float | None = None
    suspect_low: float | None = None
    suspect_high: float | None = None
    spike: float | None = None
    rate_per_s: float | None = None
    flat_count: int | None = None
    flat_tolerance: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Datastream:
    """One series: a property observed by one node. ``slot`` is its dense number.

    ``interval_s`` is how often a value should come and ``upload_s`` how often the
    node sends; None means that the hub learns it.
    """

    slot: int
    site: str
    node: str
    name: str
    observed_property: str = ""
    unit: str = ""
    hazard: Hazard = Hazard.OTHER
    room: str = ""
    room_zh: str = ""
    label_en: str = ""
    label_zh: str = ""
    interval_s: float | None = None
    upload_s: float | None = None
    levels: tuple[Level, ...] = ()
    limits: Limits = field(default_factory=Limits)
    declared: bool = False

    @property
    def id(self) -> str:
        """Return ``node/name``, unique in the hub."""
        return f"{self.node}/{self.name}"

    @property
    def measured(self) -> str:
        """Return the observed property, or the datastream's name when none is declared."""
        return self.observed_property or self.name

    @property
    def unitless(self) -> bool:
        """Say whether this is a count, a rate or a price: no quantity of physics."""
        return not self.unit or self.unit.startswith("{")

    @property
    def watches_hub(self) -> bool:
        """Say whether this tells that somebody watches the hub, and nothing of the world."""
        return self.observed_property == CANARY


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A building, bridge or gauge; WGS 84 degrees; ``zone`` is an IANA time zone."""

    id: str
    name_en: str
    name_zh: str
    latitude: float
    longitude: float
    zone: str = "Asia/Shanghai"
    cell: str = ""
    upstream: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """Something a cell can send or open: a pump, a boat, a shelter key."""

    kind: str
    name_en: str
    name_zh: str
    where: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """An area of the grid (网格) with a responsible person and a deputy.

    ``ring`` is the outline as (longitude, latitude) pairs, first equal to last.
    """

    id: str
    name_en: str
    name_zh: str
    responsible: str
    deputy: str
    ring: tuple[tuple[float, float], ...]
    policy: str = ""
    residents: int = 0
    resources: tuple[Resource, ...] = ()
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """All that is declared: look-ups by id; datastreams carry no slot yet (-1)."""

    sites: dict[str, Site]
    cells: dict[str, Cell]
    datastreams: dict[tuple[str, str], Datastream]  # (node, name)
    nodes: dict[str, str]  # node -> site
