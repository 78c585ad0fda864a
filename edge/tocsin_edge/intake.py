"""Readings into the spool: routine ones packed now and then, alarming ones at once."""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from typing import TYPE_CHECKING, Final

from tocsin_edge.errors import SpoolError
from tocsin_edge.message import obs_text, observation

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tocsin_edge.config import SendSettings
    from tocsin_edge.ledger import Ledger
    from tocsin_edge.readers import Taken
    from tocsin_edge.spool import Spool, Spooled

HELD_MOST: Final = 10_000  # readings kept in memory while no disk takes them

logger = logging.getLogger(__name__)


class Intake:
    """Puts readings into ``spool``, commits, and says what may be sent.

    ``commit_s`` and the times passed in are real monotonic seconds, ``upload_s`` of
    the settings runs on the node's clock.
    """

    def __init__(
        self, spool: Spool, ledger: Ledger, settings: SendSettings, commit_s: float
    ) -> None:
        self._spool = spool
        self._ledger = ledger
        self._settings = settings
        self._commit_s = commit_s
        self._uncommitted: deque[Taken] = deque()
        self._packed: list[Spooled] = []
        self._held = 0
        self._urgent = False
        self._retry = False
        self._next_upload: float | None = None
        self._committed_at = 0.0

    def take(self, readings: Sequence[Taken]) -> None:
        """Take in readings; they are on disk after the next commit."""
        self._uncommitted.extend(readings)
        while len(self._uncommitted) > HELD_MOST:
            self._uncommitted.popleft()
            self._ledger.dropped(1, "no disk takes it")
        if self._retry:
            return
        try:
            self._spool_all(readings)
        except SpoolError as err:
            self.failed(err)

    def due(self, now: float) -> bool:
        """Return whether a commit is due at real time ``now``."""
        return self._urgent or now - self._committed_at >= self._commit_s

    def wait_s(self, now: float) -> float:
        """Return the real seconds until a commit is due."""
        return 0.0 if self._urgent else max(self._commit_s - (now - self._committed_at), 0.0)

    def commit(self, now: float, *, clock_s: float, final: bool = False) -> list[Spooled]:
        """Put all on disk and into the ledger; return the messages that may now be sent.

        A spool that cannot be written keeps nothing of it: the readings stay in memory
        and are tried again, and nothing is sent.
        """
        self._committed_at = now
        try:
            if self._retry:
                self._spool_all(self._uncommitted)
                self._retry = False
            self._pack(clock_s, final=final)
            losses = self._spool.commit()
        except SpoolError as err:
            self.failed(err)
            return []
        messages, self._packed = self._packed, []
        self._uncommitted.clear()
        self._urgent = False
        self._ledger.spooled(messages)
        self._ledger.evicted(losses)
        return messages

    def failed(self, err: SpoolError) -> None:
        """Forget what was not committed; its readings are spooled again at the next commit."""
        logger.error("%s; %d readings wait in memory", err, len(self._uncommitted))
        with contextlib.suppress(SpoolError):
            self._spool.rollback()
        self._packed.clear()
        self._held = 0
        self._urgent = False
        self._retry = True

    def _spool_all(self, readings: Iterable[Taken]) -> None:
        for taken in readings:
            self._spool_one(taken)

    def _spool_one(self, taken: Taken) -> None:
        stream, reading = taken.stream, taken.reading
        obs = obs_text([observation(stream.name, stream.unit, reading, taken.moment)])[1:-1]
        if stream.alarming(reading.result):
            self._packed.append(self._spool.add([obs], alarming=True))
            self._urgent = True
        else:
            self._spool.hold(obs)
            self._held += 1
        if reading.memory is not None:
            self._spool.remember(stream.name, reading.memory)

    def _pack(self, clock_s: float, *, final: bool) -> None:
        if self._next_upload is None or clock_s >= self._next_upload:
            self._next_upload = clock_s + self._settings.upload_s
            final = True
        if final or self._held >= self._settings.batch:
            self._packed.extend(self._spool.pack(self._settings.batch))
            self._held = 0
