"""What each node is still to be told: receipts, gathered so that a node gets few of them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

import msgspec

from hub.ingest.ranges import ranges_of

MOST_RANGES: Final = 500
encode: Final = msgspec.json.encode


@dataclass(slots=True)
class Pending:
    """What one start of one node is to be told."""

    got: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)
    want: list[tuple[int, int]] = field(default_factory=list)
    canary: int | None = None


class Receipts:
    """Receipts by topic: at most one per topic and boot in ``interval_s`` real seconds."""

    def __init__(self, interval_s: float = 1.0) -> None:
        self._interval_s = interval_s
        self._pending: dict[str, defaultdict[str, Pending]] = {}
        self._sent_at: dict[str, float] = {}

    def got(self, topic: str, boot: str, seq: int) -> None:
        """Note that a message is on disk."""
        self._of(topic)[boot].got.append(seq)

    def refuse(self, topic: str, boot: str, seq: int, reason: str) -> None:
        """Note that a message will never be taken."""
        self._of(topic)[boot].refused[seq] = reason

    def want(self, topic: str, boot: str, low: int, high: int) -> None:
        """Note that messages are asked for again."""
        self._of(topic)[boot].want.append((low, high))

    def canary(self, topic: str, boot: str, seq: int) -> None:
        """Note that a watcher's message went through every loop."""
        self._of(topic)[boot].canary = seq

    def due(self, now: float) -> list[tuple[str, bytes]]:
        """Return and forget the receipts that may go out at ``now`` (monotonic seconds)."""
        last = now - self._interval_s
        topics = [t for t in self._pending if self._sent_at.get(t, -1e9) <= last]
        ready = [receipt for topic in topics for receipt in self._take(topic)]
        self._sent_at = {t: at for t, at in self._sent_at.items() if at > last}
        self._sent_at.update(dict.fromkeys(topics, now))
        return ready

    def _of(self, topic: str) -> defaultdict[str, Pending]:
        return self._pending.setdefault(topic, defaultdict(Pending))

    def _take(self, topic: str) -> list[tuple[str, bytes]]:
        boots = self._pending.pop(topic)
        return [(topic, part) for boot, told in boots.items() for part in parts_of(boot, told)]


def parts_of(boot: str, told: Pending) -> list[bytes]:
    """Return what is to be told as receipts of bounded length."""
    got = ranges_of(told.got)
    refused = [[seq, reason] for seq, reason in sorted(told.refused.items())]
    first: dict[str, object] = {
        "boot": boot,
        "got": got[:MOST_RANGES],
        "refused": refused,
        "want": told.want,
    }
    if told.canary is not None:
        first["canary"] = told.canary
    rest = [got[at : at + MOST_RANGES] for at in range(MOST_RANGES, len(got), MOST_RANGES)]
    more = [{"boot": boot, "got": part, "refused": [], "want": []} for part in rest]
    return [encode(receipt) for receipt in (first, *more)]
