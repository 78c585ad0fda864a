"""What people do: each action has its effect once and an answer in both languages."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from town import MINUTE_US

from hub.incident.suppress import muting
from hub.model.book import Mute
from hub.model.incident import ActionKind, Presence, Status
from hub.model.network import Hazard, Severity
from hub.model.notification import NotificationState, Purpose
from hub.model.transition import Change, Kind
from hub.store.database import transaction

if TYPE_CHECKING:
    from town import Town


def test_acknowledge_by_code_in_small_letters(town: Town) -> None:
    """A reply with the code in any case acknowledges, and is answered in both languages."""
    town.see(town.flood())
    incident = town.only()
    result = town.act(ActionKind.ACKNOWLEDGE, incident.code.lower(), via="sms")
    assert (result.ok, result.incident) == (True, incident.id)
    assert incident.code in result.words_en
    assert "已接警" in result.words_zh
    assert (town.only().status, town.only().acknowledged_by) == (Status.ACKNOWLEDGED, "li")


def test_an_action_is_applied_once(town: Town) -> None:
    """A respond loop that reads an action again keeps its first answer."""
    town.see(town.flood())
    town.act(ActionKind.ACKNOWLEDGE)
    before = town.only()
    with transaction(town.connection):
        town.log.set_position("respond", 0)
    town.settle()
    assert town.only() == before
    assert town.kinds(before.id).count("acknowledged") == 1


def test_acknowledging_again_says_so(town: Town) -> None:
    """The same person hears that they have it, another who has it; nobody loses it."""
    town.see(town.flood())
    town.act(ActionKind.ACKNOWLEDGE, by="li")
    assert "already" in town.act(ActionKind.ACKNOWLEDGE, by="li").words_en
    code = town.only().code
    assert "li has it" in town.act(ActionKind.ACKNOWLEDGE, code, by="wang").words_en
    assert town.only().acknowledged_by == "li"


def test_a_reply_without_code_needs_exactly_one_incident(town: Town) -> None:
    """Two open incidents of one person: the answer lists their codes and changes nothing."""
    town.see(
        town.flood(),
        town.transition("smoke:hall/smoke", Change.RAISED, Severity.EXTREME, slot=1, value=1.0),
    )
    codes = {i.code for i in town.book.open_incidents()}
    result = town.act(ActionKind.ACKNOWLEDGE)
    assert not result.ok
    assert all(code in result.words_en and code in result.words_zh for code in codes)
    assert {i.status for i in town.book.open_incidents()} == {Status.TRIGGERED}
    assert "nothing is open" in town.act(ActionKind.ACKNOWLEDGE, by="zhao").words_en


def test_unknown_code_and_late_action_are_refused_in_words(town: Town) -> None:
    """A wrong code and an action on what is resolved get a reason, not silence."""
    town.see(town.flood())
    code = town.only().code
    assert not town.act(ActionKind.ACKNOWLEDGE, "ZZZ").ok
    town.act(ActionKind.RESOLVE, code)
    late = town.act(ActionKind.ACKNOWLEDGE, code, by="wang")
    assert not late.ok
    assert "resolved (by li)" in late.words_en
    assert "已解除" in late.words_zh


def test_a_malformed_action_is_refused_and_the_next_applied(town: Town) -> None:
    """An entry nobody can read gets its answer and stops nobody."""
    town.see(town.flood())
    bad = town.log.append_control("action", town.clock.now_us(), "x", {"kind": "dance"})
    assert town.act(ActionKind.ACKNOWLEDGE).ok
    result = town.book.action_result(bad)
    assert result is not None
    assert not result.ok


def test_resolving_what_still_stands_says_so(town: Town) -> None:
    """A person may resolve a standing danger and is told that it stands."""
    town.see(town.flood())
    result = town.act(ActionKind.RESOLVE, reason="barrier up")
    assert "1 condition(s) still stand" in result.words_en
    assert town.book.open_incidents() == []


def test_standing_down_tells_everyone_whom_a_page_may_have_reached(town: Town) -> None:
    """Those paged hear that it is over by the way they were reached; others hear nothing."""
    town.see(town.flood())
    town.mark(NotificationState.DELIVERED)
    town.pass_s(300)
    town.mark(NotificationState.SENT, town.pages()[-1])
    assert town.act(ActionKind.STAND_DOWN, by="boss", target=town.only().code).ok
    over = [n for n in town.pages() if n.purpose is Purpose.STOOD_DOWN]
    assert sorted((n.person, n.channel) for n in over) == [("li", "sms"), ("wang", "sms")]
    assert all(n.state is NotificationState.PENDING for n in over)
    assert "STOOD DOWN" in next(n.text for n in over if n.person == "wang")


def test_standing_down_before_a_page_left_tells_nobody(town: Town) -> None:
    """A page that never went is cancelled, and nobody is told of what they never heard."""
    town.see(town.flood())
    town.act(ActionKind.STAND_DOWN)
    assert [n.state for n in town.pages()] == [NotificationState.CANCELLED]


def test_a_false_alarm_by_text_message_alone_does_not_close(town: Town) -> None:
    """A sender's number can be forged: it answers the page, somebody else closes it."""
    town.see(town.flood())
    code = town.only().code
    assert not town.act(ActionKind.FALSE_ALARM, via="sms").ok
    assert town.act(ActionKind.FALSE_ALARM, code, via="sms").ok
    assert town.only().status is Status.ACKNOWLEDGED
    assert town.act(ActionKind.FALSE_ALARM, code, via="page").ok
    assert town.book.open_incidents() == []


