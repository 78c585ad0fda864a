"""Log and book copied beside a running hub, and put back where no hub runs.

The copy is one instant of the file: a read transaction is held while SQLite copies
pages, so that commits meanwhile neither wait nor start the copy afresh.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

from hub.errors import StoreError, StoreUnavailableError
from hub.reasons import why
from hub.store import words
from hub.store.archive import copy_file, sync
from hub.store.database import migrations, open_database, transaction
from hub.store.log import Log
from hub.store.restored import mark_restored

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hub.store.restored import Restored

PAGES: Final = 2000
PAUSE_S: Final = 0.005  # between two stretches: the hub's own reads and writes go first
SIDES: Final = ("-wal", "-shm", "")  # the file itself last: never a log beside a foreign file


def copy_database(source: sqlite3.Connection, target: Path, told: Callable[[float], None]) -> None:
    """Copy ``source`` as it is now into the new file ``target``; ``told`` hears 0 to 1.

    Raises:
        StoreUnavailableError: the disk refused.
        StoreError: the copy is not sound.
    """

    def progress(_status: int, remaining: int, total: int) -> None:
        told(1.0 - remaining / max(total, 1))

    try:
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM meta").fetchone()
        with closing(sqlite3.connect(target, isolation_level=None)) as copy:
            os.chmod(target, 0o600)  # noqa: PTH101  people's numbers are in it
            source.backup(copy, pages=PAGES, progress=progress, sleep=PAUSE_S)
            copy.execute("PRAGMA journal_mode=DELETE")
            check(copy, target)
    except sqlite3.Error as error:
        raise StoreUnavailableError(
            words.CANNOT_COPY.filled(target=target, why=why(error))
        ) from error
    finally:
        if source.in_transaction:
            source.execute("ROLLBACK")


def check(connection: sqlite3.Connection, path: Path) -> None:
    """Have SQLite look through the whole file.

    Raises:
        StoreError: it found something.
    """
    found = connection.execute("PRAGMA integrity_check(3)").fetchall()
    if found != [("ok",)]:
        found_words = "; ".join(str(row[0]) for row in found)[:300]
        raise StoreError(words.DAMAGED.filled(path=path, why=found_words))


def facts_of(path: Path) -> tuple[int, int]:
    """Return (schema version, last offset of the log) of a copy."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        return int(version), Log(connection).end()


def check_schema(version: int) -> None:
    """Refuse what only a newer hub can read.

    Raises:
        StoreError: the version is newer than this hub's.
    """
    known = migrations()[-1][0]
    if version > known:
        raise StoreError(words.BACKUP_TOO_NEW.filled(found=version, known=known))


def put_back(source: Path, target: Path, *, now_us: Callable[[sqlite3.Connection], int],
             backup_us: int, aside: str) -> Restored:  # fmt: skip
    """Make ``target`` a copy of ``source`` that a hub can go on from.

    What was at ``target`` keeps its name with ``aside`` behind it. Hold the locks of all
    loops meanwhile. ``now_us`` is asked for the hub's time once the copy is open.

    Raises:
        StoreError: the copy is not sound.
        StoreUnavailableError: the disk refused.
    """
    draft = target.with_name(f"{target.name}.restoring")
    try:
        for side in SIDES:
            draft.with_name(draft.name + side).unlink(missing_ok=True)
        copy_file(source, draft)
        mark = make_ready(draft, now_us, backup_us)
        sync(draft)
        for side in SIDES:
            old = target.with_name(target.name + side)
            if old.exists():
                old.rename(target.with_name(target.name + aside + side))
        sync(target.parent)
        draft.rename(target)
        sync(target.parent)
    except (OSError, sqlite3.Error) as error:
        raise StoreUnavailableError(
            words.CANNOT_RESTORE.filled(target=target, why=why(error))
        ) from error
    return mark


def make_ready(
    draft: Path, now_us: Callable[[sqlite3.Connection], int], backup_us: int
) -> Restored:
    """Check and migrate the copy, and mark in it that it was restored."""
    with closing(open_database(draft)) as connection:
        check(connection, draft)
        with transaction(connection):
            mark = mark_restored(connection, at_us=now_us(connection), backup_us=backup_us)
        connection.execute("PRAGMA journal_mode=DELETE")
    return mark
