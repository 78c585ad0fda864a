"""What the hub knows of itself: named conditions for /readyz and counts for /metrics."""

from __future__ import annotations

import math
import threading
import time
from collections import defaultdict
from dataclasses import dataclass

MOST_SERIES = 2000
OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One named check: is it well, since when (real seconds are the reader's), and in words."""

    ok: bool
    words: str = ""


class Health:
    """The hub's own state, written by loops in their threads and read by the console."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._checks: dict[str, Check] = {}
        self._counts: defaultdict[tuple[str, str], float] = defaultdict(float)
        self._well_s: dict[str, float] = {}

    def well(self, name: str, words: str = "") -> None:
        """Say that ``name`` works."""
        with self._lock:
            self._checks[name] = Check(ok=True, words=words)
            self._well_s[name] = time.monotonic()

    def well_ago_s(self, name: str) -> float:
        """Return the real seconds since ``name`` was last said to work; infinite if never."""
        with self._lock:
            return time.monotonic() - self._well_s.get(name, -math.inf)

    def ill(self, name: str, words: str) -> None:
        """Say that ``name`` does not work, and what to do about it."""
        with self._lock:
            self._checks[name] = Check(ok=False, words=words)

    def count(self, name: str, amount: float = 1.0, label: str = "") -> None:
        """Add ``amount`` to the counter ``name`` (Prometheus style, ``_total``)."""
        with self._lock:
            self._counts[self._bounded(name, label)] += amount

    def gauge(self, name: str, value: float, label: str = "") -> None:
        """Set the gauge ``name`` to ``value``."""
        with self._lock:
            self._counts[self._bounded(name, label)] = value

    def _bounded(self, name: str, label: str) -> tuple[str, str]:
        """Return the key of a series; beyond ``MOST_SERIES`` new labels count as one."""
        known = (name, label) in self._counts or len(self._counts) < MOST_SERIES
        return (name, label) if known else (name, OTHER)

    def checks(self) -> dict[str, Check]:
        """Return every check as it stands."""
        with self._lock:
            return dict(self._checks)

    def counts(self) -> dict[tuple[str, str], float]:
        """Return every counter and gauge as it stands, by (name, label)."""
        with self._lock:
            return dict(self._counts)
