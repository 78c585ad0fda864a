"""Time zones by their IANA names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, available_timezones

from hub.config.problems import did_you_mean

if TYPE_CHECKING:
    from hub.config.table import Table

DEFAULT_ZONE: Final = "Asia/Shanghai"


def check_zone(table: Table, key: str, default: str = DEFAULT_ZONE) -> str:
    """Return the time zone that ``key`` names."""
    zone = table.text(key, default)
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        near = did_you_mean(zone, available_timezones())
        mend = near if near.startswith("did") else "use an IANA name such as Asia/Shanghai"
        table.wrong(key, f"{zone!r} is not a time zone", mend)
        return default
    return zone
