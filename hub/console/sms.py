"""What a reply by SMS does: find the person and the incident, append the action, say so.

The number is a claim: a code must be of an incident that this person was told of, and
wrong codes soon close the door. Text that is no answer becomes a note, never nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hub.dispatch.base import masked
from hub.dispatch.digest import Listed, compose_list
from hub.dispatch.inbound import Reply, Verb
from hub.model.incident import ActionKind, Status
from hub.model.response import Person
from hub.store.book import Book
from hub.store.log import Log

if TYPE_CHECKING:
    import sqlite3

    from hub.model.incident import Incident
    from hub.model.network import Network
    from hub.model.response import People

Pair = tuple[str, str]
ACTIONS: Final[dict[Verb, ActionKind]] = {
    Verb.ACCEPT: ActionKind.ACKNOWLEDGE,
    Verb.ARRIVED: ActionKind.ARRIVED,
    Verb.HELP: ActionKind.ESCALATE,
    Verb.FALSE_ALARM: ActionKind.FALSE_ALARM,
    Verb.HAND_OVER: ActionKind.HAND_OVER,
    Verb.NOTE: ActionKind.NOTE,
    Verb.OPT_OUT: ActionKind.NOTE,
}
REMEMBERED: Final = 2000
LISTED: Final = 4
NONE_OPEN: Final = ("Nothing is open that you were told of.", "目前没有您负责的未结事件。")
WRONG_CODE: Final = ("That code is not of a page to you.", "回复码不对。")
NOBODY: Final = (
    "Nobody of that name is known here. Reply D NAME CODE.",
    "没有此人，请回 转 姓名 回复码。",
)
NOTHING_SENT: Final = ("There is nothing to repeat.", "没有可重发的内容。")
ONE_ONLY: Final = (
    "That code is of a list: for this, name one incident. Reply 0 for their codes.",
    "该编号为汇总短信，请注明单个事件的编号；回 0 看清单。",
)
OPTED_OUT: Final = "opted out of SMS (退订短信): call instead"
SEEN: Final = """
SELECT 1 FROM (SELECT body FROM control WHERE kind = 'action' ORDER BY "offset" DESC LIMIT ?)
WHERE json_extract(body, '$.details.sid') = ? LIMIT 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """One SMS of a known person, as understood."""

    sid: str
    person: Person
    reply: Reply
    at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What was done with it: the action's place, or words to answer with (None: nothing)."""

    offset: int | None = None
    words: Pair | None = None
    wrong_code: bool = False


def person_of(people: People, number: str) -> Person | None:
    """Return whose number this is, on any channel."""
    wanted = digits(number)
    if len(wanted) < 5:
        return None
    return next(
        (p for p in people.persons.values() if wanted in {digits(a) for _, a in p.addresses}), None
    )


def digits(address: str) -> str:
    """Return the digits of a telephone number; an address of another sort has none."""
    return "" if "://" in address else "".join(c for c in address if c.isdigit())


def hear(connection: sqlite3.Connection, people: People, network: Network, sms: Incoming) -> Heard:
    """Do what ``sms`` asks for, inside the caller's transaction; the same one again: nothing."""
    if connection.execute(SEEN, (REMEMBERED, sms.sid)).fetchone():
        return Heard()
    book = Book(connection)
    if sms.reply.verb in (Verb.REPEAT, Verb.LIST):
        listed = sms.reply.verb is Verb.LIST
        return Heard(words=open_list(book, network, sms)) if listed else repeat(book, sms)
    digest = digest_meant(book, sms)
    if digest is not None:
        return act_on_all(connection, digest, sms)
    return hear_of_one(connection, people, told_of(book, sms), sms)


def hear_of_one(
    connection: sqlite3.Connection, people: People, known: list[Incident], sms: Incoming
) -> Heard:
    """Do what ``sms`` asks for about one of the incidents ``known`` to its writer."""
    if sms.reply.code and not known:
        return Heard(words=WRONG_CODE, wrong_code=True)
    if sms.reply.verb in (Verb.NOTE, Verb.OPT_OUT):
        return keep(connection, known, sms)
    if len(known) != 1 or sms.reply.needs_code:
        return Heard(words=listing(known))
    return act(connection, people, known[0], sms)


def told_of(book: Book, sms: Incoming) -> list[Incident]:
    """Return the incidents meant: the one of the code, or all open ones, told to this person."""
    if not sms.reply.code:
        return book.open_of_person(sms.person.id)
    found = book.incident(sms.reply.code)
    if found is None:
        return []
    persons = {note.person for note in book.notifications(found.id)}
    return [found] if sms.person.id in persons else []


def digest_meant(book: Book, sms: Incoming) -> str | None:
    """Return the digest whose code was given, or the newest one when all are meant."""
    if sms.reply.code:
        if told_of(book, sms):
            return None
        return book.digests.of_code(sms.reply.code, sms.person.id)
    return book.digests.newest(sms.person.id) if sms.reply.every else None


