"""The schema is brought up to date once, however many processes open the file at that moment."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from hub.errors import StoreError
from hub.store.database import migrate, migrations, open_database, statements, version_of

if TYPE_CHECKING:
    from pathlib import Path

OPENER = """
import sys, time
from pathlib import Path
from hub.store.database import open_database
print("ready", flush=True)
sys.stdin.readline()
open_database(Path(sys.argv[1])).close()
"""


def test_another_process_was_first(tmp_path: Path) -> None:
    """A step that another process takes between our look and our lock is not taken twice."""
    file = tmp_path / "tocsin.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as ours:
        ours.execute("PRAGMA journal_mode=WAL")
        with closing(sqlite3.connect(file, isolation_level=None)) as theirs:
            ours.set_trace_callback(lambda sql: sql.startswith("BEGIN") and migrate(theirs))
            migrate(ours)
        assert version_of(ours) == migrations()[-1][0]
        assert not ours.in_transaction


def test_processes_race_to_make_one_store(tmp_path: Path) -> None:
    """Six processes that open a new file together all have it, and it is whole."""
    file = tmp_path / "tocsin.db"
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", OPENER, str(file)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(6)
    ]  # fmt: skip
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    said = [racer.communicate("go\n", timeout=60)[1] for racer in racers]
    assert [racer.returncode for racer in racers] == [0] * 6, said
    with closing(open_database(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_step_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a step is no step: the version stays, and no table of it is there."""
    steps = [*migrations(), (99, "CREATE TABLE half (a);\nCREATE TABLE half (a);")]
    monkeypatch.setattr("hub.store.database.migrations", lambda: steps)
    with closing(sqlite3.connect(tmp_path / "tocsin.db", isolation_level=None)) as connection:
        with pytest.raises(sqlite3.OperationalError, match="already exists"):
            migrate(connection)
        assert version_of(connection) == steps[-2][0]
        assert not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'half'").fetchall()


def test_a_newer_store_is_refused_in_words(tmp_path: Path) -> None:
    """An older hub says which hub to run and touches nothing."""
    file = tmp_path / "tocsin.db"
    with closing(open_database(file)) as connection:
        connection.execute("PRAGMA user_version=99")
    with pytest.raises(StoreError, match=r"version 99 .* run the newer hub, or restore a backup"):
        open_database(file)


def test_every_migration_is_split_whole() -> None:
    """No statement is lost or cut when a script is run one by one."""
    for _, sql in migrations():
        parts = list(statements(sql))
        assert "".join(parts).strip() == sql.strip()
        assert all(sqlite3.complete_statement(part) for part in parts)
