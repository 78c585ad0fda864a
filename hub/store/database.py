"""One SQLite file, opened the only way that keeps what was promised: WAL, synchronous=FULL.

Each thread opens its own connection. ``transaction`` begins IMMEDIATE, so that what
is read inside it cannot change before it is written; threads of one process take turns.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager, nullcontext
from importlib import resources
from typing import TYPE_CHECKING

from hub.errors import StoreError, StoreUnavailableError
from hub.reasons import why
from hub.store import words
from hub.store.turns import turns_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hub.store.turns import Turns

BUSY_TIMEOUT_S = 10.0
CACHE_MB = 8  # of pages, for each connection: the hub has a dozen


class Connection(sqlite3.Connection):
    """A connection that knows the turns at its file."""

    turns: Turns


def open_database(path: Path, *, cache_mb: int = CACHE_MB) -> sqlite3.Connection:
    """Return a connection to the file at ``path``, made and migrated where needed.

    ``cache_mb`` bounds what the connection keeps of the file in memory.

    Raises:
        StoreUnavailableError: the file cannot be opened or written.
        StoreError: the file is of a newer hub than this one.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            path,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
            factory=Connection,
        )
        connection.turns = turns_at(str(path.resolve()))
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA temp_store=MEMORY")
        connection.execute(f"PRAGMA cache_size=-{int(cache_mb) * 1024}")
        connection.execute("PRAGMA journal_size_limit=67108864")
        migrate(connection)
    except (OSError, sqlite3.Error) as error:
        raise StoreUnavailableError(words.CANNOT_OPEN.filled(path=path, why=why(error))) from error
    return connection


def migrations() -> list[tuple[int, str]]:
    """Return (version, SQL) of each numbered migration, in order."""
    folder = resources.files("hub.store") / "schema"
    names = sorted(f.name for f in folder.iterdir() if f.name.endswith(".sql"))
    return [(int(name.split("_")[0]), (folder / name).read_text("utf-8")) for name in names]


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the schema up to the newest version, each step in one transaction.

    Several processes may do so at once: each step is taken by one of them.

    Raises:
        StoreError: the file is of a newer hub than this one.
    """
    steps = migrations()
    version, newest = version_of(connection), steps[-1][0]
    if version > newest:
        raise StoreError(words.TOO_NEW.filled(found=version, known=newest))
    for number, sql in steps:
        if number > version:
            take_step(connection, number, sql)


def version_of(connection: sqlite3.Connection) -> int:
    """Return the version of the file's schema, 0 for a new file."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def take_step(connection: sqlite3.Connection, number: int, sql: str) -> None:
    """Take the schema to version ``number``, unless another process was first."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        if version_of(connection) < number:
            for statement in statements(sql):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={int(number)}")
        connection.execute("COMMIT")
    finally:
        roll_back(connection)


def statements(sql: str) -> Iterator[str]:
    """Yield each statement of a script: running it whole would commit what is open."""
    begun = ""
    for line in sql.splitlines():
        begun += f"{line}\n"
        if sqlite3.complete_statement(begun):
            yield begun
            begun = ""


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Run the body in one BEGIN IMMEDIATE ... COMMIT; roll back on any error.

    Raises:
        StoreUnavailableError: the disk or the lock refused (full, read-only, busy).
        StoreError: SQLite refused what was written.
    """
    turns = getattr(connection, "turns", None)
    with turns.turn(BUSY_TIMEOUT_S) if turns else nullcontext():
        yield from written(connection)


def written(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Begin, let the caller write, and commit or roll back."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield connection
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        roll_back(connection)
        raise StoreUnavailableError(words.CANNOT_WRITE_STORE.filled(why=why(error))) from error
    except sqlite3.Error as error:
        roll_back(connection)
        raise StoreError(words.REFUSED.filled(why=why(error))) from error
    except BaseException:
        roll_back(connection)
        raise


def roll_back(connection: sqlite3.Connection) -> None:
    """Undo an open transaction, if there is one."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")
