"""A source without a broker: recorded messages through the same code (``tocsin replay FILE``)."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from hub.ingest.source import Link, Taken

if TYPE_CHECKING:
    from collections.abc import Sequence


class MemorySource:
    """Messages that were put in, in their order; receipts are kept to be looked at."""

    def __init__(self) -> None:
        self._queue: deque[Taken] = deque()
        self._mid = 0
        self._drained = False
        self.confirmed: list[int] = []
        self.published: list[tuple[str, bytes]] = []

    def put(self, topic: str, payload: bytes, *, retain: bool = False, dup: bool = False) -> Taken:
        """Queue one message and return it."""
        self._mid += 1
        item = Taken(0, self._mid, 1, topic, payload, len(payload), retain, dup)
        self._queue.append(item)
        return item

    def take(self, limit: int, wait_s: float) -> list[Taken]:  # noqa: ARG002  nothing to wait for
        """Return at most ``limit`` messages."""
        items = [self._queue.popleft() for _ in range(min(limit, len(self._queue)))]
        self._drained |= not self._queue
        return items

    def confirm(self, items: Sequence[Taken]) -> None:
        """Note the numbers of ``items``."""
        self.confirmed.extend(item.mid for item in items)

    def publish(self, topic: str, payload: bytes) -> None:
        """Note what would be sent."""
        self.published.append((topic, payload))

    def link(self) -> Link:
        """Return a connection that is caught up once the queue was empty."""
        return Link(connected=True, caught_up=self._drained, waiting=len(self._queue))
