"""What a hub that ended left in SQLite's log is on the disk before the next one builds upon it."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from hub.errors import StoreUnavailableError
from hub.store import sure
from hub.store.database import open_database, transaction

if TYPE_CHECKING:
    from pathlib import Path


def test_every_byte_is_written_again_and_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log is the same afterwards, and one sync came after its last byte."""
    file = tmp_path / "tocsin.db"
    done: list[str] = []
    real_write, real_sync = os.pwrite, os.fsync
    monkeypatch.setattr(os, "pwrite", lambda *a: (done.append("write"), real_write(*a))[1])
    monkeypatch.setattr(os, "fsync", lambda *a: (done.append("sync"), real_sync(*a))[1])
    with closing(open_database(file)) as connection:
        with transaction(connection):
            connection.execute("INSERT INTO meta VALUES ('a', ?)", ("x" * (3 << 20),))
        log = tmp_path / "tocsin.db-wal"
        before = log.read_bytes()
        sure.make_sure(file)
        assert log.read_bytes() == before
        assert done == ["write"] * -(-len(before) // sure.PIECE) + ["sync"]
        (kept,) = connection.execute("SELECT length(value) FROM meta WHERE key = 'a'").fetchone()
        assert kept == 3 << 20


def test_nothing_is_there_yet(tmp_path: Path) -> None:
    """A first start makes no file of it."""
    sure.make_sure(tmp_path / "tocsin.db")
    assert list(tmp_path.iterdir()) == []


def test_nobody_writes_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process that is writing is waited for, and its log never overwritten."""
    monkeypatch.setattr(sure, "BUSY_TIMEOUT_S", 0.05)
    file = tmp_path / "tocsin.db"
    with closing(open_database(file)) as connection, transaction(connection):
        connection.execute("INSERT INTO meta VALUES ('a', 'b')")
        with pytest.raises(StoreUnavailableError, match="locked"):
            sure.make_sure(file)


def test_a_disk_that_takes_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub does not start on what it cannot be sure of."""
    file = tmp_path / "tocsin.db"

    def fail(_number: int) -> None:
        raise OSError(5, "Input/output error")

    with closing(open_database(file)):
        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(StoreUnavailableError, match="disk failed"):
            sure.make_sure(file)
