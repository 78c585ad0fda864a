"""A storm on a real store: few messages, nobody hidden, answers by list, kills in between."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest
from city import City

from hub.errors import StoreError
from hub.model.incident import ActionKind, Status
from hub.model.network import Severity
from hub.model.notification import NotificationState, Purpose
from hub.model.transition import Change

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


TOLD_BY_LIST = ["held", "listed", "paged", "delivered"]


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    """Return forty sites in four cells."""
    made = City(tmp_path / "hub.db", 40)
    yield made
    made.close()


def storm(city: City, sites: int = 40) -> None:
    """Let every site flood in the same second."""
    city.see(*(city.flood(n) for n in range(sites)))
    city.send()


def test_each_person_is_told_at_once_and_then_by_one_list(city: City) -> None:
    """One page each in the first second, one list each after the burst; nobody is hidden."""
    storm(city)
    assert [city.sms(f"r{n}")[0][0] for n in range(4)] == [0, 0, 0, 0]
    city.pass_s(60)
    for n in range(4):
        first, second = city.sms(f"r{n}")
        assert "Reply" in first[1] or "回A" in first[1]
        assert second[0] == 15
        assert "又有9起险情：红色洪水9" in second[1]
    assert city.hidden() == []


def test_three_messages_in_ten_minutes_through_all_steps(city: City) -> None:
    """Unanswered through two rounds, nobody ever gets more than three SMS in ten minutes."""
    storm(city)
    city.pass_s(1800, every=5)
    for person in city.people.persons:
        times = [second for second, _ in city.sms(person)]
        assert all(sum(t <= u < t + 600 for u in times) <= 3 for t in times), (person, times)
    assert city.hidden() == []


def test_another_storm_delays_nobody_elses_first_page(city: City) -> None:
    """While one cell has a storm, a red danger of another cell pages at once."""
    city.see(*(city.flood(n) for n in range(0, 40, 4)))
    city.send()
    city.pass_s(5)
    city.see(city.flood(1))
    city.send()
    assert [s for s, _ in city.sms("r1")] == [5]


def test_red_at_a_new_place_uses_what_was_kept_for_it(city: City) -> None:
    """The duty officer of all cells is told of a new cell's red in the midst of a storm."""
    everybody = {f"r{n}": "duty" for n in range(4)}
    cells = {
        name: type(cell)(**{**fields_of(cell), "responsible": everybody[cell.responsible]})
        for name, cell in city.network.cells.items()
    }
    city.network.cells.update(cells)
    city.see(*(city.flood(n) for n in range(0, 40, 4)))
    city.send()
    city.pass_s(60)
    city.see(city.flood(4, Severity.EXTREME))  # known place: waits
    city.see(city.flood(1))
    city.send()
    assert [s for s, _ in city.sms("duty")] == [0, 15, 60]
    city.see(city.flood(2))  # the allowance is used up: the deputy is told at once
    city.settle()
    city.send()
    assert [s for s, _ in city.sms("d2")] == [60]


def fields_of(cell: object) -> dict[str, object]:
    """Return the fields of a slotted dataclass."""
    return {name: getattr(cell, name) for name in cell.__slots__}  # type: ignore[attr-defined]


def test_a_listed_incident_counts_as_notified(city: City) -> None:
    """Each incident of a list has a row tied to it, which went as far as the list."""
    storm(city)
    city.pass_s(20)
    (digest,) = [n for _, n in city.calls if n.person == "r0" and n.purpose is Purpose.DIGEST]
    members = city.book.digests.members(digest.id)
    assert len(members) == 9
    for name, incident in members:
        note = city.book.notification(name)
        assert note is not None
        assert (note.state, note.digest) == (NotificationState.DELIVERED, digest.id)
        kinds = [entry.kind for entry in city.book.timeline(incident)]
        assert [k for k in kinds if k not in ("raised", "escalated")] == TOLD_BY_LIST


def test_the_code_of_a_list_answers_for_all_of_it(city: City) -> None:
    """One action takes every incident listed; codes of single incidents still work."""
    storm(city)
    city.pass_s(20)
    digest = city.book.digests.newest("r0")
    assert digest is not None
    one = city.book.digests.members(digest)[0][1]
    assert city.act(ActionKind.ACKNOWLEDGE, one, "r0").ok
    said = city.act(ActionKind.ACKNOWLEDGE, city.book.digests.code_of(digest), "r0")
    assert said.ok
    assert "8 yours" in said.words_en
    assert "1 answered before" in said.words_en
    for _, incident in city.book.digests.members(digest):
        found = city.book.incident(incident)
        assert found is not None
        assert (found.status, found.acknowledged_by) == (Status.ACKNOWLEDGED, "r0")
    city.pass_s(400, every=5)
    assert len(city.sms("d0")) == 1  # only the one that was paged by itself still waits


