"""A node under another site: kept, receipted, told of, and taken once a person says so."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from door import BOOT, NOON_US, Door, Mapping, message, value

from hub.detect.stack import Stack
from hub.flow.memory import DECIDING
from hub.model.observation import Lateness
from hub.model.transition import Change, Kind

if TYPE_CHECKING:
    from pathlib import Path

S = 1_000_000
HOUR_S = 3600


@pytest.fixture
def door(tmp_path: Path) -> Door:
    """An intake that knows the node ``gauge`` of ``qingxi``."""
    door = Door(tmp_path)
    door.put(message(1))
    door.run()
    door.receipts()
    return door


def stranger(seq: int, **more: object) -> bytes:
    """Return a message whose observation was made at ``seq`` seconds after noon."""
    return message(seq, value(float(seq), at_us=NOON_US + seq * S), **more)


def move(door: Door, site: str = "elsewhere") -> None:
    """Let the node speak from ``site`` and intake see it."""
    door.log.move_node("gauge", site, "gao", door.clock.now_us())
    for _ in range(3):
        door.run()


def test_a_stranger_is_receipted_since_it_is_on_disk(door: Door) -> None:
    """What is in quarantine until a person decides is got, never refused."""
    door.put(stranger(2), site="elsewhere")
    door.run()
    (receipt,) = door.receipts()
    assert (receipt["got"], receipt["refused"]) == ([[2, 2]], [])
    assert door.reasons() == ["site: node gauge belongs to qingxi"]
    assert len(door.rows()) == 1


def test_acceptance_takes_what_was_kept_once(door: Door) -> None:
    """Every kept message is stored with its number and arrival, exactly once."""
    for seq in (2, 3, 4):
        door.put(stranger(seq), site="elsewhere")
    door.run()
    door.clock.advance(HOUR_S)
    move(door)
    assert door.rows() == [(NOON_US, 1.0)] + [(NOON_US + n * S, float(n)) for n in (2, 3, 4)]
    stored = door.connection.execute("SELECT boot, seq, received_us FROM message ORDER BY seq")
    assert stored.fetchall() == [(BOOT, seq, NOON_US) for seq in (1, 2, 3, 4)]
    assert {row.retaken_us for row in door.log.quarantined(9)} == {door.clock.now_us()}
    move(door)
    door.put(stranger(3), site="elsewhere")
    door.run()
    assert len(door.rows()) == 4


def test_what_was_kept_for_long_is_history(door: Door) -> None:
    """Kept observations are judged by when they are taken: no detector sees them as live."""
    door.put(stranger(2), site="elsewhere")
    door.run()
    door.clock.advance(HOUR_S)
    move(door)
    assert door.rows("lateness")[1:] == [(Lateness.BACKFILL,)]
    assert door.controls("clock") == []


def test_a_hub_killed_before_taking_takes_on_its_start(door: Door, tmp_path: Path) -> None:
    """The decision is on disk: the next intake takes what waits, and only once."""
    door.put(stranger(2), site="elsewhere")
    door.run()
    door.log.move_node("gauge", "elsewhere", "gao", NOON_US)
    for _ in range(2):
        door.intake.close()
        door = Door(tmp_path)
        door.run()
        door.run()
        assert len(door.rows()) == 2


def test_a_kept_message_that_cannot_be_read_stays_with_its_reason(door: Door) -> None:
    """Acceptance of a node does not lose what is wrong with its messages."""
    door.put(stranger(2, v=9), site="elsewhere")
    door.put(stranger(3), site="elsewhere")
    door.run()
    move(door)
    assert [row[1] for row in door.rows()] == [1.0, 3.0]
    unread = [row for row in door.log.quarantined(9) if row.retaken_us is None]
    assert [(row.seq, row.reason.split(":")[0]) for row in unread] == [(2, "version 9")]
    move(door, "third")
    move(door)
    assert len(door.log.quarantined(9)) == 2


def test_a_retained_stranger_is_never_taken(door: Door) -> None:
    """A retained observation is never live data, whoever accepts its node."""
    door.put(stranger(2), site="elsewhere", retain=True)
    door.run()
    move(door)
    assert len(door.rows()) == 1


def test_another_site_than_the_accepted_one_stays_aside(door: Door) -> None:
    """Only what came from the site that the person named is taken."""
    door.put(stranger(2), site="elsewhere")
    door.put(stranger(3), site="third")
    door.run()
    move(door)
    assert [row[1] for row in door.rows()] == [1.0, 2.0]


def test_a_foreign_payload_is_taken_too(tmp_path: Path) -> None:
    """A payload without a number of its own gets one when it is taken, once."""
    mapping = Mapping(
        topic="lab/+/+", kind="flat", site="{1}", node="{2}",
        names={"stage": "stage"}, units={"stage": "m"},
    )  # fmt: skip
    door = Door(tmp_path, mappings=[mapping])
    for topic in ("lab/qingxi/gauge", "lab/elsewhere/gauge"):
        door.put(json.dumps({"stage": 1.5}).encode(), topic=topic)
    door.run()
    assert len(door.rows()) == 1
    move(door)
    move(door)
    assert len(door.rows()) == 2


def test_a_stranger_is_told_once_until_decided(door: Door) -> None:
    """The log says it once, however much the node sends, and again after a decision."""
    for seq in (2, 3):
        door.put(stranger(seq), site="elsewhere")
        door.run()
    told = {"node": "gauge", "home": "qingxi", "site": "elsewhere"}
    assert door.controls("stranger") == [told]
    move(door, "qingxi")
    door.put(stranger(4), site="elsewhere")
    door.run()
    assert door.controls("stranger") == [told, told]


def test_a_stranger_is_a_condition_until_a_person_decides() -> None:
    """People see the node with what ends it; a decision either way clears it."""
    assert {"stranger", "moved"} <= DECIDING
    stack = Stack((), {})
    body = {"node": "gauge", "home": "qingxi", "site": "elsewhere"}
    (raised,) = stack.control("stranger", NOON_US, 5, body)
    assert (raised.key, raised.change, raised.site) == ("node-site:gauge", Change.RAISED, "qingxi")
    assert raised.kind is Kind.FAULT
    assert raised.evidence is not None
    assert "accept-node gauge" in raised.evidence.words_en
    assert "accept-node gauge" in raised.evidence.words_zh
    again = Stack((), {})
    again.load(stack.dump())
    assert again.control("stranger", NOON_US, 6, body) == []
    (cleared,) = again.control("moved", NOON_US, 7, {"node": "gauge", "site": "elsewhere"})
    assert (cleared.key, cleared.change) == (raised.key, Change.CLEARED)
    assert again.control("moved", NOON_US, 8, {"node": "gauge", "site": "elsewhere"}) == []


def test_a_broken_message_sent_again_is_one_row_with_a_count(door: Door) -> None:
    """Copies of one payload on one topic are counted; another payload or topic is not."""
    for _ in range(12):
        door.put(b"{broken")
        door.run()
        door.clock.advance(1)
    door.put(b"{broken", node="other")
    door.put(b"{brokem")
    door.run()
    rows = door.log.quarantined(99)[::-1]
    assert [row.count for row in rows] == [12, 1, 1]
    assert (rows[0].received_us, rows[0].last_us) == (NOON_US, NOON_US + 11 * S)