def act_on_all(connection: sqlite3.Connection, digest: str, sms: Incoming) -> Heard:
    """Append that all a digest lists is taken; for anything else one incident must be named."""
    if sms.reply.verb is not Verb.ACCEPT:
        return Heard(words=ONE_ONLY)
    offset = Log(connection).append_action(
        ActionKind.ACKNOWLEDGE, digest, sms.person.id, "sms", {"sid": sms.sid}, sms.at_us
    )
    return Heard(offset=offset)


def open_list(book: Book, network: Network, sms: Incoming) -> Pair:
    """Return the open incidents of this person, the worst first, with codes and places."""
    found = sorted(book.open_of_person(sms.person.id), key=lambda i: -i.severity.rank)
    if not found:
        return NONE_OPEN
    listed = [listed_of(network, incident) for incident in found]
    return compose_list(listed, "en"), compose_list(listed, "zh")


def listed_of(network: Network, incident: Incident) -> Listed:
    """Return what a list says of ``incident``."""
    site = network.sites.get(incident.site)
    return Listed(
        code=incident.code,
        level=incident.severity,
        hazard=incident.hazard,
        place_en=site.name_en if site else incident.site,
        place_zh=site.name_zh if site else incident.site,
    )


def listing(known: list[Incident]) -> Pair:
    """Return the question which of several is meant."""
    if not known:
        return NONE_OPEN
    english = ", ".join(f"{i.code} {i.headline_en[:30]}" for i in known[:LISTED])
    chinese = "、".join(f"{i.code} {i.headline_zh[:15]}" for i in known[:LISTED])
    return f"Reply with the word and the code: {english}", f"请回复 文字+回复码：{chinese}"


def act(connection: sqlite3.Connection, people: People, incident: Incident, sms: Incoming) -> Heard:
    """Append the action that the reply asks for."""
    details: dict[str, str | int | float | None] = {"sid": sms.sid}
    if sms.reply.verb is Verb.HAND_OVER:
        to = person_named(people, sms.reply.name)
        if to is None:
            return Heard(words=NOBODY)
        details["to"] = to
    return Heard(offset=append(connection, incident, sms, details))


def append(
    connection: sqlite3.Connection,
    incident: Incident,
    sms: Incoming,
    details: dict[str, str | int | float | None],
) -> int:
    """Append one action on ``incident`` and return its offset."""
    kind = ACTIONS[sms.reply.verb]
    return Log(connection).append_action(
        kind, incident.id, sms.person.id, "sms", details, sms.at_us
    )


def person_named(people: People, name: str) -> str | None:
    """Return the id of the one person so called (id or name, case aside), if there is one."""
    wanted = "".join(name.split()).casefold()
    found = [
        p.id
        for p in people.persons.values()
        if wanted in {"".join(n.split()).casefold() for n in (p.id, p.name_en, p.name_zh)}
    ]
    return found[0] if len(found) == 1 else None


def keep(connection: sqlite3.Connection, known: list[Incident], sms: Incoming) -> Heard:
    """Keep text with each open incident meant, or in the quarantine when there is none."""
    text = OPTED_OUT if sms.reply.verb is Verb.OPT_OUT else sms.reply.text
    offsets = [
        append(connection, incident, sms, {"sid": sms.sid, "text": text})
        for incident in known[:LISTED]
        if incident.status is not Status.RESOLVED
    ]
    if not offsets:
        lay_aside(connection, sms, "no open incident of this person to keep it with")
    return Heard(offset=offsets[0] if len(offsets) == 1 else None)


def lay_aside(connection: sqlite3.Connection, sms: Incoming, why: str) -> None:
    """Keep the text of a known person that belongs to nothing."""
    Log(connection).quarantine(
        received_us=sms.at_us,
        door="sms",
        node=sms.person.id,
        boot=sms.sid,
        reason=why,
        payload=sms.reply.text.encode(),
    )


def stranger(connection: sqlite3.Connection, number: str, sid: str, text: str, at_us: int) -> None:
    """Keep what a number wrote that nobody here has; the number itself masked."""
    Log(connection).quarantine(
        received_us=at_us,
        door="sms",
        node=masked(number),
        boot=sid,
        reason="from a number that no person of the configuration has",
        payload=text.encode(),
    )


def repeat(book: Book, sms: Incoming) -> Heard:
    """Answer with the newest text to this person, of the incident meant if a code says so."""
    notes = [
        note
        for incident in told_of(book, sms)
        for note in book.notifications(incident.id)
        if note.person == sms.person.id
    ]
    if not notes:
        return Heard(words=NOTHING_SENT, wrong_code=bool(sms.reply.code))
    text = max(notes, key=lambda note: note.created_us).text
    return Heard(words=(text, text))
