"""Stores of every earlier version, made by the shipped migrations, and the upgrade of one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hub.store.database import migrations, open_database, take_step

if TYPE_CHECKING:
    from typing import Any

DATABASE: Final = "tocsin.db"
BOOKLESS: Final = 2  # before this version there was no book: watch had not been there either
TABLES: Final = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"

Content = dict[str, list[tuple[object, ...]]]


def live(folder: str) -> dict[str, Any]:
    """Open the store as the new hub does, and let it go."""
    open_database(Path(folder) / DATABASE).close()
    return {}


def warm() -> None:
    """Read the migrations once."""
    migrations()


def newest() -> int:
    """Return the version that this hub writes."""
    return migrations()[-1][0]


def make_old(donor: Path, target: Path, version: int) -> dict[str, bytes]:
    """Return the files of a store of ``version`` with what ``donor`` holds; made at ``target``.

    The last of it is in SQLite's log only, as a hub leaves it that was killed.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(target, isolation_level=None)) as old:
        old.execute("PRAGMA journal_mode=WAL")
        old.execute("PRAGMA synchronous=FULL")
        for number, sql in migrations():
            if number <= version:
                take_step(old, number, sql)
        old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        copy_rows(donor, old, version)
        return {
            path.name: path.read_bytes()
            for path in (target, target.with_name(f"{target.name}-wal"))
            if path.exists()
        }


def copy_rows(donor: Path, old: sqlite3.Connection, version: int) -> None:
    """Put the rows of ``donor`` into what tables and columns ``old`` has."""
    old.execute("ATTACH ? AS donor", (str(donor),))
    old.execute("BEGIN IMMEDIATE")
    for table in tables_of(old):
        if version < BOOKLESS and table in ("position", "snapshot"):
            continue
        names = ", ".join(f'"{name}"' for name in columns_of(old, table))
        old.execute(f"INSERT INTO main.{table} ({names}) SELECT {names} FROM donor.{table}")  # noqa: S608
    old.execute("COMMIT")
    old.execute("DETACH donor")


def tables_of(connection: sqlite3.Connection) -> list[str]:
    """Return the tables, by name."""
    return sorted(name for (name,) in connection.execute(TABLES))


def columns_of(connection: sqlite3.Connection, table: str) -> list[str]:
    """Return the columns of a table."""
    return [row[1] for row in connection.execute(f"PRAGMA main.table_info({table})")]


def content_of(connection: sqlite3.Connection, like: dict[str, list[str]]) -> Content:
    """Return every row of the tables and columns ``like``."""
    found: Content = {}
    for table, columns in like.items():
        names = ", ".join(f'"{name}"' for name in columns)
        found[table] = sorted(
            connection.execute(f"SELECT {names} FROM {table}").fetchall(),  # noqa: S608
            key=repr,
        )
    return found


def shape_of(connection: sqlite3.Connection) -> dict[str, list[str]]:
    """Return every table with its columns."""
    return {table: columns_of(connection, table) for table in tables_of(connection)}
