"""The real node over a real broker, through kills and outages."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
from edge_kit import wait_until

if TYPE_CHECKING:
    from edge_kit import Broker, Hub, Node


def settled(node: Node, hub: Hub) -> bool:
    """Return whether the hub has all the node ever spooled and the node knows it."""
    got = {
        (e["boot"], seq)
        for e in node.entries("receipted")
        for low, high in e["seq"]
        for seq in range(low, high + 1)
    }
    spooled = node.spooled()
    return (
        bool(spooled)
        and {key[:2] for key in spooled} <= got
        and spooled == {key: obs for key, obs in hub.observations().items() if key in spooled}
    )


def test_every_spooled_observation_arrives_and_is_settled(hub: Hub, node: Node) -> None:
    """What the node's ledger says was spooled is what the hub heard, and all has a receipt."""
    node.start()
    wait_until(lambda: len(hub.observations()) > 20, "observations arrive")
    assert node.stop() == 0
    assert len(node.spooled()) >= 20
    node.start()
    wait_until(lambda: settled(node, hub), "all is settled")


@pytest.mark.usefixtures("hub")
def test_alarming_message_is_alone_and_carries_no_routine(node: Node) -> None:
    """A message is wholly routine or wholly alarming, so that eviction can choose."""
    node.start()
    wait_until(lambda: any(e["alarming"] for e in node.entries("spooled")), "smoke alarms")
    for entry in node.entries("spooled"):
        smoky = [obs["ds"] == "smoke" and obs["r"] >= 0.05 for obs in entry["obs"]]
        assert all(smoky) if entry["alarming"] else not any(smoky)


def test_kill_nine_loses_nothing_unreceipted(hub: Hub, node: Node) -> None:
    """A hub that stays silent, and a node killed at any moment: all of it comes in the end."""
    answer, hub.answer = hub.answer, lambda _: None
    for kills in range(4):
        node.start()
        count = 6 * (kills + 1)
        wait_until(lambda n=count: len(node.entries("spooled")) >= n, "messages are spooled")
        node.kill()
    assert not node.entries("receipted")
    hub.answer = answer
    node.start()
    wait_until(lambda: settled(node, hub), "all is settled", 40)
    assert len({e["boot"] for e in node.entries("spooled")}) >= 4


def test_resending_changes_nothing_but_the_envelope(hub: Hub, node: Node) -> None:
    """Number and observations of a message are the same at every sending, and it is late."""
    hub.answer = lambda _: None
    node.start()
    wait_until(lambda: sum(m["late"] for m in list(hub.messages)) > 10, "messages are sent again")
    first: dict[tuple[str, int], object] = {}
    for message in hub.messages:
        key = (message["boot"], message["seq"])
        assert first.setdefault(key, message["obs"]) == message["obs"]


def test_broker_outage_is_bridged(broker: Broker, hub: Hub, node: Node) -> None:
    """What is read while the broker is dead arrives after it, with the newest first."""
    node.start()
    wait_until(lambda: len(hub.messages) > 3, "messages arrive")
    broker.kill()
    spooled = len(node.entries("spooled"))
    wait_until(lambda: len(node.entries("spooled")) > spooled + 5, "the node goes on reading")
    broker.start()
    wait_until(lambda: len(hub.messages) > spooled + 5, "messages arrive again")
    node.stop()
    node.start()
    wait_until(lambda: settled(node, hub), "all is settled")


def test_refused_message_is_set_aside_and_counted(hub: Hub, node: Node) -> None:
    """A refusal settles: the message is kept aside, counted, and never sent again."""

    def answer(message: dict[str, Any]) -> dict[str, Any]:
        if message["seq"] == 2:
            return {"got": [], "refused": [[2, "same key, other content"]], "want": []}
        return {"got": [[message["seq"], message["seq"]]], "refused": [], "want": []}

    hub.answer = answer
    node.start()
    wait_until(lambda: any(s.get("aside") for s in list(hub.states)), "the state counts it")
    sent = sum(m["seq"] == 2 for m in hub.messages)
    wait_until(lambda: len(hub.messages) > 20, "others go on")
    node.stop()
    assert sum(m["seq"] == 2 for m in hub.messages) == sent
    assert [(e["seq"], e["reason"]) for e in node.entries("aside")] == [
        (2, "same key, other content")
    ]


