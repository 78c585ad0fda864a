"""Unanswered pages go up: a real store, real timers, a hand-set clock."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from town import LI, PEOPLE, STEPS, WANG, Town, failed, with_hub_policy

from hub.dispatch.escalation import Reason, next_channel, plan
from hub.model.incident import ActionKind, Status
from hub.model.network import Hazard, Severity
from hub.model.notification import NotificationState, Purpose
from hub.model.response import EscalationPolicy, EscalationStep, People, Person
from hub.model.transition import Change, Kind
from hub.store.database import transaction

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DELIVERED = NotificationState.DELIVERED
FAILED = NotificationState.FAILED
SENT = NotificationState.SENT


@pytest.fixture
def town_of(tmp_path: Path) -> Callable[[tuple[EscalationStep, ...]], Town]:
    """Return a maker of towns with other steps."""

    def made(*steps: EscalationStep, persons: tuple[Person, ...] = (), repeat: int = 0) -> Town:
        policy = EscalationPolicy(name="default", steps=steps, repeat=repeat)
        people = replace(PEOPLE, policies={"default": policy})
        if persons:
            people = replace(people, persons={p.id: p for p in persons})
        return Town(tmp_path / "other.db", with_hub_policy(people))

    return made  # type: ignore[return-value]


def test_unanswered_red_reaches_the_three_levels_in_time(town: Town) -> None:
    """Steps are hit at 0, 5 and 10 minutes, then the second round begins."""
    town.see(town.flood())
    reached: list[tuple[int, str]] = []
    for second in range(0, 16 * 60, 10):
        new = [n for n in town.pages() if n.state is not DELIVERED]
        reached += [(second, n.person) for n in new]
        town.mark(DELIVERED)
        town.pass_s(10)
    assert reached == [(0, "li"), (300, "wang"), (600, "zhao"), (900, "li")]


def test_who_is_told_later_reads_the_newest_value(town: Town) -> None:
    """The deputy at five minutes is told how the river stands then, not how it stood."""
    town.see(town.flood())
    town.clock.advance(290)
    town.measure(4.9, 5.0, 5.1)
    town.pass_s(10)
    (second,) = [n for n in town.pages() if n.person == "wang"]
    assert "level 5.1 m, over danger 4.5 m, rising 6 m/h, since 14:00" in second.text


def test_a_single_newer_value_keeps_its_trend(town: Town) -> None:
    """The trend is that of the last readings, also of those from before the page."""
    town.measure(4.7, 4.8, 4.9)
    town.see(town.flood())
    town.clock.advance(290)
    town.measure(5.0)
    town.pass_s(10)
    (second,) = [n for n in town.pages() if n.person == "wang"]
    assert "level 5 m, over danger 4.5 m, rising " in second.text


def test_a_value_back_behind_its_limit_is_not_held_against_it(town: Town) -> None:
    """Within the hysteresis the page gives value and trend, and no "under" of a rising limit."""
    town.see(town.flood())
    town.clock.advance(290)
    town.measure(4.5, 4.48, 4.46)
    town.pass_s(10)
    (second,) = [n for n in town.pages() if n.person == "wang"]
    assert "level 4.46 m, falling 1.2 m/h, since 14:00" in second.text


def test_a_forecast_told_later_is_shorter_by_the_wait(town: Town) -> None:
    """Forty minutes at the first page are thirty-five at the second."""
    town.see(town.forecast(2400, 4200))
    town.pass_s(300)
    (second,) = [n for n in town.pages() if n.person == "wang"]
    assert "crosses danger 4.5 m in 35 min (0-65)" in second.text


def test_a_forecast_that_ran_out_is_not_told_again(town: Town) -> None:
    """When even its longest span is over, the page says what is measured and nothing else."""
    town.see(town.forecast(60, 240))
    town.pass_s(300)
    (second,) = [n for n in town.pages() if n.person == "wang"]
    assert "crosses" not in second.text
    assert "level 4 m, rising 0.31 m/h" in second.text


def test_a_silent_stream_is_named_with_how_long(tmp_path: Path) -> None:
    """A page about silence says what is silent and for how long, not in UTC."""
    policies = {**PEOPLE.policies, "maintenance": PEOPLE.policies["default"]}
    town = Town(tmp_path / "store.db", replace(PEOPLE, policies=policies))
    step = town.fault(kind=Kind.SILENCE)
    onset_us = town.clock.now_us() - 600_000_000
    town.see(replace(step, evidence=replace(step.evidence, onset_us=onset_us)))
    assert "水位已10分钟无数据" in town.pages()[0].text
    town.close()


def test_an_answer_a_second_before_stops_the_step(town: Town) -> None:
    """Acknowledged at 4:59 sends nothing at 5:00 or ever after."""
    town.see(town.flood())
    town.mark(DELIVERED)
    town.pass_s(299)
    assert town.act(ActionKind.ACKNOWLEDGE, by="li").ok
    town.pass_s(1)
    town.pass_s(100_000)
    assert town.told() == [("li", "sms", "page")]
    assert town.book.deadlines(town.only().id) == []


def test_a_restart_a_second_before_changes_nothing(town: Town) -> None:
    """Restarted at 4:58, the second step is told at 5:00 and not sooner."""
    town.see(town.flood())
    town.mark(DELIVERED)
    town.pass_s(298)
    town.restart()
    town.pass_s(1)
    assert len(town.told()) == 1
    town.pass_s(1)
    assert [person for person, _, _ in town.told()] == ["li", "wang"]


def test_what_came_due_while_down_fires_once_most_severe_first(town: Town) -> None:
    """After an hour of downtime each incident goes one step on at once, red before yellow."""
    town.see(
        town.transition("smoke:hall/smoke", Change.RAISED, Severity.MODERATE, slot=1, value=1.0)
    )
    town.see(town.flood())
    town.mark(DELIVERED)
    town.respond.close()
    town.clock.advance(3600)
    town.respond = town.start()
    town.settle()
    town.settle()
    hazards = {i.id: i.hazard for i in town.book.open_incidents()}
    order = town.book.changes_since(0, 1000)
    escalated = [
        hazards[e.incident] for e in order if e.kind == "escalated" and e.body["step"] == 1
    ]
    assert escalated == [Hazard.FLOOD, Hazard.FIRE]
    assert [n.person for n in town.pages() if n.state is not DELIVERED] == ["wang", "wang"]


def test_timers_wait_until_watch_has_read_its_backlog(town: Town) -> None:
    """What came in before the start is read first, and a person's answer is never kept waiting."""
    town.see(town.flood())
    town.mark(DELIVERED)
    end = town.log.append_control("tick", town.clock.now_us(), "intake", {})
    town.respond.close()
    town.clock.advance(3600)
    town.respond = town.start()
    town.respond._backlog_until = time.monotonic() + 60
    town.settle()
    assert len(town.pages()) == 1
    town.log.set_position("watch", end)
    town.settle()
    assert len(town.pages()) == 2


