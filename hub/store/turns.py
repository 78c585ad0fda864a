"""Who writes next: the threads of one process take turns in the order in which they asked.

SQLite lets one connection write at a time and has the others ask again and again, ever
more rarely, so that a page could wait a third of a second behind a busy intake. A turn is
a courtesy and no lock: whoever does not get one in time leaves it to SQLite.
"""

from __future__ import annotations

import threading
from collections import deque
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_FILES: Final = 64


class Turns:
    """Turns at one file; first come, first served."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._taken = False

    @contextmanager
    def turn(self, wait_s: float) -> Iterator[bool]:
        """Run the body in one's turn, or without one after ``wait_s`` real seconds."""
        mine = self._take(wait_s)
        try:
            yield mine
        finally:
            if mine:
                self._give()

    def _take(self, wait_s: float) -> bool:
        with self._guard:
            if not self._taken:
                self._taken = True
                return True
            gate = threading.Lock()
            gate.acquire()
            self._waiting.append(gate)
        if gate.acquire(timeout=wait_s):
            return True
        with self._guard:
            if gate in self._waiting:
                self._waiting.remove(gate)
                return False
        return True  # it was given at the last moment

    def _give(self) -> None:
        """Hand the turn to whoever has waited longest."""
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False


@lru_cache(maxsize=MOST_FILES)
def turns_at(file: str) -> Turns:
    """Return the turns at ``file``: the same for every connection of this process."""
    del file
    return Turns()