def test_unanswerable_message_is_set_aside(hub: Hub, node: Node) -> None:
    """A message without receipt, while later ones get theirs, is given up after five tries."""
    hub.answer = lambda m: None if m["seq"] == 2 else {"got": [[m["seq"], m["seq"]]]}
    node.start()
    wait_until(lambda: bool(node.entries("aside")), "it is set aside", 30)
    assert node.entries("aside")[0]["seq"] == 2
    assert sum(m["seq"] == 2 for m in hub.messages) >= 5


def test_wanted_messages_come_again(hub: Hub, node: Node) -> None:
    """A restored hub asks for settled numbers, and gets them with the same content."""
    asked: list[int] = []

    def answer(message: dict[str, Any]) -> dict[str, Any]:
        receipt = {"got": [[message["seq"], message["seq"]]], "refused": [], "want": []}
        if message["seq"] == 6 and not asked:
            asked.append(6)
            receipt["want"] = [[1, 3]]
        return receipt

    hub.answer = answer
    node.start()
    wait_until(
        lambda: all(sum(m["seq"] == n for m in list(hub.messages)) > 1 for n in (1, 2, 3)),
        "1 to 3 come again",
    )
    wait_until(lambda: settled(node, hub), "all is settled")


def test_state_is_retained_and_the_will_speaks_for_the_dead(hub: Hub, node: Node) -> None:
    """The state says online with a clock; a killed node is said to be off by the broker."""
    node.start()
    wait_until(lambda: any(s["online"] for s in list(hub.states)), "the state is published")
    assert hub.states[-1]["clock"] == "ntp"
    assert hub.states[-1]["fw"]
    node.kill()
    wait_until(lambda: hub.states[-1] == {"online": False}, "the will arrives")


def test_clean_stop_says_off_and_keeps_the_spool(hub: Hub, node: Node) -> None:
    """SIGTERM: exit 0, ``online`` false, and what waits is still there."""
    hub.answer = lambda _: None
    node.start()
    wait_until(lambda: len(hub.messages) > 3, "messages arrive")
    assert node.stop() == 0
    wait_until(lambda: hub.states[-1] == {"online": False}, "the state is off")
    with sqlite3.connect(node.folder / "spool" / "spool.db") as db:
        waiting = db.execute("SELECT count(*) FROM message WHERE status = 0").fetchone()[0]
    assert waiting == len(node.entries("spooled"))


def test_two_nodes_never_share_a_spool(hub: Hub, node: Node) -> None:
    """A second process on the same folder stops at once and says why."""
    node.start()
    wait_until(lambda: bool(hub.messages), "messages arrive")
    first, node._process = node._process, None
    node.start()
    assert node._process.wait(20) == 1
    node._process = first
    assert "in use by another" in (node.folder / "node.log").read_text()


def test_clock_that_was_never_set_sends_no_times(hub: Hub, node: Node) -> None:
    """Without a clock ``t`` and ``sent`` are null, ``tu`` and ``up`` tell; then up is null."""
    text = node.config.read_text().replace("[world]", '[clock]\nsource = "unset"\n[world]')
    node.config.write_text(text)
    hub.answer = lambda _: None
    node.start()
    wait_until(lambda: len(hub.messages) > 3, "messages arrive")
    node.kill()
    first = hub.messages[0]
    assert first["sent"] is None
    assert first["up"] >= first["obs"][0]["tu"]
    assert first["obs"][0]["t"] is None
    node.start()
    wait_until(
        lambda: any(m["boot"] == first["boot"] and m["up"] is None for m in list(hub.messages)),
        "the earlier boot's messages say that its up is over",
    )


def test_torn_receipts_change_nothing(hub: Hub, node: Node) -> None:
    """Bytes that are no receipt are ignored; the node goes on."""
    hub.answer = lambda m: {"got": "all"} if m["seq"] % 2 else {"got": [[m["seq"], m["seq"]]]}
    node.start()
    wait_until(lambda: len(node.entries("receipted")) > 3, "the others are settled")
    assert all(low % 2 == 0 for e in node.entries("receipted") for low, _ in e["seq"])


def test_ledger_knows_all_that_was_ever_published(hub: Hub, node: Node) -> None:
    """Whatever the hub heard stands in the node's ledger with the same content."""
    for kills in range(3):
        node.start()
        wait_until(lambda n=5 * (kills + 1): len(hub.messages) > n, "messages arrive")
        node.kill()
        spooled = node.spooled()
        assert {k: json.dumps(v) for k, v in hub.observations().items()}.items() <= {
            k: json.dumps(v) for k, v in spooled.items()
        }.items()
