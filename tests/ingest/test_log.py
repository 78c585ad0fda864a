"""The log: one order of offsets, read in stretches of any size, and nothing skipped."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from door import NOON_US, Door, message, value

from hub.errors import StoreUnavailableError
from hub.flow.handoff import Handoff
from hub.model.incident import ActionKind
from hub.store.database import open_database, transaction
from hub.store.log import Log

if TYPE_CHECKING:
    from pathlib import Path

S = 1_000_000


@pytest.fixture
def mixed(door: Door) -> Door:
    """A log of observations with control entries between them."""
    for seq in range(20):
        observations = [value(seq + n / 10, at_us=NOON_US + seq * S + n) for n in range(3)]
        door.put(message(seq, *observations))
        door.run()
        if seq % 4 == 0:
            door.log.append_control("tick", NOON_US, "watch", {"seq": seq})
    return door


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 1000])
def test_stretches_join_up(mixed: Door, limit: int) -> None:
    """Reading on from each end gives every entry once, whatever the limit."""
    offsets: list[int] = []
    position = 0
    while position < mixed.log.end():
        entries = mixed.log.read(position, limit)
        assert entries.end > position
        part = entries.batch.offset.tolist() + [c.offset for c in entries.controls]
        assert all(position < offset <= entries.end for offset in part)
        offsets += sorted(part)
        position = entries.end
    assert offsets == list(range(1, mixed.log.end() + 1))
    assert len(mixed.log.read(position, limit).batch) == 0


def test_columns_are_what_was_stored(mixed: Door) -> None:
    """A batch read back has the types and values of its observations."""
    batch = mixed.log.read(0, 1000).batch
    assert batch.result[:3].tolist() == [0.0, 0.1, 0.2]
    assert batch.received_us.tolist() == [NOON_US] * 60
    assert batch.slot.dtype.name == "int32"
    assert batch.message[:4].tolist() == [1, 1, 1, 2]


def test_nulls_come_back_as_nan(door: Door) -> None:
    """A null result is NaN in a batch."""
    door.put(message(1, value(None)))
    door.run()
    (result,) = door.log.read(0, 10).batch.result.tolist()
    assert result != result  # noqa: PLR0124  only NaN differs from itself


def test_action_keeps_what_was_done(door: Door) -> None:
    """An action comes back as it was appended, at its offset."""
    details = {"reason": "cleaning", "until_us": NOON_US}
    offset = door.log.append_action(
        ActionKind.MUTE, "gauge/stage", "li-wei", "cli", details, NOON_US
    )
    (action,) = door.log.actions(0, 10)
    assert (action.offset, action.kind, action.details) == (offset, ActionKind.MUTE, details)
    assert (action.target, action.by, action.via) == ("gauge/stage", "li-wei", "cli")
    assert door.log.actions(offset, 10) == []


def test_position_is_part_of_the_callers_transaction(tmp_path: Path) -> None:
    """A transaction that fails leaves the position, and takes back its offsets."""
    connection = open_database(tmp_path / "tocsin.db")
    log = Log(connection)
    with suppress(RuntimeError), transaction(connection):
        log.set_position("watch", 5)
        log.append_control("tick", 0, "watch", {})
        raise RuntimeError
    assert log.position("watch") == 0
    assert log.end() == 0
    with transaction(connection):
        log.set_position("watch", 5)
    assert log.position("watch") == 5


def test_newest_two_snapshots_are_kept(door: Door) -> None:
    """The newest snapshot is found, and old ones go."""
    for offset in (1, 2, 3):
        door.log.save_snapshot("watch", offset, NOON_US, bytes([offset]))
    assert door.log.newest_snapshot("watch") == (3, b"\3")
    assert door.log.newest_snapshot("other") is None
    (count,) = door.connection.execute("SELECT count(*) FROM snapshot").fetchone()
    assert count == 2


def test_deleting_is_bounded_and_keeps_what_ties_need(mixed: Door) -> None:
    """At most ``limit`` rows leave, oldest first; the newest time of a stream is kept."""
    assert mixed.log.delete_before(mixed.log.end() + 1, 7) == 7
    assert len(mixed.rows()) == 53
    assert mixed.log.delete_before(mixed.log.end() + 1, 1000) == 53
    mixed.intake.close()
    again = Door(mixed.database.parent)
    again.put(message(99, value(1.0, at_us=NOON_US + 19 * S + 2)))
    again.run()
    assert again.rows("tie") != [(0,)]


def test_control_entries_leave_with_their_time_and_acts_of_people_stay(mixed: Door) -> None:
    """A year of fits and ticks does not fill the disk; who did what is kept for ever."""
    kinds = ("fit", "tick", "state", "config", "moved", "restored")
    for kind in kinds:
        mixed.log.append_control(kind, NOON_US, "watch", {})
    mixed.log.append_action(ActionKind.NOTE, "i-1", "li", "cli", {"text": "x"}, NOON_US)
    kept = mixed.log.append_control("fit", NOON_US, "watch", {"slot": 0})
    mixed.log.delete_before(kept, 1000)
    found = mixed.connection.execute('SELECT kind FROM control ORDER BY "offset"').fetchall()
    assert [kind for (kind,) in found if kind in (*kinds, "action")] == [
        "config", "moved", "restored", "action", "fit",
    ]  # fmt: skip


def test_a_write_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """A full file is a store that is unavailable for now, not a crash."""
    connection = open_database(tmp_path / "tocsin.db")
    connection.execute("PRAGMA max_page_count = 1")
    with pytest.raises(StoreUnavailableError, match="full"):
        Log(connection).quarantine(received_us=0, door="mqtt", reason="x", payload=b"x" * 100_000)


def test_handoff_is_bounded(mixed: Door) -> None:
    """What does not fit is refused, to be read from the log; what fits comes in order."""
    batch = mixed.log.read(0, 1000).batch
    handoff = Handoff(largest_rows=100)
    assert handoff.offer(batch)
    assert not handoff.offer(batch)
    assert handoff.take() == [batch]
    assert handoff.offer(batch)
