"""The spool's file: opened, checked, and mended where a card or a power cut has hurt it.

A node starts whatever the file is like. What SQLite or a checksum finds wrong costs the
record that was hit and no other: the rest is taken out of the raw bytes (``salvage``)
and goes on in a new file, the old one is put beside.
"""

from __future__ import annotations

import logging
import mmap
import os
import sqlite3
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from tocsin_edge import salvage
from tocsin_edge.errors import SpoolError, SpoolRuinedError
from tocsin_edge.spool_schema import ADDED, SCHEMA
from tocsin_edge.sums import (
    draft_sum,
    is_draft,
    is_gone,
    is_message,
    message_sum,
    size_of,
    unsealed,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tocsin_edge.salvage import Saved

BUSY_MS: Final = 5000
DAMAGED: Final = "damaged in the spool"
PIECE: Final = 1 << 20
AT_ONCE: Final = 200  # messages read at a time: a node has little memory
RUINED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
NAMES: Final = "SELECT name FROM sqlite_master WHERE type = ? AND name NOT LIKE 'sqlite%'"
MESSAGES: Final = (
    "SELECT id, size, status, boot, seq, alarming, n, crc, obs FROM message"
    " WHERE id > ? ORDER BY id LIMIT ?"
)
KEPT: Final = (
    "INSERT OR IGNORE INTO message (boot, seq, alarming, status, n, size, crc, obs)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
NUMBERED: Final = (
    "INSERT INTO boot SELECT boot, max(seq) + 1 FROM message WHERE true GROUP BY boot"
    " ON CONFLICT (boot) DO UPDATE SET next_seq = max(next_seq, excluded.next_seq)"
)

logger = logging.getLogger(__name__)


def open_spool(file: Path) -> sqlite3.Connection:
    """Return a connection to ``file``, made if need be; nothing is mended.

    Raises:
        SpoolError: if it cannot be opened, written or read.
    """
    try:
        return connect(file)
    except (OSError, sqlite3.Error, UnicodeError) as err:
        raise failure(err, f"{file} cannot be opened") from err


def mended_spool(file: Path) -> sqlite3.Connection:
    """Return a connection to ``file``, sound, with all that could be read of a ruined one.

    Call with the lock of the folder: nobody else may have it open.

    Raises:
        SpoolError: if it cannot be opened or written.
    """
    log = file.with_name(f"{file.name}-wal")
    try:
        if log.exists():
            write_again(log)
        raw = log.read_bytes() if log.exists() else b""
        try:
            db = connect(file)
        except (sqlite3.DatabaseError, UnicodeError) as err:
            if isinstance(err, sqlite3.OperationalError) and code_of(err) not in RUINED:
                raise
            return anew(file, raw)
        return whole(db, file, raw)
    except (OSError, sqlite3.Error, UnicodeError) as err:
        raise SpoolError(f"{file} cannot be opened: {err}") from err


def failure(err: Exception, what: str) -> SpoolError:
    """Return ``err`` as one of ours; a file that is no longer sound is mended at the next start."""
    if isinstance(err, sqlite3.Error) and code_of(err) in RUINED:
        return SpoolRuinedError(f"{what}: {err}: it is mended at the next start")
    return SpoolError(f"{what}: {err}")


def code_of(err: sqlite3.Error) -> int:
    """Return SQLite's primary code, 0 for none."""
    return int(getattr(err, "sqlite_errorcode", 0) or 0) & 0xFF


def write_again(file: Path) -> None:
    """Write what a dead node left unsynced once more, so that it is on disk before it is used."""
    with file.open("r+b", buffering=0) as content:
        number, at = content.fileno(), 0
        while piece := os.pread(number, PIECE, at):
            at += os.pwrite(number, piece, at)
        os.fsync(number)


def connect(file: Path) -> sqlite3.Connection:
    """Return a connection whose tables are there."""
    db = sqlite3.connect(file, timeout=BUSY_MS / 1000, check_same_thread=False)
    db.text_factory = _text
    try:
        db.execute(f"PRAGMA page_size = {salvage.PAGE}")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA secure_delete = ON")  # what has left is not found again by salvage
        db.executescript(SCHEMA)
        for table, column in ADDED:
            if column not in columns_of(db, table):
                db.execute(f"ALTER TABLE {table} ADD COLUMN {column} INTEGER")
    except BaseException:
        db.close()
        raise
    return db


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")  # a flipped bit is found by its checksum, not here


def columns_of(db: sqlite3.Connection, table: str) -> list[str]:
    """Return the columns of a table."""
    return [str(row[1]) for row in db.execute(f"PRAGMA table_info({table})")]


# What is wrong with it


def whole(db: sqlite3.Connection, file: Path, raw: bytes) -> sqlite3.Connection:
    """Return ``db`` if it is sound, with what its log did not give back; else a new file."""
    try:
        if is_sound(db):
            give_back(db, file, raw)
            check_rows(db)
            return db
    except (sqlite3.Error, UnicodeError) as err:
        logger.warning("the spool cannot be used as it is: %s", err)
    db.close()
    return anew(file, raw)


def is_sound(db: sqlite3.Connection) -> bool:
    """Return whether SQLite finds nothing, and the tables are those that we make."""
    if db.execute("PRAGMA integrity_check(1)").fetchall() != [("ok",)]:
        return False
    with closing(sqlite3.connect(":memory:")) as model:
        model.executescript(SCHEMA)
        return shape_of(db) == shape_of(model)


def shape_of(db: sqlite3.Connection) -> dict[str, Any]:
    """Return tables and indexes with their columns."""
    tables = [name for (name,) in db.execute(NAMES, ("table",))]
    indexes = [name for (name,) in db.execute(NAMES, ("index",))]
    found: dict[str, Any] = {t: db.execute(f"PRAGMA table_info({t})").fetchall() for t in tables}
    return found | {i: db.execute(f"PRAGMA index_info({i})").fetchall() for i in indexes}


def check_rows(db: sqlite3.Connection) -> None:
    """Set aside or drop every row whose checksum fails, count it, and commit."""
    hurt = check_messages(db) + check_drafts(db)
    for row in db.execute("SELECT boot, low, high, crc FROM gone").fetchall():
        if not is_gone(*row):
            db.execute("DELETE FROM gone WHERE boot = ? AND low = ?", row[:2])
    for sensor, value in db.execute("SELECT sensor, value FROM memory").fetchall():
        if unsealed(sensor, value) is None:
            db.execute("DELETE FROM memory WHERE sensor = ?", (sensor,))
    db.execute(NUMBERED)
    count(db, "aside", hurt)
    db.commit()
    if hurt:
        logger.error("%d records of the spool were damaged: they are counted and not sent", hurt)


def check_messages(db: sqlite3.Connection) -> int:
    """Set damaged messages aside, each at its true size; return how many are new among them."""
    hurt = last = 0
    while rows := db.execute(MESSAGES, (last, AT_ONCE)).fetchall():
        hurt += sum(check_message(db, row) for row in rows)
        last = rows[-1][0]
    return hurt


def check_message(db: sqlite3.Connection, row: tuple[Any, ...]) -> bool:
    """Put one row right; return whether it is newly found to be damaged."""
    id_, size, status, *fields = row
    true_size, well = size_of(str(fields[-1])), is_message(tuple(fields))
    if not well and status != 2:
        db.execute("UPDATE message SET status = 2, reason = ? WHERE id = ?", (DAMAGED, id_))
    if well and status not in (0, 1, 2):
        db.execute("UPDATE message SET status = 0 WHERE id = ?", (id_,))
    if size != true_size:
        db.execute("UPDATE message SET size = ? WHERE id = ?", (true_size, id_))
    return not well and status != 2


def check_drafts(db: sqlite3.Connection) -> int:
    """Drop damaged readings; return how many."""
    rows = db.execute("SELECT id, boot, obs, crc FROM draft").fetchall()
    bad = [(id_,) for id_, boot, obs, told in rows if not is_draft(boot, obs, told)]
    db.executemany("DELETE FROM draft WHERE id = ?", bad)
    return len(bad)


def count(db: sqlite3.Connection, name: str, n: int) -> None:
    """Add to a counter."""
    if n:
        db.execute(
            "INSERT INTO counter VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET"
            " value = value + ?2",
            (name, n),
        )


# What is saved of it


def give_back(db: sqlite3.Connection, file: Path, raw: bytes) -> None:
    """Put back what SQLite left out of the log ``raw``, since a checksum before it failed.

    A transaction that a power cut tore looks the same: what is whole of it was sensed.
    """
    _, read, _ = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    left = salvage.unread(raw, max(int(read), 0)) if raw else []
    if not left:
        return
    with mapped(file) as content:
        pages = salvage.pages_of(content)
        saved = salvage.salvage(pages, left, all_pages=False)
        pages.clear()
    put_back(db, saved)
    logger.warning("the spool's log was cut short: looked through %d pages after it", len(left))


def anew(file: Path, raw: bytes) -> sqlite3.Connection:
    """Put the ruined file beside and return a new one with all that can be saved of it."""
    with mapped(file) as content:
        pages = salvage.pages_of(content)
        saved = salvage.salvage(pages, salvage.in_turn(raw), all_pages=True)
        pages.clear()
    for part in (file, *(file.with_name(file.name + end) for end in ("-wal", "-shm"))):
        if part.exists():
            part.replace(free_name(part))
    db = connect(file)
    put_back(db, saved)
    logger.error(
        "the spool was ruined: %d messages and %d readings were saved, the file is put beside",
        len(saved.messages),
        len(saved.drafts),
    )
    return db


@contextmanager
def mapped(file: Path) -> Iterator[salvage.Raw]:
    """Yield the content of ``file``, read from the disk as it is needed."""
    if not file.exists() or not file.stat().st_size:
        yield b""
        return
    with file.open("rb") as opened:
        content = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
        try:
            yield content
        finally:
            with suppress(BufferError):  # a page of it is still looked at: freed with that one
                content.close()


def put_back(db: sqlite3.Connection, saved: Saved) -> None:
    """Add what was saved and is missing, and commit.

    Sensors forget what they remembered: it may be older than the readings.
    """
    rows = ((m.boot, m.seq, m.alarming, m.status, m.n, size_of(m.obs),
             message_sum(m.boot, m.seq, m.alarming == 1, m.n, m.obs), m.obs)
            for m in saved.messages)  # fmt: skip
    added = db.executemany(KEPT, rows).rowcount
    held = db.execute("SELECT id, boot, obs FROM draft").fetchall()
    for id_, boot, obs in held:
        if any(m.boot == boot and obs in m.obs for m in saved.messages):
            db.execute("DELETE FROM draft WHERE id = ?", (id_,))
    known = {(boot, obs) for _, boot, obs in held}
    new = [
        d for d in saved.drafts if (d.boot, d.obs) not in known and not carried(db, d.boot, d.obs)
    ]
    for draft in new:
        db.execute("INSERT INTO draft (boot, obs, crc) VALUES (?, ?, ?)",
                   (draft.boot, draft.obs, draft_sum(draft.boot, draft.obs)))  # fmt: skip
    db.executemany("INSERT OR IGNORE INTO boot VALUES (?, 1)", ((d.boot,) for d in new))
    db.execute(NUMBERED)
    if added > 0 or new:
        db.execute("DELETE FROM memory")
    db.commit()


def carried(db: sqlite3.Connection, boot: str, obs: str) -> bool:
    """Return whether a message carries that reading already."""
    row = db.execute(
        "SELECT 1 FROM message WHERE boot = ? AND instr(obs, ?) LIMIT 1", (boot, obs)
    ).fetchone()
    return row is not None


def free_name(file: Path) -> Path:
    """Return a name beside ``file`` that nothing has."""
    numbers = (n for n in range(1, 10_000))
    names: Iterable[Path] = (file.with_name(f"{file.name}.ruined-{n}") for n in numbers)
    return next(name for name in names if not name.exists())
