"""The front door keeps its promises: on disk first, once, with what is wrong set aside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from door import BOOT, NOON_US, Door, Mapping, iso, message, network, value

from hub.clock import HandClock
from hub.errors import StoreUnavailableError
from hub.model.network import Datastream
from hub.model.observation import Lateness

GOLDEN = Path(__file__).parents[1] / "golden"
REFUSED = json.loads((GOLDEN / "refused-messages.json").read_text("utf-8"))
S = 1_000_000


def stage(**more: object) -> Datastream:
    """Return a declared gauge."""
    given = {"slot": -1, "site": "qingxi", "node": "gauge", "name": "stage", "unit": "m"}
    return Datastream(**(given | more))  # type: ignore[arg-type]


def test_stored_then_confirmed_then_receipted(door: Door) -> None:
    """A message is in the log, confirmed to the broker and receipted to its node."""
    item = door.put(message(7, value(4.82)))
    door.run()
    assert door.rows("time_us, result, lateness, trusted, tie") == [(NOON_US, 4.82, 0, 1, 0)]
    assert door.source.confirmed == [item.mid]
    assert door.receipts() == [{"boot": BOOT, "got": [[7, 7]], "refused": [], "want": []}]
    assert {"watch", "store"} <= set(door.woken)


def test_batch_is_handed_to_watch(door: Door) -> None:
    """What was committed is handed over in memory, the same as the log gives it."""
    door.put(message(1, value(1.0), value(None, ds="rain", u="mm")))
    door.run()
    (batch,) = door.handoff.take()
    read = door.log.read(0, 10).batch
    for name in ("offset", "slot", "time_us", "result", "quality", "lateness", "message"):
        assert getattr(batch, name).tolist()[:1] == getattr(read, name).tolist()[:1], name


def test_duplicate_is_stored_once_and_receipted_again(door: Door) -> None:
    """A message that comes again, at once or later, is stored once and receipted each time."""
    door.put(message(1))
    door.put(message(1, low=1, late=True))
    door.run()
    assert door.got() == {BOOT: {1}}
    door.put(message(1))
    door.run()
    assert door.got() == {BOOT: {1}}
    assert len(door.rows()) == 1


def test_duplicate_after_a_restart(tmp_path: Path) -> None:
    """A hub that starts anew still knows what it stored."""
    first = Door(tmp_path)
    first.put(message(1))
    first.run()
    first.intake.close()
    second = Door(tmp_path)
    second.put(message(1))
    second.run()
    assert second.got() == {BOOT: {1}}
    assert len(second.rows()) == 1


def test_same_number_with_other_content_is_refused(door: Door) -> None:
    """The same key with other content goes to quarantine, and the node is told."""
    door.put(message(1, value(1.0)))
    door.put(message(1, value(2.0)))
    door.run()
    assert [row[1] for row in door.rows()] == [1.0]
    assert door.reasons() == ["same key, other content"]
    (receipt,) = door.receipts()
    assert receipt["got"] == [[1, 1]]
    assert receipt["refused"] == [[1, "same key, other content"]]


def test_numbers_are_kept_for_ever(door: Door) -> None:
    """A number stays stored when its observations left the log."""
    door.put(message(1))
    door.put(message(2, value(at_us=NOON_US + S)))
    door.run()
    assert door.log.delete_before(10, 10) == 2
    door.put(message(1, value(9.0)))
    door.run()
    assert door.rows() == []
    assert door.reasons() == []


def test_node_under_another_site_is_set_aside(door: Door) -> None:
    """A node belongs to one site until a person moves it; then what was set aside is taken."""
    door.put(message(1))
    door.put(message(2), site="elsewhere")
    door.run()
    assert len(door.rows()) == 1
    assert door.reasons() == ["site: node gauge belongs to qingxi"]
    topic, _ = door.source.published[-1]
    assert topic == "tocsin/v1/elsewhere/gauge/receipt"
    door.log.move_node("gauge", "elsewhere", "duty officer", NOON_US)
    door.put(message(3), site="elsewhere")
    door.run()
    assert len(door.rows()) == 3


def test_retained_observation_is_never_live(door: Door) -> None:
    """A retained message is set aside and not receipted; a known one is passed over."""
    door.put(message(1), retain=True)
    door.run()
    assert door.rows() == []
    assert door.reasons() == ["retained: never live data"]
    assert door.receipts() == []
    door.put(message(2))
    door.put(message(2), retain=True)
    door.run()
    assert len(door.reasons()) == 1


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case["name"])
def test_refused_messages(door: Door, case: dict[str, str]) -> None:
    """Each hostile message goes to quarantine with its reason; its neighbour is stored."""
    door.put(case["payload"].encode())
    door.put(message(2))
    door.run()
    assert len(door.rows()) == 1
    (reason,) = door.reasons()
    assert case["reason_mentions"] in reason
    assert len(door.source.confirmed) == 2


@pytest.mark.parametrize(
    ("observation", "reason"),
    [
        (value(1.0, u="Cel"), "u: Cel cannot be made m"),
        (value(1.0, u="metre"), "u: metre cannot be made m"),
        (value(1.0, u=None), "u: missing"),
        (value(1.0, u="\u7c73"), "u: not a UCUM code"),
        (value(1.0, t=None, t0=1), "t0"),
        (value(1.0, t="0001-01-01T00:00:00Z"), "t: before 1970"),
        (value(1.0, t="9999-12-31T23:59:59Z"), "t: before 1970 or after 2262"),
        (value(1.0, t="2026-02-30T00:00:00Z"), "t:"),
        (value(1.0, t0=iso(NOON_US + S)), "t0: after t"),
        (value(1.0, ds=""), "ds: must match"),
        (value(1.0, ds="x" * 65), "ds: must match"),
        ({"ds": "stage", "t": iso(NOON_US)}, "r:"),
        ([], "object"),
        ("text", "object"),
        (None, "object"),
    ],
)
def test_one_bad_observation_is_alone(door: Door, observation: object, reason: str) -> None:
    """A bad observation is set aside by itself; the message counts as got."""
    door.put(message(1, value(1.0), observation, value(2.0, at_us=NOON_US + S)))
    door.run()
    assert [row[1] for row in door.rows()] == [1.0, 2.0]
    (row,) = door.log.quarantined(10)
    assert reason in row.reason
    assert (row.seq, row.pos) == (1, 1)
    assert door.got() == {BOOT: {1}}


def test_oversized_payload_is_refused_before_parsing(door: Door) -> None:
    """More than 256 KiB are shown in part only, and nothing of it is stored."""
    door.put(message(1, padding="x" * 300_000))
    door.run()
    (row,) = door.log.quarantined(10)
    assert row.reason.startswith("size: ")
    assert len(row.payload) == 1024


def test_topics_of_nobody_are_set_aside(door: Door) -> None:
    """A topic that is neither native nor mapped, or has a bad name, is set aside."""
    door.put(message(1), topic="other/topic")
    door.put(message(1), topic="tocsin/v1/qing xi/gauge/obs")
    door.run()
    assert [reason.split(":")[0] for reason in door.reasons()] == ["topic", "topic"]


def test_units_become_the_declared_one(tmp_path: Path) -> None:
    """A value in another unit of the same kind is stored in the datastream's own."""
    door = Door(tmp_path, network(stage(), stage(name="water", unit="Cel")))
    door.put(message(1, value(482.0, u="cm"), value(300.0, ds="water", u="K")))
    door.run()
    assert [row[1] for row in door.rows()] == pytest.approx([4.82, 26.85])