def test_asking_for_help_calls_the_next_step_now(town: Town) -> None:
    """Escalate by a person reaches the deputy at once, also after an acknowledgement."""
    town.see(town.flood())
    town.mark(NotificationState.DELIVERED)
    town.act(ActionKind.ACKNOWLEDGE)
    result = town.act(ActionKind.ESCALATE)
    assert "1 more told" in result.words_en
    assert town.pages(state=NotificationState.PENDING)[0].person == "wang"
    assert town.only().status is Status.TRIGGERED
    town.pass_s(300)
    assert town.pages()[-1].person == "zhao"


def test_handing_over_pages_the_other_and_goes_on_if_they_do_not_answer(town: Town) -> None:
    """The next person is paged by name; without an answer the escalation goes on."""
    town.see(town.flood())
    town.mark(NotificationState.DELIVERED)
    town.act(ActionKind.ACKNOWLEDGE)
    assert town.act(ActionKind.HAND_OVER, to="赵").ok
    assert town.pages(state=NotificationState.PENDING)[0].person == "zhao"
    town.mark(NotificationState.DELIVERED)
    town.pass_s(300)
    assert town.pages()[-1].person == "wang"
    assert not town.act(ActionKind.HAND_OVER, town.only().code, to="nobody").ok


def test_arrival_answers_the_page(town: Town) -> None:
    """Somebody who is there needs no further paging."""
    town.see(town.flood())
    town.act(ActionKind.ARRIVED)
    town.pass_s(10_000)
    assert len(town.pages()) == 1
    assert "arrived" in town.kinds(town.only().id)


def test_a_note_is_kept_and_changes_nothing_else(town: Town) -> None:
    """What somebody saw is on the timeline with who and how; escalation goes on."""
    town.see(town.flood())
    town.mark(NotificationState.DELIVERED)
    town.act(ActionKind.NOTE, text="water at the third step")
    assert not town.act(ActionKind.NOTE, text="  ").ok
    entry = next(e for e in town.book.timeline(town.only().id) if e.kind == "note")
    assert (entry.by, entry.body["text"]) == ("li", "water at the third step")
    town.pass_s(300)
    assert len(town.pages()) == 2


def test_a_person_opens_an_incident_that_pages_like_any_other(town: Town) -> None:
    """What somebody saw pages at once, and joins a measured danger of the same kind."""
    result = town.act(
        ActionKind.OPEN, site="bridge", hazard="flood", severity="severe", text="overflowing"
    )
    assert result.ok
    incident = town.only()
    assert (incident.severity, incident.hazard) == (Severity.SEVERE, Hazard.FLOOD)
    assert "overflowing" in incident.headline_en
    assert town.told() == [("li", "sms", "page")]
    town.see(town.flood(severity=Severity.MODERATE))
    assert town.only().id == incident.id
    town.act(ActionKind.RESOLVE)
    assert [c.key for c in town.book.standing_conditions()] == ["level:gauge/stage"]


