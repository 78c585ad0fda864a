"""How fast a danger moves, as people speak of it: a river by the hour, a fire by the minute."""

from __future__ import annotations

from typing import Final, NamedTuple

from hub.model.network import Hazard


class Pace(NamedTuple):
    """The time that a trend is told over: how many go into an hour, and its names."""

    per_hour: float
    english: str
    chinese: str


HOUR: Final = Pace(1.0, "h", "小时")
MINUTE: Final = Pace(60.0, "min", "分钟")
PACES: Final = {Hazard.FIRE: MINUTE}


def pace(hazard: Hazard) -> Pace:
    """Return over which time a trend of ``hazard`` is told."""
    return PACES.get(hazard, HOUR)