def test_nulls_without_unit(door: Door) -> None:
    """A null needs no unit; the first unit that comes is the datastream's own."""
    null = {"ds": "stage", "t": iso(NOON_US), "r": None, "q": "fail", "why": "broken wire"}
    door.put(message(1, null, null | {"q": None}, value(1.0, at_us=NOON_US + S)))
    door.run()
    assert door.rows("result, quality, why") == [
        (None, 4, "broken wire"),
        (None, 9, "broken wire"),
        (1.0, 2, None),
    ]
    assert door.log.datastreams()[0].unit == "m"


def test_equal_instants_both_survive(door: Door) -> None:
    """Two observations of one instant get different digits, also after a restart."""
    door.put(message(1, value(1.0), value(2.0)))
    door.run()
    door.put(message(2, value(3.0), value(0.5, at_us=NOON_US - S)))
    door.run()
    ties = [row[1] for row in door.rows("time_us, tie")]
    assert ties[0] == 0
    assert len(set(ties[:3])) == 3
    assert all(0 <= tie < 1000 for tie in ties)


def test_lateness_is_classed_by_the_grace(tmp_path: Path) -> None:
    """Live, late, backfilled and future observations are told apart; uploads widen the grace."""
    door = Door(tmp_path, network(stage(), stage(name="hourly", upload_s=3600.0)))
    ages = (0, 100, 301, -121)
    door.put(message(1, *(value(1.0, at_us=NOON_US - age * S) for age in ages)))
    door.put(message(2, value(1.0, ds="hourly", at_us=NOON_US - 3000 * S)))
    door.put(message(3, value(1.0, at_us=NOON_US + S), late=True))
    door.run()
    classes = [Lateness(row[0]).name for row in door.rows("lateness")]
    assert classes == ["LIVE", "LATE", "BACKFILL", "FUTURE", "LATE", "LATE"]


