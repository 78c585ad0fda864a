"""Instants as integers: microseconds since 1970 UTC, and back; pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

MICROSECONDS: Final = 1_000_000
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def from_us(time_us: int) -> datetime:
    """Return the aware UTC instant of ``time_us`` microseconds since 1970."""
    return EPOCH + timedelta(microseconds=time_us)


def to_us(instant: datetime) -> int:
    """Return the microseconds since 1970 of an aware ``instant``.

    Raises:
        ValueError: for a naive instant.
    """
    if instant.tzinfo is None:
        raise ValueError("an instant must be timezone-aware")
    return (instant - EPOCH) // timedelta(microseconds=1)
