"""The watch loop: reads the log after its position, decides, and commits both together.

Detector state is a pure function of the log. On start it is rebuilt from the newest
snapshot up to the committed position, saying nothing; from there on every transition
is written with incidents, pages and the new position in one transaction. Time enters
only through the log: when it decides something, a tick is appended first.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hub.clock import MICROSECONDS
from hub.detect import DETECTORS
from hub.errors import StoreError
from hub.flow.canary import Sightings
from hub.flow.memory import Memory
from hub.flow.portions import portions
from hub.flow.record import record_transitions
from hub.flow.windows import series, with_window
from hub.incident.sighting import HUB_SITE
from hub.model.observation import Batch, concatenate
from hub.store.database import open_database, transaction
from hub.store.log import Entries, Log

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from hub.clock import Clock
    from hub.flow.desk import Paging
    from hub.flow.fits import Fits
    from hub.flow.handoff import Handoff
    from hub.flow.health import Health
    from hub.flow.memory import Poison
    from hub.model.network import Network
    from hub.model.response import People
    from hub.model.rule import Rule
    from hub.model.transition import Transition

LOOP: Final = "watch"
READ_LIMIT: Final = 5000
HANDOFF_ROWS: Final = 20_000
HISTORY_ROWS: Final = 3000
STALL_S: Final = 3.0  # between two steps: the process itself stood still and heard nobody
BREATH_S: Final = 0.03  # between the commits of a storm: deliver and intake get their turn

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSettings:
    """Seconds of the hub's clock: ``tick_s`` between ticks. Real seconds: the others.

    A snapshot is taken after ``snapshot_rows`` observations or ``snapshot_s``, never
    more often than every ``snapshot_least_s``.
    """

    tick_s: float = 1.0
    commit_s: float = 1.0
    snapshot_s: float = 300.0
    snapshot_least_s: float = 30.0
    snapshot_rows: int = 500_000


class Watch:
    """One thread's watch over the whole log.

    ``fits`` None leaves baselines to whatever fits the log already holds; ``handoff``
    None reads everything from the log. ``composer`` and ``paging`` are passed on to
    the pages. ``kinds`` are the detectors that rules may name. ``heard`` is told what
    was committed.
    """

    def __init__(
        self,
        *,
        path: Path,
        network: Network,
        people: People,
        rules: Sequence[Rule],
        composer: Callable[..., str],
        clock: Clock,
        health: Health,
        wake: Callable[..., None],
        paging: Paging | None = None,
        handoff: Handoff | None = None,
        fits: Fits | None = None,
        settings: WatchSettings | None = None,
        kinds: Mapping[str, tuple[Any, Any]] = DETECTORS,
        heard: Callable[[Sequence[Transition]], None] | None = None,
    ) -> None:
        self._path, self._clock, self._health, self._wake = path, clock, health, wake
        self._network, self._people = network, people
        self._composer, self._paging = composer, paging
        self._rules, self._kinds, self._heard = tuple(rules), kinds, heard
        self._handoff, self._fits = handoff, fits
        self._settings = settings or WatchSettings()
        self._connection: sqlite3.Connection | None = None
        self._queue: deque[Batch] = deque()
        self._said: list[Transition] = []
        self._poison: list[Poison] = []
        self._canaries = Sightings(network)
        self._committed_at = self._snapshot_at = time.monotonic()
        self._rows = 0
        self._ticked_us = clock.now_us()
        self._rested_at = time.monotonic()

    def step(self) -> bool:
        """Take in what the log holds next; return whether more is waiting.

        Raises:
            StoreUnavailableError: nothing was committed; the next step tries again.
        """
        if self._connection is None:
            self._start()
        self._notice_stall()
        if self._said or self._poison:
            self._commit()
        entries = self._next()
        if entries is not None:
            self._said, self._poison = self._memory.take(entries)
            self._canaries.look(entries.batch, self._memory.catalogue)
            self._rows += len(entries.batch)
            self._health.count("watched_total", len(entries.batch))
        if self._said or self._poison or self._canaries.waiting:
            self._commit()
        asked = self._ask_time()
        self._now_and_then()
        self._rested_at = time.monotonic()
        return entries is not None or asked

    def close(self) -> None:
        """Commit the position, keep a snapshot and let the file go, also where it takes no more."""
        try:
            if self._connection is not None:
                self._commit()
                self._take_snapshot()
        finally:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            if self._fits is not None:
                self._fits.close()

    @property
    def position(self) -> int:
        """Return the last offset taken in, committed or not."""
        return self._memory.position

    def _start(self) -> None:
        """Rebuild the state up to the committed position, then count silence afresh."""
        connection = open_database(self._path)
        self._log = Log(connection)
        self._memory = Memory(connection, self._network, self._rules, self._kinds)
        self._said = self._memory.rebuild(self._log.position(LOOP))
        self._take_snapshot()
        self._log.append_control("started", self._clock.now_us(), LOOP, {})
        self._connection = connection
        self._rested_at = time.monotonic()

    def _notice_stall(self) -> None:
        """Count silence afresh after the whole process stood still: it was deaf meanwhile."""
        stalled_s = time.monotonic() - self._rested_at
        if stalled_s > STALL_S:
            logger.warning("stood still for %.1f s: silence is counted afresh", stalled_s)
            body = {"stalled_s": round(stalled_s, 3)}
            self._log.append_control("started", self._clock.now_us(), LOOP, body)

    def _next(self) -> Entries | None:
        """Return the next stretch of the log: handed over if it continues, else read."""
        handed = self._handed()
        if handed is not None:
            return handed
        if self._log.end() <= self._memory.position:
            return None
        return self._log.read(self._memory.position, READ_LIMIT)

    def _handed(self) -> Entries | None:
        """Return the handed batches that continue the position without a gap."""
        if self._handoff is None:
            return None
        if sum(map(len, self._queue)) < HANDOFF_ROWS:
            self._queue.extend(self._handoff.take())  # what it cannot hold is read from the log
        end, run, rows = self._memory.position, [], 0
        while self._queue and rows < HANDOFF_ROWS:
            batch = self._queue[0]
            if not len(batch) or int(batch.offset[-1]) <= end:
                self._queue.popleft()
                continue
            if int(batch.offset[0]) != end + 1 or int(batch.offset[-1]) - end != len(batch):
                break
            run.append(self._queue.popleft())
            end, rows = int(batch.offset[-1]), rows + len(batch)
        return Entries(batch=concatenate(run), controls=(), end=end) if run else None

    def _commit(self) -> None:
        """Write what was said, what was set aside and the position.

        All or nothing, but for a storm: it goes in portions, the worst first. What a
        crash leaves out is said again, and what was written before changes nothing.
        """
        *early, last = portions(self._said, self._site_of)
        for portion in early:
            self._write(portion)
            time.sleep(BREATH_S)
        self._write(last, final=True)
        for poison in self._poison:
            logger.error("set aside: %s", poison.reason)
            self._health.ill(f"rule {poison.rule}", poison.reason)
        self._said, self._poison = [], []
        self._committed_at = time.monotonic()

    def _write(self, steps: Sequence[Transition], *, final: bool = False) -> None:
        """Write ``steps`` in one transaction, with the position once they are the last."""
        connection = self._open()
        said = [with_window(connection, self._memory.catalogue, step) for step in steps]
        with transaction(connection):
            self._record(said)
            if final:
                for poison in self._poison:
                    self._log.quarantine(**poison.row())
                self._log.set_position(LOOP, self._memory.position)
                self._canaries.write(connection)
        if final and self._canaries.written():
            self._wake("respond")
        if not said:
            return
        self._health.count("transitions_total", len(said))
        if self._heard is not None:
            self._heard(said)
        self._wake("respond", "deliver")

    def _site_of(self, step: Transition) -> str:
        """Return the site that ``step`` is about."""
        if step.slot in self._memory.catalogue:
            return self._memory.catalogue.get(step.slot).site
        return step.site or HUB_SITE

    def _record(self, steps: Sequence[Transition]) -> None:
        """Write ``steps``; the one that cannot be written is set aside, the others are not."""
        connection = self._open()
        connection.execute("SAVEPOINT steps")
        try:
            record_transitions(
                connection,
                steps,
                catalogue=self._memory.catalogue,
                network=self._network,
                people=self._people,
                now_us=self._clock.now_us(),
                composer=self._composer,
                paging=self._paging,
            )
        except (StoreError, sqlite3.OperationalError):
            raise  # the store itself: nothing is wrong with what was said
        except Exception as error:  # noqa: BLE001  poison never stops the line
            connection.execute("ROLLBACK TO steps")
            self._part(steps, error)
        connection.execute("RELEASE steps")

    def _part(self, steps: Sequence[Transition], error: Exception) -> None:
        """Write both halves of what cannot be written together."""
        if len(steps) == 1:
            logger.error("cannot record %s", steps[0].key, exc_info=error)
            self._quarantine(steps[0], error)
            return
        middle = len(steps) // 2
        self._record(steps[:middle])
        self._record(steps[middle:])

    def _quarantine(self, step: Transition, error: Exception) -> None:
        reason = f"{step.key} {step.change}: {type(error).__name__}: {error}"
        self._health.ill("watch records", reason)
        self._log.quarantine(
            received_us=self._clock.now_us(),
            door=LOOP,
            reason=reason,
            payload=repr(step).encode()[:4000],
        )

    def _ask_time(self) -> bool:
        """Append a tick if time decides something now, and the fits that are done."""
        now_us = self._clock.now_us()
        told = False
        if now_us - self._ticked_us < self._tick_us() and now_us >= self._ticked_us:
            return False
        self._ticked_us = now_us
        if self._memory.stack.due(now_us):
            self._log.append_control("tick", now_us, LOOP, {})
            told = True
        return self._fit(now_us) or told

    def _fit(self, now_us: int) -> bool:
        """Append finished fits, order those that are wanted."""
        if self._fits is None:
            return False
        connection, position = self._open(), self._memory.position
        done = self._fits.work(
            self._memory.stack.wanting(now_us),
            lambda slot: series(connection, slot, position, HISTORY_ROWS),
            now_us,
        )
        for slot, parameters in done:
            self._log.append_control("fit", now_us, LOOP, {"slot": slot, "params": parameters})
        return bool(done)

    def _tick_us(self) -> float:
        """Return the time between ticks: a fast clock must not mean a thousand commits."""
        return max(self._settings.tick_s, 0.1 * self._clock.rate) * MICROSECONDS

    def _now_and_then(self) -> None:
        """Commit a bare position and take snapshots when it is time."""
        now, settings = time.monotonic(), self._settings
        if now - self._committed_at >= settings.commit_s:
            if self._log.position(LOOP) < self._memory.position:
                self._commit()
            self._committed_at = now
        age_s = now - self._snapshot_at
        many = self._rows >= settings.snapshot_rows and age_s >= settings.snapshot_least_s
        if self._rows and (many or age_s >= settings.snapshot_s):
            self._commit()
            self._take_snapshot()

    def _take_snapshot(self) -> None:
        position, state = self._memory.position, self._memory.freeze()
        self._log.save_snapshot(LOOP, position, self._clock.now_us(), state)
        self._snapshot_at, self._rows = time.monotonic(), 0

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise RuntimeError("watch was not started")
        return self._connection
