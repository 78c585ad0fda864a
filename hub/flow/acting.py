"""What each action of a person does to the book; every action gets an answer in words.

One handler per kind, chosen from a literal table. A refusal is an answer too: it says
what is wrong and what would work. Runs inside respond's transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from hub.clock import MICROSECONDS
from hub.dispatch import escalation
from hub.dispatch.escalation import Contact, Reason
from hub.errors import TransitionError
from hub.flow import muting, opening
from hub.flow.desk import Desk
from hub.flow.paging import Pager
from hub.flow.record import record_troubles
from hub.flow.refusal import Done, RefusalError
from hub.incident import lifecycle
from hub.model.book import ActionResult, Detail
from hub.model.incident import Action, ActionKind, Status
from hub.model.notification import Purpose
from hub.store.book import Book

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hub.model.incident import Incident
    from hub.model.response import Person

STATES: Final = {
    Status.TRIGGERED: "待接警",
    Status.ACKNOWLEDGED: "已接警",
    Status.RESOLVED: "已解除",
}
LONGEST_NOTE: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One action and what it acts on, at the hub's ``now_us``."""

    book: Book
    desk: Desk
    pager: Pager
    action: Action
    now_us: int

    def text(self, name: str) -> str:
        """Return the detail ``name`` as bounded text, empty if it was not given."""
        value = self.action.details.get(name)
        return "" if value is None else str(value).strip()[:LONGEST_NOTE]


def apply(book: Book, desk: Desk, action: Action, now_us: int) -> ActionResult:
    """Do what ``action`` says, or refuse it, and return what to tell its author."""
    pager = Pager(book, desk, now_us)
    scene = Scene(book=book, desk=desk, pager=pager, action=action, now_us=now_us)
    try:
        done = HANDLERS[action.kind](scene)
    except RefusalError as refusal:
        return ActionResult(
            offset=action.offset, ok=False, words_en=refusal.words_en, words_zh=refusal.words_zh
        )
    record_troubles(book, desk, pager)
    return ActionResult(
        offset=action.offset,
        ok=True,
        words_en=done.words_en,
        words_zh=done.words_zh,
        incident=done.incident,
    )


def incident_of(scene: Scene) -> Incident:
    """Return the incident meant: the one named, or the only open one of this person.

    Raises:
        RefusalError: none, or more than one; it lists the codes to choose from.
    """
    name = scene.action.target.strip()
    if name:
        found = scene.book.incident(name)
        if found is None:
            raise RefusalError(f"no incident {name[:20]}", f"没有事件 {name[:20]}")
        return found
    known = scene.action.by in scene.desk.people.persons
    mine = scene.book.open_of_person(scene.action.by) if known else scene.book.open_incidents()
    if len(mine) == 1:
        return mine[0]
    if not mine:
        raise RefusalError("nothing is open for you", "您没有待处理的事件")
    codes = " ".join(i.code for i in mine[:8])
    raise RefusalError(f"which one? add the code: {codes}", f"请注明编号：{codes}")


def act(scene: Scene, kind: ActionKind) -> tuple[Incident, Incident]:
    """Return the incident before and after ``kind``; nothing is written yet.

    Raises:
        RefusalError: the action is not open to it.
    """
    before = incident_of(scene)
    try:
        after = lifecycle.act(before, kind, by=scene.action.by, at_us=scene.action.at_us)
    except TransitionError as error:
        state = STATES[before.status]
        raise RefusalError(str(error), f"事件{before.code}{state}，不能执行此操作") from error
    return before, replace(after, changed_us=scene.now_us)


def keep(scene: Scene, incident: Incident, kind: str) -> None:
    """Write ``incident`` after its action, with a line that says who did what and how."""
    body: dict[str, Detail] = {"via": scene.action.via, "offset": scene.action.offset}
    given = {name: scene.text(name) for name in ("text", "reason", "to") if scene.text(name)}
    scene.pager.out.note(incident, kind, {**body, **given}, by=scene.action.by)
    scene.book.put_incident(incident)
    scene.pager.stop(incident, f"{kind} by {scene.action.by}")
    if incident.status is Status.RESOLVED:
        opening.close_own(scene.book, incident)


