"""A rule binds datastreams to a detector: what to look for, where, and how bad it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from hub.model.network import Hazard, Severity

if TYPE_CHECKING:
    from hub.model.network import Datastream

SILENCE: Final = "stale"  # the detector that looks for it
Option = float | int | str | bool | list[float] | list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """``detector`` is a kind of the registry and ``options`` its own settings.

    The patterns are shell globs, all of which must match; ``observed_property`` is
    matched against ``Datastream.measured``. What watches the hub says nothing of the
    world: of it only silence is looked for. ``hazard`` None means the datastream's own.
    """

    name: str
    detector: str
    site: str = "*"
    node: str = "*"
    datastream: str = "*"
    observed_property: str = "*"
    severity: Severity = Severity.MODERATE
    hazard: Hazard | None = None
    options: dict[str, Option] = field(default_factory=dict)

    def matches(self, stream: Datastream) -> bool:
        """Say whether this rule looks at ``stream``."""
        return (
            (self.detector == SILENCE or not stream.watches_hub)
            and fnmatchcase(stream.site, self.site)
            and fnmatchcase(stream.node, self.node)
            and fnmatchcase(stream.name, self.datastream)
            and fnmatchcase(stream.measured, self.observed_property)
        )
