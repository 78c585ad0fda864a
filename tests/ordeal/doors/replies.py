"""Hostile SMS and delivery reports: forged, replayed, nearly right, in every script.

A signed text of a known person must come to an action, an answer in words or a row of the
quarantine; what is not signed must change nothing. A report takes a notification forward
or not at all.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from twilio.request_validator import RequestValidator

from hub.dispatch.inbound import WORDS
from hub.model.network import Severity
from hub.model.notification import Notification, NotificationState, Purpose
from hub.store.database import transaction
from ordeal.doors import mutate
from ordeal.doors.base import ACCEPTED, QUARANTINED, REFUSED, Fate
from ordeal.doors.console import PUBLIC, SECRET, Call, known_numbers
from ordeal.doors.corpus import seeds_of

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from ordeal.doors.console import Served

LIN: Final = "+8613800001234"
STRANGERS: Final = (
    "+15550109999",
    "",
    "+",
    "lin-wei",
    "https://x",
    "+86 138 0000 1234 ext 5",
    "１３８",
    "anonymous",
    "+8613800001235",
    "0" * 400,
)
STATES: Final = (
    "queued",
    "sent",
    "delivered",
    "undelivered",
    "failed",
    "read",
    "canceled",
    "DELIVERED",
    "lost",
    "",
    "sent\0",
    "délivré",
)
AROUND: Final = (
    "",
    " ",
    "!",
    "。",
    " please",
    "请",
    " 谢谢",
    "\n",
    "\u200b",
    "👍",
    "…",
    " 7K2",
    "7k2 ",
    " ALL",
    "转 ",
    "D ",
)


def seeds(served: Served) -> Iterator[tuple[str, object, str]]:
    """Yield the seeds: a text, or ``fields`` of a form, to a path, signed unless ``forged``."""
    code = code_of(served)
    for number, seed in enumerate(seeds_of("sms")):
        more = dict(seed.more)
        path, forged = more.pop("path", "/twilio/sms"), more.pop("forged", "")
        given = {
            "MessageSid": f"SMseed{number}",
            "From": LIN,
            "Body": seed.data.decode("utf-8", "replace"),
        }
        fields = given | more.get("fields", {})
        fields = {k: v.replace("CODE", code) for k, v in fields.items()}
        yield f"{seed.name} ({seed.why})", call(path, fields, forged=forged), seed.expect


def code_of(served: Served) -> str:
    """Return the code of the flood."""
    return served.town.book.open_incidents()[0].code


def call(path: str, fields: dict[str, str], *, forged: str = "") -> Call:
    """Return one signed form, or one ``forged`` in the way named."""
    url = PUBLIC + path
    signed = RequestValidator(SECRET if forged != "key" else "another-key").compute_signature(
        url, fields
    )
    if forged == "field":
        fields = fields | {"Body": fields.get("Body", "") + "x", "MessageStatus": "failed"}
    if forged == "path":
        path += "?n=other"
    if forged in ("none", "cut", "upper"):
        signed = {"none": "", "cut": signed[:-2], "upper": signed.upper()}[forged]
    body = urlencode(fields, errors="replace").encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: hub.example\r\nX-Forwarded-For: 54.1.2.3\r\n"
        "Connection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\nX-Twilio-Signature: {signed}\r\n\r\n"
    )
    return Call(
        head.encode("latin-1", "replace") + body,
        sid=fields.get("MessageSid", ""),
        forged=bool(forged),
    )


def texts(dice: random.Random, served: Served) -> Iterator[Call]:
    """Yield SMS without end: commands nearly right, codes true and false, noise."""
    words, number, before = (
        list(WORDS),
        0,
        [call("/twilio/sms", {"MessageSid": "SM0", "From": LIN, "Body": "0"})],
    )
    while True:
        number += 1
        if dice.random() < 0.05:
            yield dice.choice(before)
            continue
        text = dice.choice(words) if dice.random() < 0.7 else dice.choice(mutate.TEXTS)
        if dice.random() < 0.4 and text:
            at = dice.randrange(len(text))
            text = text[:at] + dice.choice(("", text[at] * 2, "X", "é", "１")) + text[at + 1 :]
        text = dice.choice(AROUND) + text + dice.choice((*AROUND, f" {code_of(served)}"))
        if dice.random() < 0.05:
            text = text * 400
        fields = {
            "MessageSid": f"SM{number}",
            "From": dice.choice(known_numbers()),
            "Body": text,
            "NumMedia": "0",
        }
        if dice.random() < 0.15:
            fields["From"] = dice.choice(STRANGERS)
        if dice.random() < 0.1:
            fields[dice.choice(("MessageSid", "Extra", "NumMedia"))] = dice.choice(mutate.TEXTS)
        forged = (
            dice.choice(("key", "field", "none", "cut", "upper", "path"))
            if dice.random() < 0.2
            else ""
        )
        sent = call("/twilio/sms", fields, forged=forged)
        before = [*before[-50:], sent]
        yield sent


def judge_text(served: Served, sent: Call, status: int, body: bytes) -> Fate:
    """Find what a text came to: an action, an answer, the quarantine; if forged, to nothing."""
    if sent.forged:
        refused = status in (403, 413)
        return Fate(outcome=REFUSED) if refused else Fate(wrong=f"forged and answered {status}")
    if status != 200:
        known = status in (400, 413)
        return Fate(outcome=REFUSED) if known else Fate(wrong=f"answered {status}")
    connection, sid = served.town.connection, sent.sid[:64]
    aside = "SELECT 1 FROM quarantine WHERE boot = ? AND door = 'sms' LIMIT 1"
    if connection.execute(aside, (sid,)).fetchone():
        return Fate(outcome=QUARANTINED)
    if b"<Message>" in body:
        return Fate(outcome=ACCEPTED)
    acted = (
        "SELECT 1 FROM (SELECT body FROM control WHERE kind = 'action' ORDER BY \"offset\" DESC"
        " LIMIT 3000) WHERE json_extract(body, '$.details.sid') = ? LIMIT 1"
    )
    if connection.execute(acted, (sid,)).fetchone():
        return Fate(outcome=ACCEPTED)
    return Fate(wrong="a text was dropped in silence")


@dataclass(slots=True)
class Reports:
    """Remembers how far each notification was, so that none ever goes back."""

    ranks: dict[str, int] = field(default_factory=dict)

    def make(self, dice: random.Random, served: Served) -> Iterator[Call]:
        """Yield delivery reports without end, shuffled, repeated, forged, of nothing."""
        names = [put_page(served, n) for n in range(300)]
        while True:
            name = dice.choice(names) if dice.random() < 0.9 else dice.choice(mutate.TEXTS)
            state = dice.choice(STATES)
            fields = {
                "MessageSid": f"SM{name}",
                "MessageStatus": state,
                "ErrorCode": dice.choice(("", "30005", "٣", "x" * 500)),
            }
            if dice.random() < 0.1:
                fields[dice.choice(("MessageSid", "MessageStatus", "X"))] = dice.choice(
                    mutate.TEXTS
                )
            path = "/twilio/status"
            if dice.random() < 0.5:
                path += "?" + urlencode({"n": name}, errors="replace")
            forged = (
                dice.choice(("key", "field", "none", "cut", "path")) if dice.random() < 0.25 else ""
            )
            yield call(path, fields, forged=forged)

    def judge(self, served: Served, sent: Call, status: int, body: bytes) -> Fate:
        """Hold every notification against how far it was: forward only, forged never."""
        del body
        rows = dict(served.town.connection.execute("SELECT id, state FROM notification").fetchall())
        ranks = {name: NotificationState(state).rank for name, state in rows.items()}
        moved = {name for name, rank in ranks.items() if rank != self.ranks.get(name, rank)}
        back = {name for name in moved if ranks[name] < self.ranks[name]}
        before, self.ranks = self.ranks, ranks
        if back:
            return Fate(wrong=f"{back} went back")
        if sent.forged:
            clean = status == 403 and not (moved & before.keys())
            return Fate(outcome=REFUSED) if clean else Fate(wrong=f"forged: {status}, {moved}")
        return Fate(outcome=ACCEPTED) if status == 200 else Fate(outcome=REFUSED)


def put_page(served: Served, number: int) -> str:
    """Put a page into the outbox that was sent, and return its name."""
    town, name = served.town, f"note{number}"
    note = Notification(
        id=name,
        incident=town.book.open_incidents()[0].id,
        step=0,
        person="lin-wei",
        channel="sms",
        address=LIN,
        purpose=Purpose.PAGE,
        severity=Severity.EXTREME,
        language="en",
        text="RED",
        state=NotificationState.SENT,
        due_us=0,
        created_us=0,
        provider_id=f"SM{name}",
    )
    with transaction(town.connection):
        if town.book.notification(name) is None:
            town.book.put_notification(note)
    return name


def shown(sent: Call) -> str:
    """Return a call for people."""
    return json.dumps(sent.raw.decode("latin-1"))
