"""How often somebody may guess wrongly before we stop listening for a while."""

from __future__ import annotations

import time
from collections import OrderedDict

KEYS = 10_000


class Guesses:
    """Counts failures per key in a sliding window of real seconds; bounded memory."""

    def __init__(self, limit: int, window_s: float) -> None:
        self._limit = limit
        self._window_s = window_s
        self._failures: OrderedDict[str, list[float]] = OrderedDict()

    def exhausted(self, key: str) -> bool:
        """Say whether ``key`` has failed too often of late."""
        return len(self._recent(key)) >= self._limit

    def failed(self, key: str) -> None:
        """Count one wrong guess of ``key``; beyond 10,000 keys the oldest are forgotten."""
        self._failures[key] = [*self._recent(key), time.monotonic()][-self._limit :]
        self._failures.move_to_end(key)
        while len(self._failures) > KEYS:
            self._failures.popitem(last=False)

    def _recent(self, key: str) -> list[float]:
        since = time.monotonic() - self._window_s
        return [at for at in self._failures.get(key, []) if at > since]
