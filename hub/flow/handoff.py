"""Committed batches from intake to watch in memory, so that the log need not be read back."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hub.model.observation import Batch

LARGEST_ROWS: Final = 200_000


class Handoff:
    """A bounded queue of committed batches; what does not fit is read from the log instead.

    Watch uses a batch only if its offsets continue watch's position with no control
    entry between; a batch that was not offered therefore costs time, never data.
    """

    def __init__(self, largest_rows: int = LARGEST_ROWS) -> None:
        self._largest_rows = largest_rows
        self._lock = threading.Lock()
        self._batches: deque[Batch] = deque()
        self._rows = 0

    def offer(self, batch: Batch) -> bool:
        """Queue ``batch``; False when there is no room, which loses nothing."""
        with self._lock:
            if self._rows + len(batch) > self._largest_rows:
                return False
            self._batches.append(batch)
            self._rows += len(batch)
            return True

    def take(self) -> list[Batch]:
        """Return and forget every queued batch, oldest first."""
        with self._lock:
            batches = list(self._batches)
            self._batches.clear()
            self._rows = 0
            return batches
