"""The phones of the demo: every SMS the provider took, drawn as a phone would show it."""

from __future__ import annotations

import textwrap
import unicodedata
from typing import TYPE_CHECKING, Any, Final

from hub.demo.ledgers import read_jsonl
from hub.dispatch.figures import at_zone

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hub.model.response import Person

WIDTH: Final = 44


class Phones:
    """Follows the provider's ledger; ``take`` returns what came since the last call."""

    def __init__(self, ledger: Path, persons: Mapping[str, Person]) -> None:
        self._ledger = ledger
        self._owners = {
            address: person
            for person in persons.values()
            for channel, address in person.addresses
            if channel == "sms"
        }
        self._seen = 0

    def take(self) -> list[dict[str, Any]]:
        """Return the SMS that are new in the ledger, oldest first."""
        entries = read_jsonl(self._ledger)
        fresh, self._seen = entries[self._seen :], len(entries)
        return [entry for entry in fresh if entry["kind"] == "sms"]

    def draw(self, sms: Mapping[str, Any], now_us: int) -> str:
        """Return one SMS as a phone's screen, with the owner's name and local time."""
        owner = self._owners.get(sms["to"])
        name = f"{owner.name_en} {owner.name_zh}" if owner else sms["to"]
        clock = at_zone(now_us, owner.zone if owner else "UTC")
        lines = [f"{name}  {clock:%H:%M}", "", *wrapped(sms["body"], WIDTH)]
        bar = "─" * (WIDTH + 2)
        body = "\n".join(f"│ {line}{' ' * (WIDTH - width(line))} │" for line in lines)
        return f"╭{bar}╮\n{body}\n╰{bar}╯"


def wrapped(text: str, columns: int) -> list[str]:
    """Return ``text`` in lines of at most ``columns`` terminal cells."""
    if width(text) == len(text):
        return textwrap.wrap(text, columns) or [""]
    lines, line = [], ""
    for letter in text:
        if width(line + letter) > columns:
            lines.append(line)
            line = ""
        line += letter
    return [*lines, line]


def width(text: str) -> int:
    """Return how many terminal cells ``text`` takes; Chinese letters take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
