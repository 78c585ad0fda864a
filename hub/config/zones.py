"""Time zones by their IANA names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, available_timezones

from hub.config import words
from hub.config.problems import nearest

if TYPE_CHECKING:
    from hub.config.table import Table

DEFAULT_ZONE: Final = "Asia/Shanghai"


def check_zone(table: Table, key: str, default: str = DEFAULT_ZONE) -> str:
    """Return the time zone that ``key`` names."""
    zone = table.text(key, default)
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        near = nearest(zone, available_timezones())
        fix = words.DID_YOU_MEAN.filled(near=near) if near else words.ZONE_FOR_EXAMPLE
        table.wrong(key, words.NOT_A_ZONE.filled(zone=zone), fix)
        return default
    return zone
