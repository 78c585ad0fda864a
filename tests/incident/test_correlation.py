"""Transitions become incidents: one per site and hazard, named alike on every replay."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from town import NETWORK, START_US

from hub.incident.cells import answering, cell_of, contains
from hub.incident.correlate import Effect
from hub.incident.identity import ALPHABET, incident_id, reply_code
from hub.model.incident import ActionKind, Presence, Status
from hub.model.network import Hazard, Severity
from hub.model.notification import NotificationState, Purpose
from hub.model.transition import Change, Kind

if TYPE_CHECKING:
    from town import Town


def test_a_danger_pages_in_the_transaction_that_saw_it(town: Town) -> None:
    """The first page is in the outbox at once, with text, link and code, to who answers."""
    recorded = town.see(town.flood())
    (page,) = town.pages()
    incident = town.only()
    assert recorded.effects == (Effect.OPENED,)
    assert recorded.notifications == 1
    assert (page.person, page.channel, page.state) == ("li", "sms", NotificationState.PENDING)
    assert page.due_us == town.clock.now_us()
    assert page.link == "https://hub.example/a/token1"
    assert "青溪桥" in page.text
    assert incident.code in page.text
    assert (incident.cell, incident.policy, incident.step) == ("c1", "default", 0)
    link = town.book.link("token1")
    assert link is not None
    assert (link.incident, link.person) == (incident.id, "li")


def test_what_joins_an_incident_does_not_page_again(town: Town) -> None:
    """A second condition of the same site and hazard is one incident and one page."""
    town.see(town.flood())
    recorded = town.see(town.flood(key="rate:gauge/stage", severity=Severity.SEVERE))
    assert recorded.effects == (Effect.JOINED,)
    assert len(town.pages()) == 1
    assert {c.key for c in town.book.conditions(town.only().id)} == {
        "level:gauge/stage",
        "rate:gauge/stage",
    }


def test_a_quick_rise_is_one_page_of_the_worst_level(town: Town) -> None:
    """Levels crossed within one batch make one page that says the last of them."""
    town.see(
        town.flood(severity=Severity.MODERATE),
        town.flood(Change.WORSENED, Severity.SEVERE),
        town.flood(Change.WORSENED, Severity.EXTREME),
    )
    (page,) = town.pages()
    assert (page.severity, page.purpose) == (Severity.EXTREME, Purpose.PAGE)


def test_what_worsens_before_the_page_left_is_still_a_first_page(town: Town) -> None:
    """A page overtaken by a worse level is replaced: one page to send, not called worse."""
    town.see(town.flood(severity=Severity.MODERATE))
    town.see(town.flood(Change.WORSENED))
    (page,) = town.pages(state=NotificationState.PENDING)
    assert (page.severity, page.purpose) == (Severity.EXTREME, Purpose.PAGE)
    assert "加重" not in page.text


def test_the_same_transitions_again_change_nothing(town: Town) -> None:
    """Recording twice what a crash made uncertain writes one incident and one page."""
    found = (town.flood(severity=Severity.SEVERE), town.flood(Change.WORSENED))
    town.see(*found)
    before = [list(town.connection.iterdump())]
    assert town.see(*found).effects == (Effect.REPEATED, Effect.REPEATED)
    assert [list(town.connection.iterdump())] == before


def test_an_acknowledged_incident_that_worsens_pages_again(town: Town) -> None:
    """Somebody took it at orange; red starts the escalation from the first step."""
    town.see(town.flood(severity=Severity.SEVERE))
    town.act(ActionKind.ACKNOWLEDGE)
    town.see(town.flood(Change.WORSENED, Severity.EXTREME))
    assert town.only().status is Status.TRIGGERED
    assert town.told() == [("li", "sms", "worsened")]
    town.pass_s(300)
    assert ("wang", "sms", "page") in town.told()


def test_what_worsens_unanswered_tells_everyone_told_so_far(town: Town) -> None:
    """Both people paged hear of the worse level, and the escalation keeps its time."""
    town.see(town.flood(severity=Severity.MODERATE))
    town.mark(NotificationState.DELIVERED)
    town.pass_s(300)
    town.mark(NotificationState.DELIVERED)
    town.see(town.flood(Change.WORSENED, Severity.SEVERE))
    worse = [n.person for n in town.pages() if n.purpose is Purpose.WORSENED]
    assert sorted(worse) == ["li", "wang"]
    town.mark(NotificationState.DELIVERED)
    town.pass_s(300)
    assert town.told()[-1] == ("zhao", "sms", "page")


def test_easing_and_coming_back_within_minutes_is_the_same_danger(town: Town) -> None:
    """An acknowledged level that flaps does not page at each crossing."""
    town.see(town.flood())
    town.act(ActionKind.ACKNOWLEDGE)
    town.clock.advance(60)
    town.see(town.flood(Change.CLEARED))
    town.clock.advance(60)
    assert town.see(town.flood()).effects == (Effect.JOINED,)
    assert town.only().presence is Presence.PRESENT
    assert town.only().status is Status.ACKNOWLEDGED


def test_a_danger_that_returns_after_it_was_over_pages_again(town: Town) -> None:
    """Acknowledged, over for an hour, and here again: somebody has to answer again."""
    town.see(town.flood())
    town.act(ActionKind.ACKNOWLEDGE)
    town.see(town.flood(Change.CLEARED))
    town.clock.advance(3600)
    assert town.see(town.flood()).effects == (Effect.RETURNED,)
    assert town.only().status is Status.TRIGGERED
    assert len(town.pages(state=NotificationState.PENDING)) == 1


def test_cleared_and_unanswered_stays_and_escalates_as_past(town: Town) -> None:
    """What is over by measurement still wants an answer, and the text says it is over."""
    town.see(town.flood())
    town.see(town.flood(Change.CLEARED))
    incident = town.only()
    assert (incident.status, incident.presence) == (Status.TRIGGERED, Presence.PAST)
    town.pass_s(300)
    (second,) = [n for n in town.pages() if n.person == "wang"]
    assert "back to normal" in second.text


def test_a_fault_goes_on_the_board_and_wakes_nobody(town: Town) -> None:
    """Broken and silent sensors share one incident without pages; live data closes it."""
    town.see(town.fault(), town.fault(kind=Kind.SILENCE))
    incident = town.only()
    assert (incident.hazard, incident.policy, town.pages()) == (Hazard.SENSOR, "maintenance", [])
    town.see(town.fault(Change.CLEARED))
    assert town.only().presence is Presence.PRESENT
    town.see(town.fault(Change.CLEARED, kind=Kind.SILENCE))
    assert town.book.open_incidents() == []
    closed = town.book.incident(incident.id)
    assert closed is not None
    assert (closed.status, closed.resolved_by) == (Status.RESOLVED, "tocsin")


def test_silence_of_its_own_sensor_ends_no_danger(town: Town) -> None:
    """The sensor that told of a flood falls silent, speaks again: the flood waits for a person."""
    town.see(town.flood())
    flood = town.only()
    town.see(town.fault(kind=Kind.SILENCE))
    town.see(town.fault(Change.CLEARED, kind=Kind.SILENCE))
    still = town.only()
    assert (still.id, still.status, still.presence) == (
        flood.id,
        Status.TRIGGERED,
        Presence.PRESENT,
    )


def test_maintenance_with_a_policy_waits_for_the_morning(town: Town) -> None:
    """At two in the morning nobody is paged for a sensor; at eight the first step is."""
    policies = {**town.people.policies, "maintenance": town.people.policies["default"]}
    town.people = replace(town.people, policies=policies)
    town.restart()
    town.pass_s(12 * 3600)  # 02:00 in Shanghai
    town.see(town.fault())
    town.pass_s(6 * 3600 - 1)
    assert town.pages() == []
    town.pass_s(1)
    assert town.told() == [("li", "sms", "page")]


def test_maintenance_that_is_over_takes_its_page_back(town: Town) -> None:
    """By day a fault may page by its policy; once it cleared, nothing waits and nothing rings."""
    policies = {**town.people.policies, "maintenance": town.people.policies["default"]}
    town.people = replace(town.people, policies=policies)
    town.see(town.fault())
    assert len(town.pages(state=NotificationState.PENDING)) == 1
    town.see(town.fault(Change.CLEARED))
    (page,) = town.pages()
    assert page.state is NotificationState.CANCELLED
    assert town.book.deadlines(page.incident) == []


def test_the_hub_pages_its_operator(staffed_town: Town) -> None:
    """Trouble of the hub itself goes to the policy "hub", marked as such."""
    town = staffed_town
    town.see(town.transition("deaf:hub", Change.RAISED, Severity.SEVERE, slot=-1, kind=Kind.HUB))
    assert (town.only().site, town.only().hazard) == ("hub", Hazard.HUB)
    assert town.told() == [("zhao", "sms", "hub")]


def test_found_late_is_one_page_that_says_so(town: Town) -> None:
    """Backfill that proves a standing danger pages once, marked."""
    old = START_US - 7_200_000_000
    town.see(town.flood(found_late=True, time_us=old))
    town.see(town.flood(Change.WORSENED, Severity.EXTREME, found_late=True, time_us=old + 1))
    (page,) = town.pages()
    assert "延迟发现" in page.text
    assert (town.only().found_late, town.only().raised_us) == (True, old)


def test_sites_and_hazards_are_incidents_of_their_own(town: Town) -> None:
    """Smoke in the school is not part of the flood at the bridge."""
    town.see(
        town.flood(),
        town.transition("smoke:hall/smoke", Change.RAISED, Severity.EXTREME, slot=1, value=1.0),
    )
    assert {(i.site, i.hazard) for i in town.book.open_incidents()} == {
        ("bridge", Hazard.FLOOD),
        ("school", Hazard.FIRE),
    }
    assert len({i.code for i in town.book.open_incidents()}) == 2


def test_after_resolving_a_worse_level_is_a_new_incident(town: Town) -> None:
    """A danger closed by a person too early pages again as soon as it grows."""
    town.see(town.flood(severity=Severity.MODERATE))
    first = town.only()
    town.act(ActionKind.RESOLVE)
    town.see(town.flood(Change.WORSENED))
    assert town.only().id != first.id
    assert town.pages(state=NotificationState.PENDING) != []


def test_ids_and_codes_are_the_same_on_every_replay() -> None:
    """Names depend on site, hazard and raising time, and on nothing else."""
    assert incident_id("bridge", "flood", 5, lambda _: False) == incident_id(
        "bridge", "flood", 5, lambda _: False
    )
    first = incident_id("bridge", "flood", 5, lambda _: False)
    assert incident_id("bridge", "flood", 5, lambda name: name == first) != first


@given(st.lists(st.text("0123456789abcdef", min_size=12, max_size=12), unique=True, max_size=200))
def test_open_incidents_never_share_a_code(names: list[str]) -> None:
    """Codes are three characters that cannot be misread, and differ while open."""
    codes: set[str] = set()
    for name in names:
        code = reply_code(name, codes)
        assert code not in codes
        assert len(code) == 3
        assert set(code) <= set(ALPHABET)
        codes.add(code)


def test_codes_grow_rather_than_repeat() -> None:
    """With every short code of an incident taken its code is longer."""

    class AllShort(set[str]):
        def __contains__(self, code: object) -> bool:
            return len(str(code)) == 3

    assert len(reply_code("abc", AllShort())) == 4


def test_a_site_without_a_named_cell_lies_in_the_one_around_it() -> None:
    """Point in polygon finds the cell, and the cell the people, responsible first."""
    cell = cell_of(NETWORK, NETWORK.sites["bridge"])
    assert cell is not None
    assert answering(cell) == ("li", "wang")
    away = replace(NETWORK.sites["bridge"], latitude=40.0)
    assert cell_of(NETWORK, away) is None


@given(x=st.floats(0, 2), y=st.floats(0, 2))
def test_neighbouring_cells_share_no_point(x: float, y: float) -> None:
    """Four squares of a grid hold each point of it at most once, edges included."""
    squares = [
        ((a, b), (a + 1, b), (a + 1, b + 1), (a, b + 1), (a, b)) for a in (0, 1) for b in (0, 1)
    ]
    inside = sum(contains(square, x, y) for square in squares)
    assert inside <= 1
    if 0 < x < 2 and 0 < y < 2:
        assert inside == 1
