"""Checksums of what lies in the spool: a flipped bit must not become a flood. Pure.

They cover every field that is sent or that decides what is sent. Rows of a spool from
before these sums are taken by the one they had, or as they are where they had none.
"""

from __future__ import annotations

import re
import zlib
from typing import Final

OVERHEAD_BYTES: Final = 120  # row, key and index of one message
SEALED: Final = re.compile(r"~([0-9a-f]{8}) (.*)", re.DOTALL)
UNSEALED: Final = re.compile(r"[0-9 ]+")  # what sensors kept before there were seals


def message_sum(boot: str, seq: int, alarming: bool, n: int, obs: str) -> int:  # noqa: FBT001
    """Return the checksum of a message."""
    return crc(f"m {boot} {seq} {int(alarming)} {n} {obs}")


def size_of(obs: str) -> int:
    """Return the bytes that a message is charged for."""
    return len(obs.encode("utf-8", "replace")) + OVERHEAD_BYTES


def is_message(row: tuple[object, ...]) -> bool:
    """Return whether (boot, seq, alarming, n, checksum, obs) is a message as it was spooled."""
    boot, seq, alarming, n, told, obs = row
    if not isinstance(boot, str) or not isinstance(obs, str) or not obs:
        return False  # of nothing the checksum is zero, as of a page of zeros
    if not isinstance(seq, int) or not isinstance(n, int) or alarming not in (0, 1):
        return False
    return told == message_sum(boot, seq, alarming == 1, n, obs) or told == crc(obs)


def draft_sum(boot: str, obs: str) -> int:
    """Return the checksum of a reading that no message carries yet."""
    return crc(f"d {boot} {obs}")


def is_draft(boot: object, obs: object, told: object) -> bool:
    """Return whether it is a reading as it was held."""
    if not isinstance(boot, str) or not isinstance(obs, str):
        return False
    return told is None or told == draft_sum(boot, obs)


def gone_sum(boot: str, low: int, high: int) -> int:
    """Return the checksum of a range of evicted numbers."""
    return crc(f"g {boot} {low} {high}")


def is_gone(boot: object, low: object, high: object, told: object) -> bool:
    """Return whether it is a range as it was noted."""
    if not isinstance(boot, str) or type(low) is not int or type(high) is not int:
        return False
    return told is None or told == gone_sum(boot, low, high)


def sealed(sensor: str, value: str) -> str:
    """Return what a sensor remembers, with its checksum before it."""
    return f"~{crc(f's {sensor} {value}'):08x} {value}"


def unsealed(sensor: str, text: object) -> str | None:
    """Return what a sensor remembers; None if it is no longer what was kept."""
    if not isinstance(text, str):
        return None
    found = SEALED.fullmatch(text)
    if found is None:
        return text if UNSEALED.fullmatch(text) else None
    told, value = found.groups()
    return value if int(told, 16) == crc(f"s {sensor} {value}") else None


def crc(text: str) -> int:
    """Return the CRC-32 of a text."""
    return zlib.crc32(text.encode("utf-8", "replace"))
