"""After a restore nodes are asked for what is missing; watchers are answered once all went on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from door import BOOT, NOON_US, Door, message, network
from hypothesis import given
from hypothesis import strategies as st

from hub.flow.canary import Answers, Sightings
from hub.flow.regain import AGAIN_S, LONGEST_S, MOST_SPANS, Regain, missing
from hub.ingest.receipts import Pending, parts_of
from hub.ingest.sorter import held_of, state_of
from hub.model.network import CANARY, Datastream
from hub.store.canary import Canaries, Stage
from hub.store.database import open_database, transaction
from hub.store.restored import ASK_FOR_US, mark_restored

if TYPE_CHECKING:
    import sqlite3

GOLDEN = Path(__file__).parents[1] / "golden"
OTHER = "00000000000000aa"
STATE = "tocsin/v1/qingxi/gauge/state"


def mark(folder: Path, at_us: int = NOON_US) -> None:
    """Let the log in ``folder`` be a restored one."""
    connection = open_database(folder / "tocsin.db")
    with transaction(connection):
        mark_restored(connection, at_us=at_us, backup_us=NOON_US)
    connection.close()


def wants(door: Door) -> list[tuple[str, list[list[int]]]]:
    """Return what was asked for, by boot."""
    return [(r["boot"], r["want"]) for r in door.receipts() if r["want"]]


def state(*held: tuple[str, int, int], **more: object) -> bytes:
    """Return a state that names what the spool holds."""
    return json.dumps({"online": True, "held": held, **more}).encode()


def test_what_is_missing_below_the_first_message_is_wanted(tmp_path: Path) -> None:
    """Numbers that the restored log does not have are asked for once their boot speaks."""
    before = Door(tmp_path)
    for seq in (1, 2, 5):
        before.put(message(seq))
    before.run()
    before.intake.close()
    mark(tmp_path)
    door = Door(tmp_path)
    door.put(message(9))
    door.run()
    assert wants(door) == [(BOOT, [[0, 0], [3, 4], [6, 8]])]


def test_without_a_restore_nothing_is_wanted(door: Door) -> None:
    """A gap alone is no reason to ask: the node sends what it has no receipt for by itself."""
    door.put(message(9))
    door.put(state((OTHER, 1, 7)), topic=STATE)
    door.run()
    assert wants(door) == []


def test_earlier_starts_come_from_the_state(tmp_path: Path) -> None:
    """Boots that nobody sends for any more are asked for by what the state lists."""
    mark(tmp_path)
    door = Door(tmp_path)
    door.put(message(1))
    door.put(state((OTHER, 4, 7), (BOOT, 1, 1)), topic=STATE)
    door.run()
    assert sorted(wants(door)) == [(OTHER, [[4, 7]]), (BOOT, [[0, 0]])]


def test_after_ninety_days_nobody_is_asked(tmp_path: Path) -> None:
    """A node that does not hold it any more is not asked for ever."""
    mark(tmp_path, NOON_US - ASK_FOR_US)
    door = Door(tmp_path)
    door.put(message(9))
    door.run()
    assert wants(door) == []


@pytest.mark.parametrize(
    "held",
    [b'"x"', b"[1]", b'[["zz",1,2]]', b'[["7f3a9c21d4e85b06",-1,2]]', b"null", b"[[[[]]]]", b"{}"],
)
def test_an_unreadable_list_does_not_cost_the_state(door: Door, held: bytes) -> None:
    """A state whose list nobody can read still says that the node is online."""
    door.put(b'{"online":true,"held":' + held + b"}", topic=STATE)
    door.run()
    assert door.reasons() == []
    assert door.log.nodes()[0].state["online"] is True


def test_the_state_is_the_golden_one() -> None:
    """What the node's tests write is what the hub reads."""
    found = held_of(state_of((GOLDEN / "state-held.json").read_bytes()))
    assert found == ((BOOT, 41790, 41822), (OTHER, 3, 3))
    assert held_of(state_of((GOLDEN / "state-online.json").read_bytes())) == ()


class Stored:
    """Numbers on disk, as the search asks for them."""

    def __init__(self) -> None:
        self.spans: list[tuple[int, int]] = []

    def ranges(self, _node: str, _boot: str) -> list[tuple[int, int]]:
        """Return them."""
        return self.spans


def searching(connection: sqlite3.Connection, stored: Stored) -> Regain:
    """Return a search for number 1 to 9 of one boot."""
    made = Regain(connection, stored, NOON_US)  # type: ignore[arg-type]
    made._note("gauge", BOOT, 1, 9)
    return made


