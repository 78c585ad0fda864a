"""One outage from its first page to "recovered": who has to be told what, when. Pure.

``now`` is monotonic seconds; ``wall_s`` seconds since 1970, only shown and kept in the
state file, so that a watcher that starts anew goes on where the old one was.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from tocsin_edge.watcher.vigil import Cause

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin_edge.watcher.vigil import Pace


class News(StrEnum):
    """What people are told."""

    DOWN = "down"
    STILL = "still"
    RECOVERED = "recovered"
    DRILL = "drill"


@dataclass(slots=True, kw_only=True)
class Outage:
    """``since_s`` is when the hub was last well and ``told_s`` when people were last told."""

    since_s: float
    told_s: float
    cause: Cause
    acknowledged: bool = False


def outage_of(kept: Mapping[str, Any]) -> Outage | None:
    """Return what ``Outages.dump`` wrote down.

    Raises:
        ValueError, TypeError, KeyError: it did not.
    """
    if not kept:
        return None
    return Outage(
        since_s=float(kept["since_s"]),
        told_s=float(kept["told_s"]),
        cause=Cause(kept["cause"]),
        acknowledged=bool(kept["acknowledged"]),
    )


class Outages:
    """The outage that is on, if any; ``kept`` is the one an earlier run was in."""

    def __init__(self, pace: Pace, kept: Outage | None = None) -> None:
        self._pace = pace
        self._well_since: float | None = None
        self._told: float | None = None
        self.outage = kept

    def dump(self) -> dict[str, Any]:
        """Return what a new watcher needs to go on; empty while all is well."""
        return asdict(self.outage) if self.outage else {}

    def acknowledge(self) -> bool:
        """Stop repeating until the hub is back; say whether there was anything to stop."""
        if self.outage is None or self.outage.acknowledged:
            return False
        self.outage.acknowledged = True
        return True

    def step(self, *, well: bool, quiet_s: float, cause: Cause, now: float, wall_s: float
             ) -> News | None:  # fmt: skip
        """Return what people have to be told now, at most one thing."""
        if self.outage is None:
            if well:
                return None
            self.outage = Outage(since_s=wall_s - quiet_s, told_s=wall_s, cause=cause)
            self._told = now
            return News.DOWN
        return self._over(now) if well else self._on(cause, now, wall_s)

    def finish(self) -> Outage | None:
        """Forget the outage that is over, and return it."""
        ended, self.outage = self.outage, None
        self._well_since = self._told = None
        return ended

    def _on(self, cause: Cause, now: float, wall_s: float) -> News | None:
        """Repeat the page while nobody acknowledged."""
        outage, self._well_since = self.outage, None
        if outage is None or outage.acknowledged:
            return None
        if self._told is None:
            self._told = now - min(max(wall_s - outage.told_s, 0.0), self._pace.repeat_s)
        if now - self._told < self._pace.repeat_s:
            return None
        self._told, outage.told_s, outage.cause = now, wall_s, cause
        return News.STILL

    def _over(self, now: float) -> News | None:
        """Say so once the hub was well for a while, so that a crash loop is one outage."""
        self._well_since = now if self._well_since is None else self._well_since
        return News.RECOVERED if now - self._well_since >= self._pace.recover_s else None
