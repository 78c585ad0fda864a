"""The faults below the hub are real ones, and what they must find they do find."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

import hub
from ordeal.rows.fsync_error import Hurt
from ordeal.rows.nth_write import Stage
from ordeal.rows.power_cut import Account, Recorder, cut_many
from ordeal.shim.build import Orders, build, unable
from ordeal.shim.forge import Forge
from ordeal.shim.phones import phones
from ordeal.shim.powercut import Disk
from ordeal.shim.writelog import Step, read_steps, sworn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ordeal.shim.phones import Phones

pytestmark = pytest.mark.skipif(bool(unable()), reason=f"not proven here: {unable()}")

WRITER: Final = """
import sqlite3, sys
from pathlib import Path
folder = Path(sys.argv[1])
db = sqlite3.connect(folder / "some.db", isolation_level=None)
db.execute("PRAGMA journal_mode=WAL")
db.execute("PRAGMA synchronous=FULL")
db.execute("CREATE TABLE IF NOT EXISTS t (a)")
for n in range(20):
    db.execute("INSERT INTO t VALUES (?)", (n,))
    with open(folder / "witness", "a") as file:
        file.write('{"n": %d}\\n' % n)
"""


def seeded(seed: int) -> random.Random:
    """Return dice that fall as they did the last time."""
    return random.Random(seed)  # noqa: S311  chance, no secret


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shim, compiled once."""
    return build(tmp_path_factory.mktemp("shim"))


@pytest.fixture
def sms(tmp_path: Path) -> Iterator[Phones]:
    """A provider that plays the phones."""
    with phones(tmp_path) as found:
        yield found