def acknowledge(scene: Scene) -> Done:
    """Somebody takes it: what is pending is taken back, nothing escalates any more."""
    listed = digest_named(scene)
    if listed:
        return acknowledge_all(scene, listed)
    before, after = act(scene, ActionKind.ACKNOWLEDGE)
    if before.status is Status.ACKNOWLEDGED and before.acknowledged_by == scene.action.by:
        return Done(f"{before.code}: you have it already", f"{before.code}：您已接警", before.id)
    keep(scene, after, "acknowledged")
    if before.status is Status.ACKNOWLEDGED:
        first = before.acknowledged_by
        return Done(
            f"{before.code}: noted, {first} has it too",
            f"{before.code}：已记录，{first}先已接警",
            before.id,
        )
    return Done(
        f"{before.code}: yours, escalation stopped. {before.headline_en}",
        f"{before.code}：已接警，不再呼叫他人。{before.headline_zh}",
        before.id,
    )


def digest_named(scene: Scene) -> str:
    """Return the digest that the action names by code or id; empty if it names an incident."""
    name = scene.action.target.strip()
    digests = scene.book.digests
    if not name or scene.book.incident(name) is not None:
        return ""
    return name if digests.code_of(name) else digests.of_code(name) or ""


def acknowledge_all(scene: Scene, digest: str) -> Done:
    """Somebody takes all that a digest lists and nobody has taken yet."""
    names = dict.fromkeys(incident for _, incident in scene.book.digests.members(digest))
    found = [i for name in names if (i := scene.book.incident(name)) is not None]
    waiting = [i for i in found if i.status is Status.TRIGGERED]
    for before in waiting:
        after = lifecycle.act(
            before, ActionKind.ACKNOWLEDGE, by=scene.action.by, at_us=scene.action.at_us
        )
        keep(scene, replace(after, changed_us=scene.now_us), "acknowledged")
    code, left = scene.book.digests.code_of(digest), len(found) - len(waiting)
    return Done(
        f"{code}: {len(waiting)} yours, escalation stopped"
        + (f"; {left} answered before" if left else ""),
        f"{code}：{len(waiting)}起已接警，不再呼叫他人"
        + (f"；{left}起先已有人应答" if left else ""),
    )


def arrive(scene: Scene) -> Done:
    """Somebody is there, which answers the page too."""
    _, after = act(scene, ActionKind.ARRIVED)
    keep(scene, after, "arrived")
    return Done(f"{after.code}: arrival noted", f"{after.code}：已记录到场", after.id)


def note(scene: Scene) -> Done:
    """Keep what somebody saw with the incident."""
    if not scene.text("text"):
        raise RefusalError("an empty note: say what you saw", "备注为空，请写明情况")
    _, after = act(scene, ActionKind.NOTE)
    keep(scene, after, "note")
    return Done(f"{after.code}: noted", f"{after.code}：已记录", after.id)


def resolve(scene: Scene) -> Done:
    """A person says that it is over; what still stands by measurement is said back."""
    _, after = act(scene, ActionKind.RESOLVE)
    standing = sum(c.standing for c in scene.book.conditions(after.id))
    keep(scene, after, "resolved")
    return Done(
        f"{after.code}: resolved" + (f" ({standing} condition(s) still stand)" if standing else ""),
        f"{after.code}：已解除" + (f"（仍有{standing}项未恢复）" if standing else ""),
        after.id,
    )


def stand_down(scene: Scene) -> Done:
    """Close it and tell everyone whom a page may have reached."""
    _, after = act(scene, scene.action.kind)
    keep(scene, after, CLOSED_AS[scene.action.kind])
    people = scene.pager.stand_down(after)
    return Done(
        f"{after.code}: stood down, {people} told",
        f"{after.code}：已解除，通知{people}人",
        after.id,
    )


def false_alarm(scene: Scene) -> Done:
    """Close it as false - but a text message alone only answers it.

    The sender's number can be forged; somebody behind a token, a link or the console
    confirms it.
    """
    if not scene.action.target.strip():
        raise RefusalError("false alarm needs the code", "误报请注明编号")
    if scene.action.via != "sms":
        return stand_down(scene)
    _, after = act(scene, ActionKind.ACKNOWLEDGE)
    keep(scene, after, "reported-false")
    return Done(
        f"{after.code}: noted as false, escalation stopped; close it on the page",
        f"{after.code}：已记为误报，不再呼叫他人；请在页面确认解除",
        after.id,
    )


