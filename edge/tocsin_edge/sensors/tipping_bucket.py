"""A tipping-bucket rain gauge: each closing of the reed contact is one tip of rain.

The count of tips is on disk after every tip, and how many of them were already said
is stored together with the reading that said it: neither a reboot nor a kill loses
or doubles a tip.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin_edge.message import Reading
from tocsin_edge.sensors.gpio import GpioLine

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tocsin_edge.sensors.base import Surroundings
    from tocsin_edge.sensors.gpio import Line


@dataclass(frozen=True, slots=True, kw_only=True)
class TippingBucketSettings:
    """``mm_per_tip`` by the bucket's calibration; closer tips than ``bounce_s`` are bouncing."""

    pin: int
    mm_per_tip: float = 0.2
    bounce_s: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.pin <= 27:
            raise ValueError(f"pin is a BCM number from 0 to 27, got {self.pin}")
        if not 0 < self.mm_per_tip < 10:
            raise ValueError(f"mm_per_tip must be between 0 and 10, got {self.mm_per_tip}")


class TippingBucket:
    """One gauge; says the millimetres that fell since its last reading, as an interval."""

    def __init__(
        self, settings: TippingBucketSettings, around: Surroundings, *, line: Line | None = None
    ) -> None:
        self._settings = settings
        self._file = around.folder / f"{around.name}.tips"
        self._lock = threading.Lock()
        self._tips = stored_tips(self._file)
        said, since_us = (around.memory or f"0 {around.start_us}").split()
        self._said, self._since_us = min(int(said), self._tips), int(since_us)
        self._line = line or GpioLine(settings.pin, bounce_s=settings.bounce_s)
        self._line.on_close(self._tip)

    def read(self, now_us: int) -> Sequence[Reading]:
        """Return the rain since the last reading, also of tips from before a reboot."""
        with self._lock:
            tips = self._tips
        fallen = round((tips - self._said) * self._settings.mm_per_tip, 3)
        start_us = min(self._since_us, now_us)
        self._said, self._since_us = tips, now_us
        return [Reading(result=fallen, start_us=start_us, memory=f"{tips} {now_us}")]

    def close(self) -> None:
        """Let go of the pin."""
        self._line.close()

    def _tip(self) -> None:
        with self._lock:
            self._tips += 1
            store_tips(self._file, self._tips)


def stored_tips(file: Path) -> int:
    """Return the tips counted so far, 0 for a gauge that never tipped."""
    try:
        return int(file.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return 0


def store_tips(file: Path, tips: int) -> None:
    """Put the count on disk; a power cut leaves the old count or the new one."""
    fresh = file.with_suffix(".new")
    with fresh.open("w", encoding="ascii") as out:
        out.write(str(tips))
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(file)
