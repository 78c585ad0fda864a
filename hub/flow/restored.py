"""Says once, to the hub's operator and on the board, that the hub goes on from a backup."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hub.clock import from_us
from hub.flow.record import record
from hub.model.network import Severity
from hub.model.transition import Change, Evidence, Kind, Transition
from hub.store.database import transaction
from hub.store.restored import put, restored

if TYPE_CHECKING:
    import sqlite3

    from hub.flow.desk import Desk
    from hub.store.book import Book
    from hub.store.restored import Restored


def tell(connection: sqlite3.Connection, book: Book, desk: Desk, now_us: int) -> bool:
    """Raise the condition that the hub was restored, unless it was; say whether it was news."""
    with transaction(connection):
        mark = restored(connection)
        if mark is None or mark.told:
            return False
        record(book, desk, [transition_of(mark, now_us)], now_us, mutes=())
        put(connection, replace(mark, told=True))
    return True


def transition_of(mark: Restored, now_us: int) -> Transition:
    """Return the condition; a person ends it."""
    made = from_us(mark.backup_us)
    zh = f"已从{made.month}月{made.day}日{made:%H:%M}（UTC）备份恢复"
    return Transition(
        key=f"restored:{mark.at_us}",
        change=Change.RAISED,
        kind=Kind.HUB,
        severity=Severity.MODERATE,
        time_us=now_us,
        offset=0,
        slot=-1,
        evidence=Evidence(
            detector="restore",
            words_en=(
                f"restored, backup of {made:%d %b %H:%M} UTC; "
                f"{mark.open} open, {mark.cancelled} pages dropped"
            ),
            words_zh=f"{zh}，未结{mark.open}起，弃发{mark.cancelled}条",
            parameters={
                "backup_us": mark.backup_us,
                "restored_us": mark.at_us,
                "unsent_pages": mark.unsent,
                "cancelled_pages": mark.cancelled,
                "open_incidents": mark.open,
            },
        ),
    )