def test_an_empty_step_is_passed_over_at_once(
    town_of: Callable[..., Town],
) -> None:
    """Nobody on call at the first level: the second is told at t=0, and it is written down."""
    town = town_of(replace(STEPS[0], notify=("on-call:nobody",)), STEPS[1])
    town.see(town.flood())
    assert town.told() == [("wang", "sms", "page")]
    skipped = [e for e in town.book.timeline(town.only().id) if e.kind == "skipped"]
    assert [e.body["reason"] for e in skipped] == ["empty-step"]
    town.close()


def test_when_no_step_reaches_anyone_everyone_is_told_and_the_hub_is_loud(
    town_of: Callable[..., Town],
) -> None:
    """An empty roster falls to all that the cell knows, and is trouble of the hub."""
    town = town_of(EscalationStep(notify=("on-call:nobody",), by=("sms",), wait_s=300.0))
    town.see(town.flood())
    told = sorted((n.person, str(n.purpose)) for n in town.pages())
    assert told == [("li", "page"), ("wang", "page"), ("zhao", "hub")]
    hub = next(i for i in town.book.open_incidents() if i.hazard is Hazard.HUB)
    assert "nobody on call" in hub.headline_en
    town.close()


def test_all_rounds_without_an_answer_is_trouble_of_the_hub(
    town_of: Callable[..., Town],
) -> None:
    """After the last round the incident still stands, and the operator is paged."""
    town = town_of(STEPS[0], repeat=1)
    town.see(town.flood())
    for _ in range(4):
        town.mark(DELIVERED)
        town.pass_s(300)
    flood = next(i for i in town.book.open_incidents() if i.hazard is Hazard.FLOOD)
    assert flood.status is Status.TRIGGERED
    assert [p for p, _, purpose in town.told() if purpose == "page"] == ["li", "li"]
    assert "exhausted" in town.kinds(flood.id)
    assert ("zhao", "sms", "hub") in town.told()
    town.close()