def escalate(scene: Scene) -> Done:
    """Call the next step now: somebody needs help, or nobody moves."""
    _, after = act(scene, ActionKind.ESCALATE)
    before = scene.pager.out.told
    policy = scene.desk.policy(after) or scene.desk.reserve()
    after = scene.pager.next_step(after, policy)
    keep(scene, after, "help-asked")
    people = scene.pager.out.told - before
    return Done(
        f"{after.code}: escalated, {people} more told",
        f"{after.code}：已增援，通知{people}人",
        after.id,
    )


def hand_over(scene: Scene) -> Done:
    """Page one named person, and go on escalating until somebody answers."""
    person = person_named(scene, scene.text("to"))
    contact = escalation.next_channel(person, (), (), Reason.NAMED)
    if contact is None:
        raise unreachable(person)
    _, after = act(scene, ActionKind.HAND_OVER)
    policy = scene.desk.policy(after) or scene.desk.reserve()
    step = after.step + 1
    level = policy.steps[max(after.step, 0) % len(policy.steps)]
    keep(scene, after, "handed-over")
    scene.pager.out.send(
        after, contact, Purpose.PAGE, after.step,
        receipt_s=level.receipt_s, salt=str(scene.action.offset),
    )  # fmt: skip
    scene.pager.out.set_escalation(
        after,
        step=step,
        first=escalation.round_start(policy, step),
        due_us=scene.now_us + round(level.wait_s * MICROSECONDS),
    )
    return Done(
        f"{after.code}: handed to {person.name_en}, who is told",
        f"{after.code}：已转{person.name_zh}并通知",
        after.id,
    )


def person_named(scene: Scene, name: str) -> Person:
    """Return the person of this id or name.

    Raises:
        RefusalError: nobody, or several people, are called so.
    """
    people = scene.desk.people.persons
    wanted = name.casefold()
    found = [
        p for p in people.values() if wanted in (p.id.casefold(), p.name_en.casefold(), p.name_zh)
    ]
    if len(found) == 1:
        return found[0]
    named = name[:40] or "?"
    raise RefusalError(f"no single person is called {named}", f"找不到（或不止一位）{named}")


def unreachable(person: Person) -> RefusalError:
    """Return why this person cannot be told."""
    return RefusalError(f"{person.name_en} has no address", f"{person.name_zh}没有联系方式")


def drill(scene: Scene) -> Done:
    """Send one person a page marked DRILL."""
    person = person_named(scene, scene.action.target)
    contact: Contact | None = escalation.next_channel(person, (), (), Reason.NAMED)
    if contact is None:
        raise unreachable(person)
    incident = opening.drill_of(scene.book, person, scene.action, scene.now_us)
    scene.book.put_incident(incident)
    scene.pager.out.note(incident, "drill", {"person": person.id}, by=scene.action.by)
    scene.pager.out.send(incident, contact, Purpose.DRILL, 0)
    opening.set_drill_end(scene.pager.out, incident)
    return Done(
        f"{incident.code}: drill sent to {person.name_en} by {contact.channel}",
        f"{incident.code}：演练已发{person.name_zh}（{contact.channel}）",
        incident.id,
    )


def open_incident(scene: Scene) -> Done:
    """Open an incident for what a person saw; it pages like any other."""
    return opening.open_by_person(scene.book, scene.desk, scene.action, scene.now_us)


def mute(scene: Scene) -> Done:
    """Keep a datastream, node or site from paging for a while, with reason and end."""
    return muting.begin(scene.book, scene.desk, scene.action, scene.now_us)


def unmute(scene: Scene) -> Done:
    """End every mute of the target; what still stands pages at once."""
    return muting.end_all(scene.book, scene.desk, scene.action, scene.now_us)


CLOSED_AS: Final = {
    ActionKind.STAND_DOWN: "stood-down",
    ActionKind.FALSE_ALARM: "false-alarm",
}
HANDLERS: Final[Mapping[ActionKind, Callable[[Scene], Done]]] = {
    ActionKind.ACKNOWLEDGE: acknowledge,
    ActionKind.ARRIVED: arrive,
    ActionKind.NOTE: note,
    ActionKind.RESOLVE: resolve,
    ActionKind.STAND_DOWN: stand_down,
    ActionKind.FALSE_ALARM: false_alarm,
    ActionKind.ESCALATE: escalate,
    ActionKind.HAND_OVER: hand_over,
    ActionKind.OPEN: open_incident,
    ActionKind.MUTE: mute,
    ActionKind.UNMUTE: unmute,
    ActionKind.TEST: drill,
}
