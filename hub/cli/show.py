"""Showing things on a terminal: local times, lengths of time, widths of Chinese, colours."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import msgspec

from hub.cli.helping import width
from hub.clock import MICROSECONDS, from_us
from hub.model.network import Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

COLOURS: Final = {
    Severity.EXTREME: "1;31",
    Severity.SEVERE: "33",
    Severity.MODERATE: "93",
    Severity.MINOR: "34",
    Severity.UNKNOWN: "0",
}
SHOWN_OF_NUMBER: Final = 4


def local_time(time_us: int, zone: str, *, date: bool = True) -> str:
    """Return an instant as people in ``zone`` read it, with its offset from UTC."""
    local = from_us(time_us).astimezone(ZoneInfo(zone))
    if not date:
        return local.strftime("%H:%M:%S")
    offset = local.strftime("%z")
    return f"{local:%Y-%m-%d %H:%M:%S} {offset[:3]}:{offset[3:]}"


def span(us: int, language: str) -> str:
    """Return a length of time in its two largest units."""
    seconds = max(us, 0) // MICROSECONDS
    units = (
        (86_400, ("d", "天")),
        (3_600, ("h", "小时")),
        (60, ("min", "分")),
        (1, ("s", "秒")),
    )
    parts: list[str] = []
    for size, (english, chinese) in units:
        amount, seconds = divmod(seconds, size)
        if amount or (size == 1 and not parts):
            parts.append(f"{amount}{chinese}" if language == "zh" else f"{amount} {english}")
    return (" " if language == "en" else "").join(parts[:2])


def masked(address: str) -> str:
    """Return an address with its middle hidden; a URL keeps its host only."""
    if "://" in address:
        scheme, _, rest = address.partition("://")
        return f"{scheme}://{rest.split('/')[0].rsplit('@', 1)[-1]}/…"
    if address.startswith("+"):
        return f"{address[:3]}…{address[-SHOWN_OF_NUMBER:]}"
    return address


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines whose columns start below each other."""
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell + " " * (w - width(cell)) for cell, w in zip(row, widths, strict=True))
        .rstrip()
        for row in rows
    ]  # fmt: skip


def coloured(text: str, severity: Severity) -> str:
    """Return ``text`` in the colour of ``severity`` where colours are welcome."""
    if os.environ.get("NO_COLOR") or not sys.stdout.isatty():
        return text
    return f"\x1b[{COLOURS[severity]}m{text}\x1b[0m"


def printable(text: str) -> str:
    """Return foreign text without control characters, which could move the cursor."""
    return "".join(c if c.isprintable() else "�" for c in text)


def print_json(value: Any) -> None:  # noqa: ANN401  whatever msgspec can encode
    """Print ``value`` (dataclasses, enums, dicts, lists) as one line of JSON."""
    print(msgspec.json.encode(value).decode("utf-8"))