def test_what_was_answered_before_the_list_left_is_not_on_it(city: City) -> None:
    """Held pages of an incident that somebody took are not listed."""
    storm(city)
    for incident in city.book.open_incidents():
        if incident.cell == "c0" and incident.site not in ("s0", "s4", "s8"):
            city.act(ActionKind.ACKNOWLEDGE, incident.id, "d0")
    city.pass_s(30)
    texts = [text for _, text in city.sms("r0")]
    assert len(texts) == 2
    assert "又有" not in texts[0]
    assert "又有2起险情" in texts[1] or "又有3起险情" in texts[1]


def test_the_only_one_held_goes_as_a_page_of_its_own(city: City) -> None:
    """A list of one is no list: the person gets the full page."""
    city.see(city.flood(0), city.flood(4))
    city.send()
    city.pass_s(20)
    (_, first), (second, text) = city.sms("r0")
    assert second == 15
    assert "4.82" in first
    assert "4.82" in text


def test_a_list_that_fails_goes_by_the_next_way(city: City) -> None:
    """When the list cannot be sent, each incident on it is told by the next channel."""
    storm(city)
    city.clock.advance(16)
    city.settle()
    city.send(NotificationState.FAILED)
    city.settle()
    city.send()
    chats = {n.incident for _, n in city.calls if n.person == "r0" and n.channel == "chat"}
    assert len(chats) == 9


def test_an_unconfirmed_list_goes_by_the_next_way(city: City) -> None:
    """Without a delivery report in time, each incident on the list is told otherwise."""
    storm(city)
    city.clock.advance(16)
    city.settle()
    city.send(NotificationState.SENT)
    city.clock.advance(61)
    city.settle()
    city.send()
    chats = {n.incident for _, n in city.calls if n.person == "r0" and n.channel == "chat"}
    assert len(chats) == 9


def test_worse_while_held_is_listed_once_as_it_is_now(city: City) -> None:
    """A held page of a danger that got worse is replaced, not doubled."""
    city.see(*(city.flood(n, Severity.SEVERE) for n in range(0, 40, 4)))
    city.send()
    city.see(*(city.flood(n, Severity.EXTREME, Change.WORSENED) for n in range(0, 40, 4)))
    city.send()
    city.pass_s(120)
    (digest,) = [n for _, n in city.calls if n.person == "r0" and n.purpose is Purpose.DIGEST]
    incidents = [incident for _, incident in city.book.digests.members(digest.id)]
    assert len(incidents) == len(set(incidents)) == 10
    assert "红色洪水10" in digest.text


def test_a_stand_down_of_many_is_one_message(city: City) -> None:
    """Standing many dangers down does not start a storm of its own."""
    storm(city)
    city.pass_s(700, every=5)
    before = len(city.sms("r0"))
    for incident in city.book.open_incidents():
        if incident.cell == "c0":
            city.act(ActionKind.STAND_DOWN, incident.id, "duty")
    city.send()
    city.pass_s(1300, every=5)
    texts = [text for _, text in city.sms("r0")[before:]]
    assert len(texts) <= 4
    assert any("解除" in text for text in texts)


def test_a_kill_at_any_statement_of_the_list_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """The timer, the list and its rows are one transaction: all of it or none, and once."""
    at = 0
    while True:
        city = City(tmp_path / f"{at}.db", 12, cells=1)
        storm(city, 12)
        city.clock.advance(16)
        died = dies_at(city, at)
        city.respond.close()
        city.start()
        city.settle()
        city.send()
        lists = [n for _, n in city.calls if n.purpose is Purpose.DIGEST]
        assert len(lists) == 1, at
        assert city.hidden() == []
        city.close()
        if not died:
            break
        at += 3
    assert at > 20


def dies_at(city: City, statement: int) -> bool:
    """Let respond fire its timers and die at the ``statement``-th statement; say whether it did."""
    connection = city.respond._connection
    left = [statement]

    def count(_sql: str) -> None:
        left[0] -= 1

    connection.set_trace_callback(count)
    connection.set_progress_handler(lambda: left[0] < 0, 1)
    try:
        city.settle()
    except (StoreError, sqlite3.OperationalError):
        return True
    finally:
        connection.set_progress_handler(None, 0)
        connection.set_trace_callback(None)
    return left[0] < 0
