"""The hub's own terminal, where a page looks as it would on a phone."""

from __future__ import annotations

import asyncio
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.dispatch.base import WITHIN, masked
from hub.dispatch.text import is_chinese, repeated, segments
from hub.errors import DeliveryDeferredError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.dispatch.base import Surroundings
    from hub.model.notification import Notification


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalSettings:
    """What an operator sets: ``width`` of the screen in columns.

    Raises:
        ValueError: too narrow or too wide to read.
    """

    width: int = 46

    def __post_init__(self) -> None:
        if not 24 <= self.width <= 200:
            raise ValueError(WITHIN.filled(name="width", low=24, high=200, got=self.width))


class TerminalChannel:
    """Prints one notification per attempt; nobody reports that it was read."""

    kind = "terminal"
    receipts = False
    lanes = 1
    deadline_s = 5.0

    def __init__(self, name: str, settings: TerminalSettings, around: Surroundings) -> None:
        self.name = name
        self._width = settings.width
        self._stream = around.stream

    async def send(self, note: Notification) -> str:
        """Print ``note``; see ``Channel.send``."""
        try:
            await asyncio.to_thread(self._print, screen(note, self._width))
        except (OSError, ValueError) as error:
            raise DeliveryDeferredError(f"the terminal cannot be written: {error}") from error
        return note.id

    async def find(self, note: Notification) -> tuple[str, ...]:
        """Return nothing: a terminal keeps no list."""
        del note
        return ()

    async def aclose(self) -> None:
        """Leave the stream to its owner."""

    def _print(self, picture: str) -> None:
        """Write and flush; a terminal without Chinese shows question marks."""
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        self._stream.write(picture.encode(encoding, "replace").decode(encoding))
        self._stream.flush()


def screen(note: Notification, width: int) -> str:
    """Return a drawing of the phone that shows ``note``."""
    text = repeated(note.text, note.language) if note.repeat else note.text
    encoding, count = segments(text)
    title = f"{note.person} {masked(note.address)}"
    foot = f"{count} 条短信 {encoding}" if is_chinese(note.language) else f"{count} SMS {encoding}"
    rows = [title, "-" * (width - 4), *folded(text, width - 4)]
    if note.link and note.link not in text:
        rows += [*folded(note.link, width - 4)]
    edge = "-" * (width - 2)
    lines = [f".{edge}.", *(boxed(row, width - 4) for row in rows), boxed(foot, width - 4)]
    return "\n".join([*lines, f"'{edge}'", ""])


def boxed(row: str, width: int) -> str:
    """Return ``row`` between the phone's edges."""
    return f"| {row}{' ' * max(width - columns(row), 0)} |"


def folded(text: str, width: int) -> Iterator[str]:
    """Yield ``text`` in rows of at most ``width`` columns, cut at a space where one is near."""
    row = ""
    for char in text:
        if columns(row + char) > width:
            head, space, rest = row.rpartition(" ")
            keep = space and columns(rest) < width // 2
            yield head if keep else row
            row = rest if keep else ""
        row += char
    yield row


def columns(text: str) -> int:
    """Return how many columns of a terminal ``text`` takes."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
