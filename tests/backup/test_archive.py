"""A backup is one instant, proves itself, holds no secret, and goes back only where it may."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hub.cli import main
from hub.clock import SystemClock
from hub.config import read_config
from hub.model.network import Severity
from hub.model.notification import Notification, NotificationState, Purpose
from hub.store.backup import copy_database
from hub.store.book import Book
from hub.store.database import migrations, open_database, transaction
from hub.store.log import Log
from hub.store.restored import LONG_PAST_US, mark_restored, restored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONFIG = Path(__file__).parents[2] / "config"
SECRET = "never-in-a-backup"  # noqa: S105  what the test looks for


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The shipped configuration with a secret beside it, and a hub's data."""
    made = tmp_path / "config"
    shutil.copytree(CONFIG, made)
    (made / "secrets").mkdir(exist_ok=True)
    (made / "secrets" / "web-token").write_text(SECRET, "utf-8")
    text = (made / "hub.toml").read_text("utf-8")
    (made / "hub.toml").write_text(text.replace('# token_file = "secrets/web-token"',
                                                'token_file = "secrets/web-token"'))  # fmt: skip
    with_entries(tmp_path / "data" / "tocsin.db", 3)
    return made


def with_entries(path: Path, count: int) -> None:
    """Append ``count`` control entries to the log at ``path``."""
    connection = open_database(path)
    for number in range(count):
        Log(connection).append_control("tick", number, "test", {})
    connection.close()


def run(*words: object) -> int:
    """Run one command."""
    return main([str(word) for word in words])


def backed_up(folder: Path, target: Path) -> dict[str, Any]:
    """Make a backup and return its manifest."""
    assert run("backup", target, "--config", folder) == 0
    manifest: dict[str, Any] = json.loads((target / "manifest.json").read_text("utf-8"))
    return manifest


def end_of(path: Path) -> int:
    """Return the last offset of the log at ``path``."""
    connection = open_database(path)
    try:
        return Log(connection).end()
    finally:
        connection.close()


def test_a_backup_comes_back_whole(folder: Path, tmp_path: Path) -> None:
    """Log, book and configuration return to a bare machine; people and their numbers with them."""
    manifest = backed_up(folder, tmp_path / "b")
    assert manifest["log_end"] == 3
    assert {"tocsin.db", "config/people.toml", "config/sites/old-mill.toml"} <= set(
        manifest["files"]
    )
    bare = tmp_path / "bare"
    assert run("restore", tmp_path / "b", "--config", bare / "config") == 0
    found, before = read_config(bare / "config"), read_config(folder)
    assert found.people == before.people
    assert found.version == before.version
    connection = open_database(found.hub.database)
    (entry,) = Log(connection).read(3, 10).controls
    assert entry.kind == "restored"
    connection.close()


def test_no_secret_is_in_a_backup(folder: Path, tmp_path: Path) -> None:
    """Neither a secret's file nor its content is copied, and others cannot read the rest."""
    backed_up(folder, tmp_path / "b")
    files = [path for path in (tmp_path / "b").rglob("*") if path.is_file()]
    assert not any("secret" in str(path.relative_to(tmp_path / "b")) for path in files)
    assert not any(SECRET.encode() in path.read_bytes() for path in files)
    assert all(path.stat().st_mode & 0o077 == 0 for path in files if path.name != "manifest.json")
    assert (tmp_path / "b").stat().st_mode & 0o077 == 0


def test_a_copy_is_one_instant_beside_a_busy_hub(tmp_path: Path) -> None:
    """While another connection commits without pause, the copy ends and holds one instant."""
    path = tmp_path / "tocsin.db"
    connection = open_database(path)
    Log(connection).quarantine(received_us=1, door="mqtt", reason="x", payload=os.urandom(30 << 20))
    stop, written = threading.Event(), 0

    def write() -> None:
        nonlocal written
        own = open_database(path)
        while not stop.is_set():
            Log(own).append_control("tick", 1, "test", {})
            written += 1
        own.close()

    writer = threading.Thread(target=write)
    writer.start()
    shares: list[float] = []
    try:
        while written < 5:
            pass
        copy_database(connection, tmp_path / "copy.db", shares.append)
    finally:
        stop.set()
        writer.join()
    copy = sqlite3.connect(tmp_path / "copy.db")
    (controls,) = copy.execute("SELECT count(*) FROM control").fetchone()
    (following,) = copy.execute("SELECT value FROM meta WHERE key = 'next_offset'").fetchone()
    copy.close()
    assert controls == int(following) - 1 < written
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    connection.close()


def test_a_backup_overwrites_nothing(folder: Path, tmp_path: Path) -> None:
    """An existing folder is refused, and a failed backup leaves nothing behind."""
    (tmp_path / "there").mkdir()
    assert run("backup", tmp_path / "there", "--config", folder) == 1
    assert list((tmp_path / "there").iterdir()) == []
    (tmp_path / "data" / "tocsin.db").write_bytes(b"SQLite format 3\0" + b"\0" * 5000)
    assert run("backup", tmp_path / "b", "--config", folder) == 1
    assert not [p for p in tmp_path.iterdir() if p.name == "b" or "partial" in p.name]