def test_asked_again_ever_more_rarely_until_it_is_there(tmp_path: Path) -> None:
    """A lost receipt does not end the search; what came back does, for good."""
    mark(tmp_path)
    connection, stored = open_database(tmp_path / "tocsin.db"), Stored()
    made = searching(connection, stored)
    assert made.due(0.0) == [("gauge", BOOT, 1, 9)]
    assert made.due(AGAIN_S - 1) == []
    assert made.due(AGAIN_S) == [("gauge", BOOT, 1, 9)]
    assert made.due(2 * AGAIN_S) == []
    assert made.due(3 * AGAIN_S)
    stored.spans = [(1, 9)]
    assert made.due(3 * AGAIN_S + LONGEST_S) == []
    made._note("gauge", BOOT, 1, 12)
    assert made.due(1e9) == []
    connection.close()


def test_a_receipt_stays_bounded(tmp_path: Path) -> None:
    """However torn the numbers are, the newest so many ranges are asked for first."""
    mark(tmp_path)
    connection, stored = open_database(tmp_path / "tocsin.db"), Stored()
    made = searching(connection, stored)
    made._note("gauge", BOOT, 1, 2000)
    stored.spans = [(n, n) for n in range(1, 2000, 2)]
    asked = made.due(0.0)
    assert len(asked) == MOST_SPANS
    assert asked[-1] == ("gauge", BOOT, 2000, 2000)
    connection.close()


@given(st.sets(st.integers(0, 30)), st.integers(0, 30), st.integers(0, 30))
def test_missing_is_the_complement(numbers: set[int], low: int, high: int) -> None:
    """What is missing is what a set would lack, in ranges that rise."""
    gaps = missing([(n, n) for n in numbers], low, high)
    assert {n for a, b in gaps for n in range(a, b + 1)} == set(range(low, high + 1)) - numbers
    assert gaps == sorted(gaps)


def watcher() -> Datastream:
    """Return a declared watcher."""
    return Datastream(
        slot=-1, site="qingxi", node="gauge", name="stage", unit="m",
        observed_property=CANARY, declared=True,
    )  # fmt: skip


def told(door: Door) -> list[Any]:
    """Return the canaries that were answered."""
    return [r["canary"] for r in door.receipts() if "canary" in r]


def test_a_canary_is_answered_only_after_every_loop(tmp_path: Path) -> None:
    """Taken in, decided on, responded, delivered: only then does intake answer, and once."""
    door = Door(tmp_path, network(watcher()))
    door.put(message(7))
    door.run()
    box, sight = Canaries(door.connection), Sightings(network(watcher()))
    (batch,) = door.handoff.take()
    sight.look(batch, door.intake._ledger.streams.catalogue)
    assert box.pass_on(Stage.WATCHED) == 0
    with transaction(door.connection):
        sight.write(door.connection)
    assert sight.written()
    answers = Answers(door.connection, network(watcher()))
    assert box.pass_on(Stage.RESPONDED) == 0
    assert answers.due(1.0) == []
    assert box.pass_on(Stage.WATCHED) == 1
    assert answers.due(2.0) == []
    assert box.pass_on(Stage.RESPONDED) == 1
    (found,) = answers.due(3.0)
    assert (found.node, found.boot, found.seq) == ("gauge", BOOT, 7)
    assert answers.due(4.0) == []
    door.intake._canaries._looked = 0.0
    assert told(door) == []
    door.run()
    assert told(door) == [7]


def test_a_hub_without_watchers_looks_for_none(door: Door) -> None:
    """What is not declared is not answered, and costs no look at the disk."""
    door.put(message(7))
    door.run()
    (batch,) = door.handoff.take()
    sight = Sightings(network())
    sight.look(batch, door.intake._ledger.streams.catalogue)
    assert not sight.waiting
    assert Answers(door.connection, network())._canaries is None


def test_the_receipt_is_the_golden_one() -> None:
    """A watcher's receipt is spelled as the sample, anybody else's without the field."""
    (sent,) = parts_of(BOOT, Pending(got=[7, 8], canary=7))
    assert json.loads(sent) == json.loads((GOLDEN / "receipt-canary.json").read_text("utf-8"))
    (plain,) = parts_of(BOOT, Pending(got=[7]))
    assert "canary" not in json.loads(plain)
