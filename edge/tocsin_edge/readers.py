"""One thread per datastream: reads its sensor when due, so that a hung one hangs alone."""

from __future__ import annotations

import logging
import queue
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tocsin_edge.clock import Moment
from tocsin_edge.config import Stream
from tocsin_edge.errors import SensorError
from tocsin_edge.message import Reading
from tocsin_edge.sensors import SENSORS
from tocsin_edge.sensors.base import Surroundings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tocsin_edge.clock import Clock, Timekeeper
    from tocsin_edge.config import NodeConfig
    from tocsin_edge.sensors.base import Sensor

REOPEN_S: Final = 30.0  # real seconds between tries to open a sensor that would not
STOP_S: Final = 1.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A reading of a datastream and the moment it was taken."""

    stream: Stream
    reading: Reading
    moment: Moment


def build_sensor(
    config: NodeConfig, stream: Stream, *, folder: Path, clock: Clock, memory: str | None
) -> Sensor:
    """Return the driver of ``stream``.

    Raises:
        SensorError: if its hardware, library or file cannot be had.
    """
    _, build = SENSORS[stream.kind]
    around = Surroundings(
        name=stream.name,
        unit=stream.unit,
        folder=folder,
        start_us=clock.start_us,
        memory=memory,
        world=config.make_world(),
    )
    return build(stream.settings, around)


class Reader:
    """Reads one datastream until stopped; what it took goes to ``put``.

    ``build`` opens the sensor and is tried again while it fails; a failure is a null
    with its reason, as often as a reading was due.
    """

    def __init__(
        self,
        stream: Stream,
        build: Callable[[], Sensor],
        keeper: Timekeeper,
        put: Callable[[Sequence[Taken]], None],
    ) -> None:
        self._stream = stream
        self._build = build
        self._keeper = keeper
        self._put = put
        self._sensor: Sensor | None = None
        self._reopen_at = 0.0
        self._why = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=stream.name, daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Ask for the end; ``join`` waits for it."""
        self._stop.set()

    def join(self) -> None:
        """Wait a moment for the thread, and let go of the sensor if it ended."""
        self._thread.join(STOP_S)
        if self._sensor is not None and not self._thread.is_alive():
            self._sensor.close()

    def _run(self) -> None:
        clock, interval_s = self._keeper.clock, self._stream.interval_s
        due = clock.monotonic() + _to_whole(clock.now_us(), interval_s)
        while not self._stop.wait(max(due - clock.monotonic(), 0.0) / clock.rate):
            moment = self._keeper.now()
            readings = self._read(moment.us)
            self._put([Taken(stream=self._stream, reading=r, moment=moment) for r in readings])
            missed = max(int((clock.monotonic() - due) / interval_s), 0)
            due += (missed + 1) * interval_s

    def _read(self, now_us: int) -> Sequence[Reading]:
        try:
            readings = self._open().read(now_us)
        except SensorError as err:
            why = err.why
        except Exception as err:  # a driver's surprise is a null of its stream, nothing more
            logger.exception("%s: the driver failed", self._stream.name)
            why = f"driver failed: {type(err).__name__}: {err}"
        else:
            self._why = ""
            return readings
        if why != self._why:
            logger.warning("%s: %s", self._stream.name, why)
            self._why = why
        return [Reading(result=None, quality="fail", why=why[:200])]

    def _open(self) -> Sensor:
        if self._sensor is None:
            if time.monotonic() < self._reopen_at:
                raise SensorError(self._why or "the sensor cannot be opened")
            self._reopen_at = time.monotonic() + REOPEN_S
            self._sensor = self._build()
        return self._sensor


class Inbox:
    """What readers took, for the one thread that decides; safe between threads."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._queue: queue.SimpleQueue[Taken] = queue.SimpleQueue()
        self._wake = wake

    def put(self, taken: Sequence[Taken]) -> None:
        """Hand over what one read gave."""
        for one in taken:
            self._queue.put(one)
        if taken:
            self._wake()

    def take(self) -> list[Taken]:
        """Return all that was handed over since the last call."""
        found: list[Taken] = []
        while not self._queue.empty():
            found.append(self._queue.get())
        return found


def _to_whole(now_us: int, interval_s: float) -> float:
    """Return the seconds to the next whole multiple of the interval."""
    interval_us = round(interval_s * 1_000_000)
    return (-now_us % interval_us) / 1_000_000
