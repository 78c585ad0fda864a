"""The loss ledger: what came, what is missing, what was evicted - also across kills."""

from __future__ import annotations

from typing import TYPE_CHECKING

from door import BOOT, NOON_US, Door, message, value

from hub.store.losses import HOUR_US, KEPT_HOURS, Counts, Losses, union

if TYPE_CHECKING:
    from pathlib import Path

HOUR = NOON_US // HOUR_US


def ledger(door: Door, node: str = "gauge") -> Counts:
    """Return the sums of one node, with everything that waits written first."""
    door.clock.advance(11)
    door.intake.step()
    found = {c.node: c for c in Losses(door.connection).totals(HOUR - 1, HOUR + 30)}
    return found.get(node, Counts(hour=HOUR, node=node))


def test_messages_are_counted_by_node_and_hour(tmp_path: Path) -> None:
    """Each new message counts once, in the hour it came."""
    door = Door(tmp_path)
    for seq in range(3):
        door.put(message(seq))
    door.put(message(0, boot="0" * 16), node="other")
    door.run()
    door.clock.advance(3600)
    door.put(message(3))
    door.run()
    door.clock.advance(11)
    door.intake.step()
    rows = Losses(door.connection).between(HOUR, HOUR + 2)
    assert [(r.hour, r.node, r.received) for r in rows] == [
        (HOUR + 1, "gauge", 1), (HOUR, "gauge", 3), (HOUR, "other", 1),
    ]  # fmt: skip
    assert [r.node for r in Losses(door.connection).between(HOUR, HOUR + 2, "other")] == ["other"]


def test_a_gap_is_missing_until_it_is_filled(tmp_path: Path) -> None:
    """Numbers passed over are missing; each that comes later is taken off."""
    door = Door(tmp_path)
    door.put(message(0))
    door.put(message(5))
    door.run()
    assert ledger(door).missing == 4
    for seq in (4, 2):
        door.put(message(seq))
    door.run()
    assert ledger(door).missing == 2
    for seq in (1, 3):
        door.put(message(seq))
    door.run()
    assert ledger(door).missing == 0
    assert door.connection.execute("SELECT count(*) FROM sequence_gap").fetchone() == (0,)


def test_what_a_node_still_holds_is_missing_from_the_start(tmp_path: Path) -> None:
    """The first message heard of a start says by ``low`` what is still to come."""
    door = Door(tmp_path)
    door.put(message(9, low=7))
    door.run()
    assert ledger(door).missing == 2


def test_what_was_evicted_is_not_missing(tmp_path: Path) -> None:
    """Ranges that a node says are gone are counted once, and no longer waited for."""
    door = Door(tmp_path)
    door.put(message(0))
    door.put(message(10, gone=[[2, 4], [7, 7]]))
    door.put(message(11, gone=[[2, 4], [7, 7]]))
    door.put(message(12, gone=[[2, 5], [7, 7]]))
    door.run()
    counts = ledger(door)
    assert (counts.evicted, counts.missing) == (5, 4)
    spans = door.connection.execute("SELECT low, high FROM gone_range ORDER BY low").fetchall()
    assert spans == [(2, 5), (7, 7)]


def test_nonsense_about_what_is_gone_costs_no_observation(tmp_path: Path) -> None:
    """``gone`` and ``low`` are a node's own claims: unreadable ones are passed over."""
    door = Door(tmp_path)
    claims = ["x", [[1]], [[5, 2]], [[-3, 1]], [[0, 2**62]], {"a": 1}, None, [[0, 1e300]]]
    for seq, gone in enumerate(claims):
        door.put(message(seq, gone=gone, low=gone))
    door.run()
    assert len(door.rows()) == len(claims)
    assert ledger(door).evicted == 0


def test_late_duplicate_and_set_aside_are_counted(tmp_path: Path) -> None:
    """Old observations, repeated messages and rows of the quarantine have columns of their own."""
    door = Door(tmp_path)
    door.put(message(0, value(at_us=NOON_US - 3 * 3_600_000_000), late=True))
    door.put(message(1))
    door.put(message(1))
    door.put(message(2, {"ds": "stage", "r": "high"}))
    door.put(b"nonsense")
    door.put(b"nonsense", node="nobody-knows")
    door.run()
    counts = ledger(door)
    assert (counts.received, counts.late, counts.duplicates) == (3, 1, 1)
    assert counts.quarantined == 2


def test_a_refused_number_is_not_missing(tmp_path: Path) -> None:
    """A whole message in quarantine is accounted for there."""
    door = Door(tmp_path)
    door.put(message(0))
    door.put(message(1, v=9))
    door.put(message(2))
    door.run()
    counts = ledger(door)
    assert (counts.missing, counts.quarantined) == (0, 1)


def test_what_was_asked_for_again_is_counted(tmp_path: Path) -> None:
    """Each message in a ``want`` counts for its node."""
    door = Door(tmp_path)
    door.put(message(0))
    door.run()
    door.intake.ask_again("gauge", BOOT, 3, 7)
    door.intake.step()
    assert ledger(door).asked == 5


def test_a_kill_loses_no_count(tmp_path: Path) -> None:
    """Counts that were only in memory are counted from the log at the next start, once."""
    door = Door(tmp_path)
    door.put(message(0))
    door.run()
    ledger(door)
    for seq in range(1, 8):
        old = {"at_us": NOON_US - 3_600_000_000} if seq == 3 else {}
        door.put(message(seq, value(**old)))
    door.run()
    door.intake._connection.close()  # killed: nothing is flushed
    for _ in range(2):
        door = Door(tmp_path)
        found = {c.node: c for c in Losses(door.connection).totals(HOUR, HOUR + 1)}
        assert (found["gauge"].received, found["gauge"].late) == (8, 1)


def test_hours_leave_after_a_month(tmp_path: Path) -> None:
    """The ledger is bounded: what is older than 31 days is removed."""
    door = Door(tmp_path)
    door.put(message(0))
    door.put(message(5))
    door.run()
    ledger(door)
    door.clock.advance((KEPT_HOURS + 2) * 3600)
    door.put(message(6))
    door.run()
    ledger(door)
    assert [r.hour for r in Losses(door.connection).between(0, 2 * HOUR)] == [HOUR + KEPT_HOURS + 2]
    assert door.connection.execute("SELECT count(*) FROM sequence_gap").fetchone() == (0,)


def test_union_joins_what_touches() -> None:
    """Ranges that overlap or touch become one."""
    assert union([(5, 6), (1, 2), (3, 3), (9, 9), (6, 7)]) == [(1, 3), (5, 7), (9, 9)]