@pytest.mark.parametrize(
    ("details", "word"),
    [
        ({"site": "nowhere"}, "bridge"),
        ({"site": "bridge", "hazard": "dragon"}, "flood"),
        ({"site": "bridge", "severity": "red"}, "extreme"),
    ],
)
def test_opening_wrongly_says_what_would_work(
    town: Town, details: dict[str, object], word: str
) -> None:
    """A wrong site, hazard or severity is refused with the right ones listed."""
    result = town.act(ActionKind.OPEN, **details)
    assert not result.ok
    assert word in result.words_en


def test_a_drill_is_one_marked_page_and_ends_with_its_answer(town: Town) -> None:
    """The test page says DRILL in the reader's language and closes when answered."""
    assert town.act(ActionKind.TEST, "wang", by="boss").ok
    assert town.act(ActionKind.TEST, "李", by="boss").ok
    texts = {n.person: n.text for n in town.pages()}
    assert "DRILL" in texts["wang"]
    assert "演练" in texts["li"]
    assert all(i.drill for i in town.book.open_incidents())
    assert town.act(ActionKind.ACKNOWLEDGE, by="wang").ok
    assert len(town.book.open_incidents()) == 1
    town.mark(NotificationState.DELIVERED)
    town.pass_s(3600)
    assert town.book.open_incidents() == []
    assert {p for p, _, _ in town.told()} <= {"li", "wang"}


def test_a_drill_that_fails_tries_the_other_channel_and_nobody_else(town: Town) -> None:
    """A drill proves all ways to one person and never escalates."""
    town.act(ActionKind.TEST, "li", by="boss")
    for _ in range(3):
        town.mark(NotificationState.FAILED)
        town.settle()
    town.pass_s(600)
    told = sorted((n.person, n.channel) for n in town.pages())
    assert told == [("li", "chat"), ("li", "sms")]


def mute(town: Town, target: str = "gauge/stage", minutes: int = 30) -> bool:
    """Mute ``target`` for ``minutes``."""
    until_us = town.clock.now_us() + minutes * MINUTE_US
    return town.act(ActionKind.MUTE, target, reason="cleaning", until_us=until_us).ok


@pytest.mark.parametrize("target", ["gauge/stage", "gauge", "bridge"])
def test_a_muted_danger_is_recorded_and_pages_at_the_end(town: Town, target: str) -> None:
    """Under a mute of stream, node or site nothing pages; what stands at its end does at once."""
    assert mute(town, target)
    raised_us = town.clock.now_us()
    town.see(town.flood())
    assert town.pages() == []
    assert [c.muted for c in town.book.standing_conditions()] == [True]
    assert "muted" in [e.kind for e in town.book.changes_since(0, 100)]
    town.pass_s(30 * 60 - 1)
    assert town.pages() == []
    town.pass_s(1)
    assert town.told() == [("li", "sms", "page")]
    assert town.only().raised_us == raised_us


def test_what_cleared_under_a_mute_never_pages(town: Town) -> None:
    """A spike made by the brush is history at the end of the mute."""
    mute(town)
    town.see(town.flood())
    town.see(town.flood(Change.CLEARED))
    town.pass_s(3600)
    assert (town.pages(), town.book.open_incidents()) == ([], [])


def test_a_muted_sensor_cannot_say_that_a_danger_is_over(town: Town) -> None:
    """Lifting the float while cleaning does not end the flood; its end of mute may."""
    town.see(town.flood())
    mute(town)
    town.see(town.flood(Change.CLEARED))
    assert town.only().presence is Presence.PRESENT
    town.act(ActionKind.UNMUTE, "gauge/stage")
    assert town.only().presence is Presence.PAST