def flip(path: Path) -> None:
    """Change one byte in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def outside(path: Path) -> None:
    """Let the manifest name a file outside of the backup."""
    manifest = json.loads(path.read_text("utf-8"))
    manifest["files"]["../evil.toml"] = {"bytes": 0, "sha256": ""}
    path.write_text(json.dumps(manifest), "utf-8")


def newer(path: Path) -> None:
    """Let the backup be of a hub that does not exist yet."""
    manifest = json.loads(path.read_text("utf-8"))
    manifest["schema"] = migrations()[-1][0] + 1
    path.write_text(json.dumps(manifest), "utf-8")


@pytest.mark.parametrize(
    ("file", "harm", "said"),
    [
        ("tocsin.db", flip, "hash differs"),
        ("config/people.toml", flip, "hash differs"),
        ("config/people.toml", Path.unlink, "not whole"),
        ("manifest.json", Path.unlink, "no backup"),
        ("manifest.json", outside, "no file of a backup"),
        ("manifest.json", newer, "newer hub"),
    ],
)
def test_a_harmed_backup_is_refused(  # noqa: PLR0917  fixtures and the case's own three
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    file: str, harm: Callable[[Path], None], said: str,
) -> None:  # fmt: skip
    """What is changed, missing, foreign or newer is named, and nothing is touched."""
    backed_up(folder, tmp_path / "b")
    harm(tmp_path / "b" / file)
    assert run("restore", tmp_path / "b", "--data", tmp_path / "new", "--config", folder) == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "new" / "tocsin.db").exists()


def test_a_live_hub_is_never_overwritten(folder: Path, tmp_path: Path) -> None:
    """While any loop holds its lock, restore refuses, also with --force."""
    backed_up(folder, tmp_path / "b")
    with (tmp_path / "data" / "watch.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert run("restore", tmp_path / "b", "--config", folder, "--force") == 2
    assert end_of(tmp_path / "data" / "tocsin.db") == 3


def test_force_puts_aside_and_deletes_nothing(folder: Path, tmp_path: Path) -> None:
    """Without --force existing data is refused; with it, it keeps all it had under another name."""
    backed_up(folder, tmp_path / "b")
    with_entries(tmp_path / "data" / "tocsin.db", 4)
    assert run("restore", tmp_path / "b", "--config", folder) == 1
    assert run("restore", tmp_path / "b", "--config", folder, "--force") == 0
    assert end_of(tmp_path / "data" / "tocsin.db") == 4
    (aside,) = [
        p for p in (tmp_path / "data").iterdir()
        if "before-restore" in p.name and not p.name.endswith(("-wal", "-shm"))
    ]  # fmt: skip
    assert end_of(aside) == 7


def note(number: int, state: NotificationState, created_us: int) -> Notification:
    """Return one page of the outbox."""
    return Notification(
        id=f"n{number}", incident="", step=0, person="lin-wei", channel="sms",
        address="+15550100101", purpose=Purpose.PAGE, severity=Severity.EXTREME, language="zh",
        text="...", state=state, due_us=created_us, created_us=created_us,
    )  # fmt: skip


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    """An empty book."""
    connection = open_database(tmp_path / "book.db")
    yield Book(connection)
    connection.close()


def test_what_was_sent_stays_sent_and_what_waited_is_looked_up(tmp_path: Path, book: Book) -> None:
    """Of pages in a backup only recent unsent ones go out, as perhaps sent; old ones never."""
    now_us = SystemClock().now_us()
    connection = open_database(tmp_path / "book.db")
    old_us = now_us - LONG_PAST_US - 1
    states = [
        note(1, NotificationState.DELIVERED, now_us), note(2, NotificationState.SENT, old_us),
        note(3, NotificationState.PENDING, now_us), note(4, NotificationState.SENDING, now_us),
        note(5, NotificationState.PENDING, old_us), note(6, NotificationState.DEFERRED, old_us),
        note(7, NotificationState.HELD, old_us),
    ]  # fmt: skip
    with transaction(connection):
        for one in states:
            book_of(connection).put_notification(one)
        mark = mark_restored(connection, at_us=now_us, backup_us=now_us)
    found = {n: book.notification(f"n{n}") for n in range(1, 8)}
    assert [found[n].state for n in range(1, 8)] == [  # type: ignore[union-attr]
        "delivered", "sent", "sending", "sending", "cancelled", "cancelled", "cancelled",
    ]  # fmt: skip
    assert [found[n].repeat for n in (3, 4)] == [True, True]  # type: ignore[union-attr]
    assert (mark.unsent, mark.cancelled) == (2, 3)
    assert restored(connection) == mark
    connection.close()


def book_of(connection: sqlite3.Connection) -> Book:
    """Return the book behind ``connection``."""
    return Book(connection)