def test_a_danger_nobody_took_goes_round_again_while_it_stands(
    town_of: Callable[..., Town],
) -> None:
    """All rounds over, the whole chain is called once more every quarter of an hour.

    Not for what is over, again when it is back, and no longer once somebody answers.
    """
    town = town_of(STEPS[0], STEPS[1])
    town.see(town.flood())
    paged_after = pages_by_minute(town, 60)
    assert paged_after == [
        (0, "li"),
        (5, "wang"),
        (25, "li"),
        (30, "wang"),
        (50, "li"),
        (55, "wang"),
    ]
    town.see(town.flood(Change.CLEARED))
    assert not pages_by_minute(town, 60)
    town.see(town.flood())
    assert {person for _, person in pages_by_minute(town, 40)} == {"li", "wang"}
    flood = next(i for i in town.book.open_incidents() if i.hazard is Hazard.FLOOD)
    town.act(ActionKind.ACKNOWLEDGE, flood.id)
    assert not pages_by_minute(town, 60)
    town.close()


def pages_by_minute(town: Town, minutes: int) -> list[tuple[int, str]]:
    """Let time pass; return who was paged about a danger, and after how many minutes."""
    told: list[tuple[int, str]] = []
    for minute in range(minutes):
        fresh = [n for n in town.pages() if n.state is NotificationState.PENDING]
        told += [(minute, n.person) for n in fresh if n.purpose is Purpose.PAGE]
        town.mark(DELIVERED)
        town.pass_s(60)
    return told


def test_a_failed_page_goes_by_the_next_channel_at_once(town: Town) -> None:
    """The provider's refusal sends the same person a chat message without waiting."""
    town.see(town.flood())
    town.mark(FAILED)
    town.settle()
    assert sorted(town.told()) == [("li", "chat", "page"), ("li", "sms", "page")]


def test_without_another_channel_the_next_step_is_told_at_once(town: Town) -> None:
    """Both ways to the first person fail: the deputy is told without waiting five minutes."""
    town.see(town.flood())
    for _ in range(2):
        town.mark(FAILED)
        town.settle()
    assert [n.person for n in town.pages(state=NotificationState.PENDING)] == ["wang"]
    town.mark(DELIVERED)
    town.pass_s(299)
    assert len(town.pages()) == 3
    town.pass_s(1)
    assert town.pages()[-1].person == "zhao"


def test_while_no_channel_gets_through_everybody_is_called_once(town: Town) -> None:
    """Retries of what waits call nobody anew; only what failed for good goes on."""
    town.see(town.flood())
    for _ in range(12):
        for note in town.pages():
            town.mark(NotificationState.DEFERRED, note)
            with transaction(town.connection):
                town.book.put_deadline(failed(note, town.clock.now_us()))
        town.settle()
    pages = [(n.person, n.channel) for n in town.pages() if n.purpose == "page"]
    assert len(pages) == len(set(pages))
    assert {person for person, _ in pages} == {"li", "wang", "zhao"}


def test_one_of_two_who_cannot_be_reached_does_not_hurry_the_step(
    town_of: Callable[..., Town],
) -> None:
    """While the other person of the step may still answer, the next step keeps its time."""
    both = replace(STEPS[0], notify=("deputy", "person:zhao"), by=("sms",))
    town = town_of(both, replace(STEPS[1], notify=("person:li",)))
    town.see(town.flood())
    failed, other = town.pages()
    town.mark(FAILED, failed)
    town.settle()
    assert len(town.pages()) == 2
    town.mark(DELIVERED, other)
    town.pass_s(300)
    assert town.pages()[-1].person == "li"
    town.close()


def test_an_unconfirmed_page_goes_by_the_next_channel(town: Town) -> None:
    """The provider took it and reports nothing for a minute: another way is tried."""
    town.see(town.flood())
    town.mark(SENT)
    town.pass_s(59)
    assert len(town.pages()) == 1
    town.pass_s(1)
    assert {n.channel for n in town.pages()} == {"sms", "chat"}


def test_a_confirmed_page_goes_by_no_other_channel(town: Town) -> None:
    """A delivery report in time leaves it at one message."""
    town.see(town.flood())
    town.mark(DELIVERED)
    town.pass_s(200)
    assert len(town.pages()) == 1