def test_others_that_clear_do_not_speak_for_a_muted_sensor(town: Town) -> None:
    """With one gauge muted, the other's all-clear leaves the danger present."""
    town.see(town.flood(), town.flood(key="level:other/stage"))
    mute(town, "gauge/stage")
    town.see(town.flood(Change.CLEARED))
    town.act(ActionKind.UNMUTE, "gauge/stage")
    assert town.only().presence is Presence.PRESENT
    mute(town, "gauge/stage")
    town.see(town.flood())
    town.act(ActionKind.UNMUTE, "gauge/stage")
    mute(town, "gauge/stage")
    town.see(town.flood(Change.CLEARED))
    other = town.transition("level:other/stage", Change.CLEARED, Severity.MINOR, slot=-1)
    town.see(replace(other, site="bridge", hazard=Hazard.FLOOD))
    assert town.only().presence is Presence.PRESENT
    town.act(ActionKind.UNMUTE, "gauge/stage")
    assert town.only().presence is Presence.PAST


def test_a_person_ends_a_mute_early(town: Town) -> None:
    """Unmuting pages what stands at once; unmuting twice is refused."""
    mute(town)
    town.see(town.flood())
    result = town.act(ActionKind.UNMUTE, "gauge/stage")
    assert "1 told" in result.words_en
    assert len(town.pages()) == 1
    assert not town.act(ActionKind.UNMUTE, "gauge/stage").ok
    town.pass_s(3600)
    assert next(n.step for n in town.pages()) == 0


def test_another_mute_still_holds(town: Town) -> None:
    """A mute of the node outlives the one of its stream."""
    mute(town, "gauge/stage", 10)
    mute(town, "gauge", 20)
    town.see(town.flood())
    town.pass_s(600)
    assert town.pages() == []
    town.pass_s(600)
    assert len(town.pages()) == 1


def test_mutes_need_target_reason_and_end(town: Town) -> None:
    """Each missing part is named."""
    soon = town.clock.now_us() + MINUTE_US
    assert "no site" in town.act(ActionKind.MUTE, "x", reason="r", until_us=soon).words_en
    assert "reason" in town.act(ActionKind.MUTE, "gauge", until_us=soon).words_en
    assert "end" in town.act(ActionKind.MUTE, "gauge", reason="r").words_en
    far = town.clock.now_us() + 8 * 86_400_000_000
    assert "week" in town.act(ActionKind.MUTE, "gauge", reason="r", until_us=far).words_en


@pytest.mark.parametrize("target", ["gauge/stage", "gauge", "bridge"])
def test_the_end_of_a_mute_is_said_in_local_time(town: Town, target: str) -> None:
    """Muted at 14:00 in Shanghai for an hour: until 15:00."""
    until_us = town.clock.now_us() + 60 * MINUTE_US
    done = town.act(ActionKind.MUTE, target, reason="cleaning", until_us=until_us)
    assert done.words_en == f"{target}: muted until 2026-11-24 15:00"
    assert done.words_zh == f"{target}：静音至 2026-11-24 15:00"


def test_a_mute_keeps_its_length_when_the_clock_steps(town: Town) -> None:
    """Half an hour of cleaning is half an hour, whatever the time server does."""
    mute(town)
    town.see(town.flood())
    town.clock.step(7200)
    town.pass_s(29 * 60)
    assert [n for n in town.pages() if n.purpose is Purpose.PAGE] == []
    town.pass_s(60)
    assert [n.person for n in town.pages()] == ["li"]


def test_silence_under_a_mute_stays_off_the_board(town: Town) -> None:
    """A node switched off for cleaning is no maintenance incident until the mute ends."""
    mute(town, "gauge")
    town.see(town.fault(kind=Kind.SILENCE))
    assert town.book.open_incidents() == []
    town.pass_s(1800)
    assert town.only().hazard is Hazard.SENSOR


def test_a_mute_ends_exclusively() -> None:
    """At its last instant a mute holds no more."""
    held = Mute(id=1, target="bridge", reason="r", by="li", from_us=10, until_us=20)
    assert muting([held], "bridge", "gauge/stage", 10) == held
    assert muting([held], "bridge", "gauge/stage", 20) is None
    assert muting([held], "school", "hall/smoke", 15) is None
