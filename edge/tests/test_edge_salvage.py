"""A spool that a worn card or a power cut has hurt: the record that was hit, and no other."""

from __future__ import annotations

import random
import shutil
import sqlite3
from typing import TYPE_CHECKING

import pytest

from tocsin_edge.spool import Spool
from tocsin_edge.sums import draft_sum, is_draft, is_message, message_sum

if TYPE_CHECKING:
    from pathlib import Path

BOOT = "7f3a9c21d4e85b06"
COUNT = 60


def open_spool(folder: Path, boot: str = BOOT) -> Spool:
    """Open the spool in ``folder``."""
    return Spool(folder / "spool.db", boot=boot, max_bytes=10_000_000)


def waiting(spool: Spool) -> dict[int, str]:
    """Return what would be sent of the first boot, by number."""
    ids = [i for a in (True, False) for i in spool.waiting(alarming=a, below=2**62, most=999)]
    found = [spool.load(i) for i in ids]
    return {m.seq: m.obs for m in found if m is not None and m.boot == BOOT}


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """A spool as a killed node leaves it, half in its file and half in its log."""
    work = tmp_path / "work"
    work.mkdir()
    for half in range(2):
        spool = open_spool(work)
        for number in range(half * COUNT // 2, (half + 1) * COUNT // 2):
            spool.add([f'{{"ds":"stage","r":{number}}}'] * (1 + number % 9), alarming=number < 5)
            spool.commit()
        if half == 0:
            spool.close()
    shutil.copytree(work, tmp_path / "left")
    spool.close()
    return tmp_path / "left"


def test_a_flipped_bit_costs_one_message_at_most(left: Path, tmp_path: Path) -> None:
    """The node starts, sends nothing that was not spooled, and loses the hit message at most."""
    dice, whole, hit = random.Random(20261124), None, 0  # noqa: S311  chance, no secret
    for turn in range(120):
        shutil.rmtree(tmp_path / "hurt", ignore_errors=True)
        shutil.copytree(left, tmp_path / "hurt")
        if turn:
            file = tmp_path / "hurt" / dice.choice(["spool.db", "spool.db-wal"])
            content = bytearray(file.read_bytes())
            content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
            file.write_bytes(content)
        spool = open_spool(tmp_path / "hurt", "aaaaaaaaaaaaaaaa")
        sent = waiting(spool)
        spool.close()
        whole = sent if whole is None else whole
        assert all(whole[seq] == obs for seq, obs in sent.items())
        assert len(sent) >= COUNT - 1
        hit += len(sent) < COUNT
    assert len(whole or ()) == COUNT
    assert hit > 0


def test_a_torn_file_gives_back_what_is_readable(left: Path) -> None:
    """With its first page gone SQLite reads nothing; the messages come back all the same."""
    file = left / "spool.db"
    (left / "spool.db-wal").unlink()
    file.write_bytes(bytes(4096) + file.read_bytes()[4096:])
    spool = open_spool(left, "aaaaaaaaaaaaaaaa")
    assert len(waiting(spool)) == COUNT // 2
    spool.close()
    assert list(left.glob("spool.db.ruined-*"))


def test_a_spool_of_an_earlier_node_is_taken_over(tmp_path: Path) -> None:
    """Columns and sums that it lacks are added; what it held is sent."""
    with sqlite3.connect(tmp_path / "spool.db") as db:
        db.execute(
            "CREATE TABLE draft (id INTEGER PRIMARY KEY, boot TEXT NOT NULL, obs TEXT NOT NULL)"
        )
        db.execute("INSERT INTO draft (boot, obs) VALUES (?, ?)", (BOOT, '{"r":1}'))
    spool = open_spool(tmp_path)
    (message,) = spool.pack(10)
    assert message.obs == '[{"r":1}]'
    spool.close()


def test_sums_cover_all_that_is_sent() -> None:
    """Another boot, number, alarm, count or text is another sum."""
    row = (BOOT, 7, 1, 2, message_sum(BOOT, 7, True, 2, "[1,2]"), "[1,2]")
    assert is_message(row)
    for place, other in enumerate(("aa", 8, 0, 3, 5, "[1,3]")):
        assert not is_message((*row[:place], other, *row[place + 1 :]))
    assert is_draft(BOOT, "{}", draft_sum(BOOT, "{}"))
    assert not is_draft(BOOT, "{ }", draft_sum(BOOT, "{}"))