def test_a_channel_without_reports_is_believed(town: Town) -> None:
    """Where a provider never reports delivery, sent is all there is to wait for."""
    town.see(town.flood())
    town.mark(FAILED)
    town.settle()
    (chat,) = town.pages(state=NotificationState.PENDING)
    town.mark(SENT, chat)
    town.pass_s(200)
    assert len(town.pages()) == 2


def test_unconfirmed_by_all_channels_calls_the_next_person(town: Town) -> None:
    """A deputy with one number and no report: the duty officer is told after a minute."""
    town.see(town.flood())
    town.mark(DELIVERED)
    town.pass_s(300)
    town.mark(SENT, town.pages()[-1])
    town.pass_s(60)
    assert [n.person for n in town.pages()] == ["li", "wang", "zhao"]


def test_a_stepped_clock_keeps_the_remaining_time(town: Town) -> None:
    """An hour forwards or back, the next step still comes five minutes after the first."""
    town.see(town.flood())
    town.mark(DELIVERED)
    for by_s in (3600, -7200):
        town.pass_s(100)
        town.clock.step(by_s)
        town.settle()
    assert len(town.told()) == 1
    town.pass_s(99)
    assert len(town.told()) == 1
    town.pass_s(1)
    assert sorted(p for p, _, _ in town.told()) == ["li", "wang"]
    assert any(i.headline_en.startswith("The hub itself") for i in town.book.open_incidents())
    steps = town.log.read(0, 100).controls
    assert [c.body["by_s"] for c in steps if c.kind == "clock-step"] == [3600.0, -7200.0]


@pytest.mark.parametrize("by_s", [3600, -3600])
def test_a_timer_set_right_after_the_step_is_not_moved(town: Town, by_s: float) -> None:
    """What watch sets on the new clock before respond noticed rings on the new clock."""
    town.settle()
    town.clock.step(by_s)
    town.see(town.flood())
    town.settle()
    town.mark(DELIVERED)
    town.pass_s(299)
    assert len(town.told()) == 1
    town.pass_s(1)
    assert len(town.told()) == 2


def test_a_slewed_clock_is_followed_silently(town: Town) -> None:
    """A second of disagreement is not a step."""
    town.clock.step(1.0)
    town.settle()
    assert town.book.open_incidents() == []


def test_pages_written_before_the_clock_went_back_go_now(town: Town) -> None:
    """A page that waits to be sent is not held for an hour by a clock set back."""
    town.see(town.flood())
    town.clock.step(-3600)
    town.settle()
    page = next(n for n in town.pages() if n.person == "li")
    assert page.due_us <= town.clock.now_us()


def test_no_page_is_sent_after_the_answer_even_if_it_comes_back(town: Town) -> None:
    """A page in flight when somebody answered, and deferred afterwards, is taken back."""
    town.see(town.flood())
    (page,) = town.pages()
    town.mark(NotificationState.SENDING, page)
    town.act(ActionKind.ACKNOWLEDGE)
    town.mark(NotificationState.DEFERRED, page)
    town.settle()
    assert town.pages()[0].state is NotificationState.CANCELLED


def test_a_person_is_told_once_however_often_a_step_names_them() -> None:
    """Responsible, on call and named: one page, for the first reason."""
    level = replace(STEPS[0], notify=("person:zhao", "on-call:duty", "person:zhao"))
    policy = EscalationPolicy(name="p", steps=(level,))
    due = plan(policy, PEOPLE, None, at_us=0, step=0, first=0)
    assert [(c.person.id, c.reason) for c in due.contacts] == [("zhao", Reason.NAMED)]


def test_channels_are_tried_in_the_order_of_the_step() -> None:
    """The step's order rules; a person with none of them is told by what there is."""
    first = next_channel(LI, ("chat", "sms"), ())
    second = next_channel(LI, ("chat", "sms"), ("chat",))
    other = next_channel(WANG, ("voice",), ())
    assert first is not None
    assert second is not None
    assert other is not None
    assert (first.channel, second.channel, other.channel) == ("chat", "sms", "sms")
    assert next_channel(LI, ("chat", "sms"), ("chat", "sms")) is None


def test_a_danger_without_a_policy_goes_to_who_answers_for_the_place(tmp_path: Path) -> None:
    """With no policy configured at all, the responsible person and then the deputy are told."""
    people = People(persons=PEOPLE.persons, shifts=(), policies={})
    town = Town(tmp_path / "bare.db", people)
    town.see(town.flood())
    town.mark(DELIVERED)
    town.pass_s(300)
    assert sorted(p for p, _, _ in town.told()) == ["li", "wang"]
    town.close()
