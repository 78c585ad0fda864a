"""The spool loses nothing but by counted eviction, whatever happens in whatever order."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin_edge.errors import SpoolError
from tocsin_edge.spool import Spool
from tocsin_edge.sums import OVERHEAD_BYTES

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 12 * (OVERHEAD_BYTES + 20)

steps = st.lists(
    st.one_of(
        st.tuples(st.just("hold"), st.integers(0, 999)),
        st.tuples(st.just("alarm"), st.integers(0, 999)),
        st.tuples(st.just("pack"), st.integers(1, 4)),
        st.tuples(st.just("receipt"), st.integers(1, 40)),
        st.tuples(st.just("refuse"), st.integers(1, 40)),
        st.tuples(st.just("want"), st.integers(1, 40)),
        st.tuples(st.just("commit"), st.just(0)),
        st.tuples(st.just("kill"), st.just(0)),
    ),
    max_size=80,
)


class Account:
    """What must be true, kept apart from the spool; ``sure`` is what is on disk."""

    def __init__(self) -> None:
        self.open: dict[tuple[str, int], bool] = {}
        self.sure: dict[tuple[str, int], bool] = {}
        self.held = 0
        self.sure_held = 0
        self.lost = 0


def apply(spool: Spool, account: Account, step: str, n: int) -> None:
    """Do one step to both."""
    if step == "commit":
        commit(spool, account)
    elif step in ("hold", "alarm", "pack"):
        come_in(spool, account, step, n)
    else:
        hear(spool, account, step, n)


def come_in(spool: Spool, account: Account, step: str, n: int) -> None:
    """Take in readings."""
    if step == "hold":
        spool.hold(json.dumps({"r": n}))
        account.held += 1
    elif step == "alarm":
        m = spool.add([json.dumps({"r": n})], alarming=True)
        account.open[m.boot, m.seq] = True
    elif step == "pack":
        for m in spool.pack(n):
            account.open[m.boot, m.seq] = False
        account.held = 0


def hear(spool: Spool, account: Account, step: str, n: int) -> None:
    """Do what a hub says."""
    if step == "receipt":
        spool.receipted(spool.boot, (n - 3, n))
        for seq in range(n - 3, n + 1):
            account.open.pop((spool.boot, seq), None)
    elif step == "refuse":
        spool.set_aside(spool.boot, n, "refused")
        account.open.pop((spool.boot, n), None)
    elif step == "want":
        for id_ in range(spool.wanted(spool.boot, (n, n))):
            account.open[spool.boot, n + id_] = False


def commit(spool: Spool, account: Account) -> None:
    """Commit, and take off the account what the spool says it evicted."""
    for loss in spool.commit():
        account.open.pop((loss.boot, loss.seq), None)
        account.lost += 1
    account.sure, account.sure_held = dict(account.open), account.held


def waiting(file: Path) -> set[tuple[str, int]]:
    """Return what waits on disk, seen from outside."""
    with sqlite3.connect(file) as db:
        return set(db.execute("SELECT boot, seq FROM message WHERE status = 0"))


@settings(max_examples=60, deadline=None)
@given(steps=steps)
def test_nothing_unreceipted_leaves_but_by_counted_eviction(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    """After any steps and kills: what waits is what was committed, less what was counted."""
    file = tmp_path_factory.mktemp("spool") / "spool.db"
    account = Account()
    spool = Spool(file, boot="00", max_bytes=MAX_BYTES)
    for number, (step, n) in enumerate(steps):
        if step == "kill":
            spool.close()
            account.open, account.held = dict(account.sure), account.sure_held
            spool = Spool(file, boot=f"{number:02x}f", max_bytes=MAX_BYTES)
        else:
            apply(spool, account, step, n)
    commit(spool, account)
    assert waiting(file) == set(account.open)
    assert spool.counter("evicted") == account.lost
    assert spool.used_bytes() <= MAX_BYTES
    spool.close()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """A spool with room for about a dozen messages."""
    return Spool(tmp_path / "spool.db", boot="aa", max_bytes=MAX_BYTES)


def fill(spool: Spool, n: int, *, alarming: bool = False) -> list[int]:
    """Add ``n`` messages of equal size; return their numbers."""
    return [spool.add(['{"r":1000}'], alarming=alarming).seq for _ in range(n)]


def test_receipted_leave_first_then_routine_then_alarming(spool: Spool) -> None:
    """Space is made from what is settled, then oldest routine, and alarming last of all."""
    fill(spool, 2, alarming=True)
    fill(spool, 4)
    fill(spool, 2)
    spool.receipted("aa", (7, 8))
    while not spool.gone("aa"):
        fill(spool, 1)
    assert spool.gone("aa") == [(3, 3)]
    while spool.gone("aa") == [(3, 3)]:
        fill(spool, 1)
    assert spool.gone("aa") == [(3, 4)]
    fill(spool, 40, alarming=True)
    assert spool.gone("aa")[-1][1] > 20


def test_gone_is_told_until_the_hub_knows(spool: Spool) -> None:
    """Evicted numbers below ``low`` are named until a message naming them was receipted."""
    fill(spool, 20)
    gone = spool.gone("aa")
    assert gone == [(1, spool.low("aa") - 1)]
    spool.told("aa", gone)
    assert spool.gone("aa") == []
    fill(spool, 1)
    assert spool.gone("aa") == [(1, spool.low("aa") - 1)]


def test_low_is_the_oldest_number_still_held(spool: Spool) -> None:
    """Receipted messages are still held for ``want``; an empty boot says what comes next."""
    assert spool.low("aa") == 1
    fill(spool, 3)
    spool.receipted("aa", (1, 2))
    assert spool.low("aa") == 1
    assert spool.wanted("aa", (1, 9)) == 2


def test_a_flipped_bit_is_set_aside_not_sent(spool: Spool, tmp_path: Path) -> None:
    """A record whose checksum fails never becomes a reading."""
    message = spool.add(['{"r":1000}'])
    spool.commit()
    with sqlite3.connect(tmp_path / "spool.db") as db:
        db.execute("""UPDATE message SET obs = '[{"r":9000}]'""")
    assert spool.load(message.id) is None
    assert spool.counter("aside") == 1


def test_ruined_file_is_put_beside(tmp_path: Path) -> None:
    """A spool that is no database any more is kept for later and does not stop the node."""
    file = tmp_path / "spool.db"
    file.write_bytes(b"not a database at all" * 100)
    spool = Spool(file, boot="aa", max_bytes=MAX_BYTES)
    fill(spool, 1)
    spool.commit()
    assert (tmp_path / "spool.db.ruined-1").read_bytes().startswith(b"not a database")


def test_full_disk_keeps_nothing_half(tmp_path: Path) -> None:
    """When the disk takes no more, the commit fails whole and the next one works again."""
    spool = Spool(tmp_path / "spool.db", boot="aa", max_bytes=10_000_000)
    fill(spool, 1)
    spool.commit()
    pages = spool._db.execute("PRAGMA page_count").fetchone()[0]
    spool._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(SpoolError, match="full"):
        spool.add(['{"r":"' + "x" * 100_000 + '"}'])
    spool.rollback()
    spool._db.execute("PRAGMA max_page_count = 100000")
    assert spool.queue() == 1
    assert fill(spool, 1) == [2]
    spool.commit()


def test_held_readings_survive_into_a_message_of_their_own_boot(tmp_path: Path) -> None:
    """What was on disk but in no message goes out later under the boot that read it."""
    first = Spool(tmp_path / "spool.db", boot="aa", max_bytes=MAX_BYTES)
    first.hold('{"r":1}')
    first.commit()
    first.close()
    second = Spool(tmp_path / "spool.db", boot="bb", max_bytes=MAX_BYTES)
    second.hold('{"r":2}')
    assert [(m.boot, m.seq, m.obs) for m in second.pack(10)] == [
        ("aa", 1, '[{"r":1}]'),
        ("bb", 1, '[{"r":2}]'),
    ]


def test_unusable_folder_is_said(tmp_path: Path) -> None:
    """A spool nobody can open is an error in words."""
    with pytest.raises(SpoolError, match="cannot be opened"):
        Spool(tmp_path / "nowhere" / "spool.db", boot="aa", max_bytes=MAX_BYTES)


def test_held_names_each_start_that_left_something(tmp_path: Path) -> None:
    """The newest starts come first, with the numbers still there, whatever became of them."""
    for boot, count in (("a" * 16, 3), ("b" * 16, 1), ("c" * 16, 0)):
        made = Spool(tmp_path / "held.db", boot=boot, max_bytes=1_000_000)
        for _ in range(count):
            made.add(["{}"])
        made.receipted(boot, (1, 2))
        made.commit()
        found = made.held(20)
        assert made.held(1) == found[:1]
        made.close()
    assert found == [("b" * 16, 1, 1), ("a" * 16, 1, 3)]
