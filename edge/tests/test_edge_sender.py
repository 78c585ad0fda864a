"""What goes next: alarming first, live never starved, old ones newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tocsin_edge.config import SendSettings
from tocsin_edge.message import Receipt
from tocsin_edge.sender import Sender
from tocsin_edge.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SETTINGS = SendSettings(resend_s=10, resend_max_s=40, in_flight=4, tries=2)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """An empty spool."""
    made = Spool(tmp_path / "spool.db", boot="aa", max_bytes=1_000_000)
    yield made
    made.close()


def add(spool: Spool, n: int, *, alarming: bool = False) -> list:
    """Spool ``n`` messages."""
    return [spool.add(['{"r":1}'], alarming=alarming) for _ in range(n)]


def numbers(parcels: list) -> list[int]:
    """Return the numbers of what is sent, in order."""
    return [parcel.message.seq for parcel in parcels]


def got(*spans: tuple[int, int]) -> Receipt:
    """Return a receipt for ranges."""
    return Receipt(boot="aa", got=spans)


def test_after_an_outage_alarming_then_newest_first(spool: Spool) -> None:
    """Of what waited, alarming messages go before routine ones, each newest first."""
    add(spool, 2)
    add(spool, 2, alarming=True)
    add(spool, 2)
    sender = Sender(spool, SETTINGS)
    assert numbers(sender.take(0.0)) == [4, 3, 6, 5]
    sender.settle(got((3, 6)))
    assert numbers(sender.take(1.0)) == [2, 1]


def test_live_messages_go_in_their_order(spool: Spool) -> None:
    """Messages of a working link arrive as they were made."""
    sender = Sender(spool, SETTINGS)
    sender.fresh(add(spool, 3))
    parcels = sender.take(0.0)
    assert numbers(parcels) == [1, 2, 3]
    assert not any(parcel.late for parcel in parcels)


def test_backlog_does_not_starve_live_ones_nor_they_it(spool: Spool) -> None:
    """While a backlog drains, live messages still get most of the turns."""
    add(spool, 100)
    sender = Sender(spool, SETTINGS)
    sent: list[int] = []
    for second in range(40):
        sender.fresh(add(spool, 1))
        taken = numbers(sender.take(float(second)))
        sent += taken
        sender.settle(got((1, 1000)) if not taken else got(*((n, n) for n in taken)))
    live = [n for n in sent if n > 100]
    assert live == sorted(live)
    assert len(live) >= 38
    assert len(sent) - len(live) >= 80


def test_alarming_goes_at_once_past_a_full_window(spool: Spool) -> None:
    """A live alarming message waits for nobody's receipt."""
    sender = Sender(spool, SETTINGS)
    sender.fresh(add(spool, 6))
    assert len(sender.take(0.0)) == 4
    sender.fresh(add(spool, 1, alarming=True))
    assert numbers(sender.take(1.0)) == [7]


def test_resend_backs_off_and_narrows(spool: Spool) -> None:
    """Without receipts the same message goes again later and later, one at a time."""
    sender = Sender(spool, SETTINGS)
    sender.fresh(add(spool, 1))
    times = [now for now in range(200) for _ in sender.take(float(now))]
    assert times == [0, 10, 30, 70, 110, 150, 190]


def test_silent_hub_is_not_flooded(spool: Spool) -> None:
    """While no receipt comes, hardly more goes out than probes of what waits."""
    sender = Sender(spool, SETTINGS)
    sent = 0
    for second in range(600):
        sender.fresh(add(spool, 1))
        sent += len(sender.take(float(second)))
    assert sent < 100


def test_unanswered_among_answered_is_set_aside(spool: Spool) -> None:
    """After its tries, a message is given up only if later ones got their receipts."""
    sender = Sender(spool, SETTINGS)
    sender.fresh(add(spool, 1))
    given_up = []
    for second in range(200):
        if second % 5 == 0:
            sender.fresh(add(spool, 1))
        for number in numbers(sender.take(float(second))):
            if number != 1:
                sender.settle(got((number, number)))
        given_up += sender.unanswerable()
    assert given_up == [("aa", 1)]
    assert spool.counter("aside") == 1
    assert sender.settle(got((1, 1))).got == [1]


def test_gone_ranges_are_told_by_a_receipted_message(tmp_path: Path) -> None:
    """What a message said was gone is settled with its receipt."""
    spool = Spool(tmp_path / "small.db", boot="aa", max_bytes=500)
    sender = Sender(spool, SETTINGS)
    sender.fresh(add(spool, 10))
    (first, *_) = parcels = sender.take(0.0)
    assert first.gone == [(1, spool.low("aa") - 1)]
    sender.settle(got(*((p.message.seq, p.message.seq) for p in parcels)))
    assert spool.gone("aa") == []


def test_duplicate_receipt_changes_nothing(spool: Spool) -> None:
    """A receipt may come twice, late, or for numbers the node never used."""
    sender = Sender(spool, SETTINGS)
    sender.fresh(add(spool, 2))
    sender.take(0.0)
    assert sender.settle(got((1, 2))).got == [1, 2]
    assert sender.settle(got((1, 2), (50, 90))).got == []
    assert sender.settle(Receipt(boot="zz", got=((1, 2),), refused=((1, "x"),))).refused == []