def test_unset_clock_is_restored_by_up(door: Door) -> None:
    """Without a clock, seconds since the start date the observation; without both, arrival."""
    at = {"t": None, "tu": 41.0}
    door.put(message(1, value(1.0, **at), sent=None, up=42.5))
    door.put(message(2, value(2.0, t=None), sent=None, up=43.0))
    other = message(3, value(3.0, **at), sent=None, up=None, boot="00" * 8)
    door.put(other)
    door.run()
    rows = door.rows("time_us, lateness, trusted")
    assert rows == [(NOON_US - 3 * S // 2, 0, 1), (NOON_US, 4, 0), (NOON_US, 4, 0)]


def test_wrong_node_clock_is_corrected_and_told(door: Door) -> None:
    """A clock an hour behind does not turn a flood into old news."""
    behind_us = 3600 * S
    sent = {"sent": iso(NOON_US - behind_us)}
    door.run()
    door.put(message(1, value(5.0, at_us=NOON_US - behind_us - S), **sent))
    door.run()
    assert door.rows("time_us, lateness, trusted, raw_us") == [
        (NOON_US - S, 0, 0, NOON_US - behind_us - S)
    ]
    assert door.controls("clock") == [{"node": "gauge", "site": "qingxi", "offset_s": 3600.0}]
    door.put(message(1, boot="ab" * 8))
    door.run()
    assert door.controls("clock")[-1]["offset_s"] == 0.0


def test_clock_follows_what_the_nodes_sent(tmp_path: Path) -> None:
    """In a replay the hub's time is the nodes' before lateness is judged."""
    clock = HandClock(0)
    door = Door(tmp_path, on_sent=clock.follow, clock=clock)
    door.put(message(1, value(1.0, at_us=NOON_US - S)))
    door.run()
    assert door.rows("lateness, trusted") == [(0, 1)]
    assert clock.now_us() == NOON_US


def test_declared_datastreams_have_a_row_before_they_speak(tmp_path: Path) -> None:
    """A stream that never spoke has its place, so that it can be missed."""
    door = Door(tmp_path, network(stage(), stage(name="rain", unit="mm")))
    assert [(row.slot, row.name) for row in door.log.datastreams()] == [(0, "stage"), (1, "rain")]
    door.intake.close()
    again = Door(tmp_path, network(stage(), stage(name="rain", unit="mm"), stage(name="new")))
    assert [row.name for row in again.log.datastreams()] == ["stage", "rain", "new"]


def test_declaration_outranks_what_was_learnt(tmp_path: Path) -> None:
    """A node that is declared later gets the declared site and unit."""
    door = Door(tmp_path)
    door.put(message(1, value(100.0, u="cm")), site="unknown")
    door.run()
    door.intake.close()
    again = Door(tmp_path, network(stage()))
    (row,) = again.log.datastreams()
    assert (row.site, row.unit) == ("qingxi", "m")
    again.put(message(2, value(100.0, u="cm", at_us=NOON_US + S)))
    again.run()
    assert again.rows("result")[-1] == (1.0,)
    assert again.reasons() == []


def test_interval_is_learnt(door: Door) -> None:
    """An undeclared datastream's interval is the median of its recent ones, and is told."""
    for seq in range(10):
        door.put(message(seq, value(1.0, at_us=NOON_US + seq * 10 * S)))
        door.run()
    assert door.log.datastreams()[0].learnt_s == 10.0
    assert door.controls("learnt") == [{"slot": 0, "interval_s": 10.0}]


def test_flat_payload_through_a_mapping(tmp_path: Path) -> None:
    """Flat JSON of a gateway is stored, switches as 0 and 1, other keys ignored."""
    names = {"temperature": "air", "humidity": "humidity", "water_leak": "leak"}
    mapping = Mapping(
        topic="zigbee/+/+",
        kind="flat",
        site="{1}",
        node="zb-{2}",
        names=names,
        units={"air": "Cel", "humidity": "%"},
    )
    door = Door(tmp_path, mappings=[mapping])
    flat = b'{"temperature":21.5,"humidity":40,"water_leak":true,"linkquality":9}'
    door.run()
    door.put(flat, topic="zigbee/block7/cellar")
    door.put(flat, topic="zigbee/block7/cellar")  # the same content later is another observation
    door.put(flat, topic="zigbee/block7/cellar", dup=True)  # delivered again
    door.put(b'{"temperature":"hot","humidity":41}', topic="zigbee/block7/cellar")
    door.run()
    results = [row[0] for row in door.rows("result")]
    assert results[:6] == [21.5, 40.0, 1.0, 21.5, 40.0, 1.0]
    assert results[-1] == 41.0
    assert door.reasons() == ["air: neither a number nor a switch"]
    assert door.receipts() == []


def test_redelivered_flat_payload_after_a_restart(tmp_path: Path) -> None:
    """What the broker delivers again to a new hub is known by its content."""
    names, units = {"temperature": "air"}, {"air": "Cel"}
    mapping = Mapping(topic="z/+", kind="flat", site="s", node="{1}", names=names, units=units)
    for dup in (False, True):
        door = Door(tmp_path, mappings=[mapping])
        door.put(b'{"temperature":1}', topic="z/n", dup=dup)
        door.run()
        assert len(door.rows()) == 1
        door.intake.close()


def test_poison_is_set_aside_alone(door: Door) -> None:
    """Of a batch that the store refuses only the one message goes to quarantine."""
    door.connection.execute(
        "CREATE TRIGGER poison BEFORE INSERT ON message WHEN NEW.seq = 13 "
        "BEGIN SELECT RAISE(ABORT, 'poison'); END"
    )
    for seq in range(32):
        door.put(message(seq, value(1.0, at_us=NOON_US + seq)))
    door.run()
    assert len(door.rows()) == 31
    (reason,) = door.reasons()
    assert reason.startswith("internal: StoreError")
    told = door.receipts()
    assert len(door.source.confirmed) == 32
    assert [refused[0] for receipt in told for refused in receipt["refused"]] == [13]


def test_full_disk_confirms_nothing_and_recovers(door: Door) -> None:
    """While the store is full nothing is confirmed or receipted; afterwards nothing is lost."""
    (pages,) = door.connection.execute("PRAGMA page_count").fetchone()
    door.connection.execute(f"PRAGMA max_page_count = {pages + 4}")
    for seq in range(500):
        door.put(message(seq, value(1.0, at_us=NOON_US + seq)))
    for _ in range(3):
        with pytest.raises(StoreUnavailableError):
            door.run()
    assert door.source.confirmed == []
    assert door.receipts() == []
    assert door.rows() == []
    door.connection.execute("PRAGMA max_page_count = 1000000")
    door.run()
    assert len(door.rows()) == 500
    assert len(door.source.confirmed) == 500
    assert door.got() == {BOOT: set(range(500))}


def test_receipts_are_gathered(tmp_path: Path) -> None:
    """A node gets at most one receipt per second, with ranges."""
    door = Door(tmp_path, receipt_interval_s=3600.0)
    door.put(message(0))
    door.run()
    assert len(door.receipts()) == 1
    for seq in (1, 2, 3, 7):
        door.put(message(seq, value(1.0, at_us=NOON_US + seq)))
        door.run()
    assert door.receipts() == []


def test_messages_can_be_asked_for_again(door: Door) -> None:
    """After a restore the hub asks a node for ranges."""
    door.put(message(1))
    door.run()
    door.receipts()
    door.intake.ask_again("gauge", BOOT, 41700, 41720)
    door.intake.ask_again("unknown", BOOT, 1, 2)
    door.run()
    assert door.receipts() == [{"boot": BOOT, "got": [], "refused": [], "want": [[41700, 41720]]}]


def test_state_is_kept_and_its_changes_told(door: Door) -> None:
    """A node's state is kept; going offline and coming back are entries of the log."""
    topic = "tocsin/v1/qingxi/gauge/state"
    for name in ("state-online", "state-online", "state-will"):
        door.put((GOLDEN / f"{name}.json").read_bytes(), topic=topic, retain=True)
        door.run()
    door.put(b'{"online":"perhaps"}', topic=topic)
    door.run()
    assert [body["online"] for body in door.controls("state")] == [True, False]
    assert door.log.nodes()[0].state == {"online": False}
    assert door.reasons()[0].startswith("state: ")


def test_flood_of_names_is_bounded(door: Door) -> None:
    """One node cannot fill the hub with datastreams; its known ones go on."""
    for seq in range(30):
        names = [value(1.0, ds=f"s{seq}-{n}") for n in range(10)]
        door.put(message(seq, *names))
    door.put(message(99, value(1.0, ds="s0-0", at_us=NOON_US + S)))
    door.run()
    assert len(door.log.datastreams()) == 256
    assert len(door.rows()) == 257
    assert len(door.reasons()) == 44


def test_link_changes_are_entries_of_the_log(door: Door) -> None:
    """Whether the hub hears is in the log, so that silence is counted only while it does."""
    door.put(message(1))
    door.run()
    assert door.controls("connected") == [
        {"connected": True, "caught_up": False},
        {"connected": True, "caught_up": True},
    ]
    assert door.health.checks()["broker"].ok


def test_counts(door: Door) -> None:
    """What came in, was set aside and came twice is counted."""
    door.put(message(1))
    door.put(message(1))
    door.put(b"")
    door.run()
    counts = door.health.counts()
    assert counts["messages_total", ""] == 3
    assert counts["observations_total", ""] == 1
    assert counts["duplicates_total", ""] == 1
    assert counts["quarantined_total", "not JSON"] == 1
    assert counts["lateness_total", "live"] == 1
