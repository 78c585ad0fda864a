"""Room kept on the disk, so that open incidents are still paged when it is full.

A file of a fixed size stands in for what the book may need. When the disk runs full it
is removed: from then on intake takes nothing in - what nodes sent stays with them -
while respond and deliver go on with the room that this gave. As soon as there is space
for it again the file is made anew and intake goes on. Whether it is there is the one
sign that all loops, also those of other processes, go by.
"""

from __future__ import annotations

import logging
import os
import shutil
from typing import TYPE_CHECKING, Final

from hub.errors import StoreError, StoreUnavailableError
from hub.flow import words
from hub.store.database import open_database
from hub.store.log import Log

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

    from hub.clock import Clock
    from hub.flow.health import Health

NAME: Final = "reserve"
LEAST_BYTES: Final = 1 << 20
CHECK: Final = "disk"

logger = logging.getLogger(__name__)


class Reserve:
    """The file; ``size`` 0 keeps none, and then the disk is never said to be full.

    It is given up when less than half its size is free besides it, and made again when
    there is room for it and as much again.
    """

    def __init__(self, folder: Path, size: int) -> None:
        self._folder = folder
        self._path = folder / NAME
        self._size = size

    def held(self) -> bool:
        """Say whether the room is kept: whether there is space to take anything in."""
        return not self._size or self._path.exists()

    def wanted(self) -> bool:
        """Say whether the disk is so full that the room must be given up now."""
        return bool(self._size) and self.free() < max(self._size // 2, LEAST_BYTES)

    def free(self) -> int:
        """Return the bytes that are free besides it."""
        return shutil.disk_usage(self._folder).free

    def give_up(self) -> bool:
        """Remove the file; say whether it was there."""
        if not self._size:
            return False
        try:
            self._path.unlink()
        except FileNotFoundError:
            return False
        return True

    def keep(self) -> bool:
        """Make the file if there is room for it; say whether it was made."""
        if self.held() or self.free() < 2 * self._size + LEAST_BYTES:
            return False
        draft = self._path.with_suffix(".part")
        try:
            with draft.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, self._size)
            draft.replace(self._path)
        except OSError as error:
            logger.warning("the reserve cannot be made: %s", error)
            draft.unlink(missing_ok=True)
            return False
        return True

    def first(self) -> None:
        """Make room at the start of a hub: keep the file, or give it up on a full disk."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if self.held() and self.wanted():
            self.give_up()
        else:
            self.keep()


class Guard:
    """Looks at the disk again and again; ``pause`` and ``resume`` hold for what fills it."""

    def __init__(
        self,
        *,
        database: Path,
        reserve: Reserve,
        clock: Clock,
        health: Health,
        wake: Callable[..., None],
    ) -> None:
        self._database = database
        self._reserve = reserve
        self._clock = clock
        self._health = health
        self._wake = wake
        self._connection: sqlite3.Connection | None = None
        self._full = False
        self._told = False
        self._fillers: list[tuple[Callable[[], None], Callable[[], None]]] = []

    def attend(self, pause: Callable[[], None], resume: Callable[[], None]) -> None:
        """Let ``pause`` be called when the disk is full, and ``resume`` when it no longer is."""
        self._fillers.append((pause, resume))

    def step(self) -> bool:
        """Give the reserve up or make it again; nothing more is ever waiting."""
        if self._reserve.held():
            if self._reserve.wanted() and self._reserve.give_up():
                logger.error("the disk is full: nothing is taken in, open incidents are paged")
        else:
            self._reserve.keep()
        full = not self._reserve.held()
        if full != self._full:
            self._turn(full=full)
        self._say(full=full)
        return False

    def close(self) -> None:
        """Let go of the database."""
        if self._connection is not None:
            self._connection.close()

    def _turn(self, *, full: bool) -> None:
        """Hold up, or let go, what fills the disk."""
        self._full = full
        for pause, resume in self._fillers:
            (pause if full else resume)()
        if not full:
            logger.warning("there is room on the disk again: intake goes on")

    def _say(self, *, full: bool) -> None:
        """Put it into the log and among the checks; what cannot be written yet is tried again."""
        if full:
            free_mb = self._reserve.free() / (1 << 20)
            self._health.ill(CHECK, f"full ({free_mb:.0f} MiB left): {DO}")
        else:
            self._health.well(CHECK)
        if full is self._told:
            return
        try:
            if self._connection is None:
                self._connection = open_database(self._database)
            log = Log(self._connection)
            log.append_control("disk", self._clock.now_us(), CHECK, {"full": full})
        except StoreError as error:
            logger.error("the log cannot be told about the disk: %s", error)  # noqa: TRY400
            return
        self._told = full
        self._wake("watch")


DO: Final = words.DISK_DO


def refuse_when_full(reserve: Reserve) -> None:
    """Refuse to take anything in while the room for the book is given up.

    Raises:
        StoreUnavailableError: the disk is full.
    """
    if not reserve.held():
        raise StoreUnavailableError(words.DISK_FULL.filled(do=DO))