def write(folder: Path, shim: Path, **orders: object) -> subprocess.CompletedProcess[str]:
    """Let a small program write rows under ``orders``."""
    told = Orders(under=folder, **orders)  # type: ignore[arg-type]
    return subprocess.run(
        [sys.executable, "-c", WRITER, str(folder)],
        env={"PATH": "/usr/bin:/bin", **told.environment(shim)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def rows_in(folder: Path) -> list[int]:
    """Return what the program wrote."""
    with closing(sqlite3.connect(folder / "some.db")) as db:
        return [n for (n,) in db.execute("SELECT a FROM t ORDER BY a")]


def test_it_kills_at_the_step_that_was_ordered(tmp_path: Path, shim: Path) -> None:
    """Every step has its kill; one more step is never less on disk."""
    before = -1
    for at in range(30, 70, 8):
        folder = tmp_path / str(at)
        folder.mkdir()
        assert write(folder, shim, kill_at=at).returncode == -9
        rows = rows_in(folder)
        assert rows == list(range(len(rows)))
        assert len(rows) >= before
        before = len(rows)
    assert before > 3


def test_a_full_disk_takes_nothing_until_there_is_room(tmp_path: Path, shim: Path) -> None:
    """From the N-th step on nothing grows; without the control file everything goes on."""
    full = tmp_path.parent / f"{tmp_path.name}.full"
    said = write(tmp_path, shim, full=full, full_at=40)
    assert "disk is full" in said.stderr
    rows = rows_in(tmp_path)
    assert 0 < len(rows) < 20
    full.unlink()
    assert write(tmp_path, shim, full=full).returncode == 0
    assert len(rows_in(tmp_path)) == len(rows) + 20


def test_a_sync_that_fails_once_or_for_ever(tmp_path: Path, shim: Path) -> None:
    """The N-th sync says EIO, and only that one if once was ordered."""
    eio = tmp_path.parent / f"{tmp_path.name}.eio"
    assert "disk I/O error" in write(tmp_path, shim, eio=eio, eio_at=12, eio_once=True).stderr
    assert not eio.exists()
    rows = rows_in(tmp_path)
    assert "disk I/O error" in write(tmp_path, shim, eio=eio, eio_at=5).stderr
    assert eio.exists()
    eio.unlink()
    assert write(tmp_path, shim).returncode == 0
    assert len(rows_in(tmp_path)) >= len(rows) + 20


def test_the_write_log_makes_the_files_again(tmp_path: Path, shim: Path) -> None:
    """Played to its end, with all kept, the log is the folder byte by byte."""
    log = tmp_path.parent / f"{tmp_path.name}.steps"
    assert write(tmp_path, shim, record=log, names=("some.db",)).returncode == 0
    steps, disk = read_steps(log), Disk()
    for step in steps:
        disk.play(step)
    kept = disk.cut("kept", seeded(1))
    assert kept == {name: (tmp_path / name).read_bytes() for name in kept}
    assert "some.db" in kept
    assert [entry["n"] for _, entry in sworn(steps)] == list(range(20))


def test_what_was_never_synced_is_gone_after_a_cut() -> None:
    """Written and synced stays, written alone goes, and a failed sync keeps nothing."""
    disk = Disk()
    for kind, offset, data in (("W", 0, b"a" * 10), ("S", 0, b""), ("W", 4, b"b"), ("E", 0, b"")):
        disk.play(Step(kind, "f", offset, data))
    assert disk.cut("lost", seeded(1)) == {"f": b"a" * 10}
    assert disk.cut("kept", seeded(1)) == {"f": b"aaaabaaaaa"}
    disk.play(Step("S", "f", 0, b""))
    assert disk.cut("lost", seeded(1)) == {"f": b"a" * 10}, "it was taken for written"
    disk.play(Step("W", "f", 5, b"c"))
    disk.play(Step("S", "f", 0, b""))
    assert disk.cut("lost", seeded(1)) == {"f": b"aaaabcaaaa"}, "its page was written again"


def test_a_removal_is_in_doubt_until_a_sync() -> None:
    """A file that was removed may be back after a cut, with what it had."""
    disk = Disk({"f": b"1", "g": b"2"})
    disk.play(Step("U", "f", 0, b""))
    assert disk.cut("lost", seeded(1)) == {"f": b"1", "g": b"2"}
    assert disk.cut("kept", seeded(1)) == {"g": b"2"}
    disk.play(Step("S", "g", 0, b""))
    assert disk.cut("lost", seeded(1)) == {"g": b"2"}


def test_torn_sectors_mix_old_and_new() -> None:
    """Of a large write some sectors are on the disk and some are not."""
    disk = Disk({"f": bytes(8192)})
    disk.play(Step("W", "f", 100, b"x" * 8000))
    seen = Counter(disk.cut("torn", seeded(n))["f"].count(b"x") for n in range(50))
    assert len(seen) > 10


@pytest.mark.parametrize(("planted", "expected"), [("", 0), ("NORMAL", 1)])
def test_power_cuts_find_a_hub_that_does_not_sync(
    tmp_path: Path, shim: Path, sms: Phones, planted: str, expected: int
) -> None:
    """With synchronous=NORMAL receipts are lost by the same cuts that the hub as it is passes."""
    instead = "PRAGMA synchronous=FULL", f"PRAGMA synchronous={planted}"
    first = (plant(tmp_path / "planted", "store/database.py", *instead),) if planted else ()
    dice, account = seeded(5), Account()
    with Forge(shim, "hub", tmp_path, first=first) as forge:
        recorder = Recorder(tmp_path / "life", forge, sms)
        recorded = recorder.record(dice, kills=1)
        cut_many(recorded, recorder, account, dice, time.monotonic() + 4.0)
    assert account.cuts.total() > 30
    assert bool(account.total["lost"]) == bool(expected), account.wrong[:5]
    assert bool(account.wrong) == bool(expected), account.wrong[:5]


def plant(folder: Path, name: str, old: str, new: str) -> Path:
    """Return a folder with a copy of the hub in which ``old`` is ``new``."""
    package = Path(hub.__file__).parent
    shutil.copytree(package, folder / "hub", ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / "hub" / name
    text = file.read_text("utf-8")
    assert text.count(old) == 1, f"the fault no longer fits: {old!r}"
    file.write_text(text.replace(old, new), "utf-8")
    return folder


@pytest.mark.parametrize("planted", [False, True])
def test_a_failed_sync_then_a_kill_then_a_cut(
    tmp_path: Path, shim: Path, sms: Phones, planted: bool
) -> None:
    """What the system takes for written and is not is written again by the next hub's start."""
    again = "at += os.pwrite(number, piece, at)", "at += len(piece)"
    first: tuple[Path, ...] = ()
    if planted:
        first = (plant(tmp_path / "planted", "store/sure.py", *again),)
    dice, wrong = seeded(1), []
    with Forge(shim, "hub", tmp_path, first=first) as forge:
        for turn, at in enumerate((19, 22, 25, 28)):
            hurt = Hurt(tmp_path / f"hurt-{turn}", forge, sms)
            assert hurt.live(at, 1)
            wrong += [words for _, words in hurt.cut(dice) if words]
    assert bool(wrong) == planted, wrong[:3]


def test_a_kill_at_any_write_misses_nobody(tmp_path: Path, shim: Path, sms: Phones) -> None:
    """A few of the steps that the whole row takes all of: nothing lost, everybody told."""
    with Forge(shim, "hub", tmp_path) as forge:
        stage = Stage(tmp_path / "life", forge, sms)
        steps = stage.whole()
        assert steps > 300
        for at in seeded(3).sample(range(1, steps), 6):
            found = stage.killed_at(at, tear=at % 2 == 1)
            assert found is not None
            assert (found.wrong, found.lost, found.twice, found.changed) == ([], 0, 0, 0)
            assert found.notified == found.incidents == 4
            assert found.duplicates <= 1
