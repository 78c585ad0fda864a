"""What a hub that ended left behind is put on the disk before anything is built upon it.

A killed hub leaves commits in SQLite's log that nobody synced; one whose syncs failed
leaves pages that the system takes for written although they never were. A new hub would
read both from memory as if they were kept, and write on after them: the next power cut
then tears a hole that no check of SQLite's bridges. So they are written once more.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

from hub.errors import StoreUnavailableError
from hub.reasons import why
from hub.store import words
from hub.store.database import BUSY_TIMEOUT_S, roll_back

if TYPE_CHECKING:
    from pathlib import Path

PIECE: Final = 1 << 20


def make_sure(path: Path) -> None:
    """Write the log of the store at ``path`` once more, byte by byte, and force it to disk.

    Call at the start of a hub, before the store is opened; nobody can write meanwhile.

    Raises:
        StoreUnavailableError: the disk does not take it, or another process holds the store.
    """
    log = path.with_name(f"{path.name}-wal")
    if not path.exists() or not log.exists():
        return
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)) as held:
            held.execute("BEGIN IMMEDIATE")
            try:
                write_again(log)
            finally:
                roll_back(held)
    except (OSError, sqlite3.Error) as error:
        raise StoreUnavailableError(words.NOT_SURE.filled(path=path, why=why(error))) from error


def write_again(file: Path) -> None:
    """Write every byte of ``file`` where it is, and sync it."""
    with file.open("r+b", buffering=0) as content:
        number, at = content.fileno(), 0
        while piece := os.pread(number, PIECE, at):
            at += os.pwrite(number, piece, at)
        os.fsync(number)
