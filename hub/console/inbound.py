"""The provider's doors: delivery reports and replies, both only with its signature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from aiohttp import web

from hub.console import sms as answers
from hub.console.actions import wait_result
from hub.console.asking import body_of
from hub.console.deps import DEPS, THREADS
from hub.console.problem import ProblemError
from hub.dispatch.inbound import Verb, parse_reply, signature_holds
from hub.dispatch.segments import to_gsm7

if TYPE_CHECKING:
    import sqlite3

    from hub.console.guesses import Guesses
    from hub.console.sms import Heard, Incoming, Pair
    from hub.model.response import Person

CODES: web.AppKey[Guesses] = web.AppKey("codes")
FIELDS_MOST: Final = 100
LONGEST: Final = 1600
LONGEST_FIELD: Final = 128
LOCKED: Final = (
    "Too many wrong codes; call the duty desk.",
    "回复码错误次数过多，请致电值班室。",
)
RECORDED: Final = ("Recorded; being worked on.", "已记录，正在处理。")


async def signed_form(request: web.Request) -> dict[str, str]:
    """Return the form's fields, once the provider's signature over them is verified.

    Raises:
        ProblemError: not signed by the provider, or this hub has no provider.
    """
    settings = request.app[DEPS].settings
    text = (await body_of(request)).decode("utf-8", "replace")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_MOST)
    except ValueError as error:
        raise ProblemError(400, "bad-body", "Too many form fields.", "表单字段过多。") from error
    fields = dict(pairs)
    signature = request.headers.get("X-Twilio-Signature", "")
    if not signature_holds(
        settings.twilio_auth_token or "",
        settings.public_url,
        request.raw_path,
        fields,
        signature,
    ):
        request.app[DEPS].health.count("callbacks_refused_total")
        en = "The provider's signature does not hold: check web.public_url and the auth token."
        raise ProblemError(403, "bad-signature", en, "签名无效，请检查 web.public_url 与令牌。")
    return fields


async def status(request: web.Request) -> web.Response:
    """Take in how far a message came."""
    fields = await signed_form(request)
    report = (
        fields.get("MessageSid", ""),
        fields.get("MessageStatus", ""),
        request.query.get("n", ""),
        fields.get("ErrorCode", ""),
    )
    take = request.app[DEPS].deliver_status
    await request.app[THREADS].report(lambda: take(*(part[:LONGEST_FIELD] for part in report)))
    return web.Response(status=200, text="")


async def sms(request: web.Request) -> web.Response:
    """Take in a reply and answer in its writer's language."""
    fields = await signed_form(request)
    number, sid = fields.get("From", ""), fields.get("MessageSid", "")[:64]
    text = fields.get("Body", "")[:LONGEST]
    deps = request.app[DEPS]
    person = answers.person_of(deps.people, number)
    if person is None:
        now_us = deps.clock.now_us()
        await request.app[THREADS].write(lambda c: answers.stranger(c, number, sid, text, now_us))
        return twiml("")
    if request.app[CODES].exhausted(person.id):
        return twiml(LOCKED[is_chinese(person)])
    incoming = answers.Incoming(
        sid=sid, person=person, reply=parse_reply(text), at_us=deps.clock.now_us()
    )
    return await reply_to(request, incoming)


async def reply_to(request: web.Request, incoming: Incoming) -> web.Response:
    """Do what the reply asks for and answer with what became of it."""
    deps = request.app[DEPS]

    def work(connection: sqlite3.Connection) -> Heard:
        return answers.hear(connection, deps.people, deps.network, incoming)

    heard = await request.app[THREADS].write(work)
    if heard.wrong_code:
        request.app[CODES].failed(incoming.person.id)
    if incoming.reply.verb is Verb.OPT_OUT:
        deps.health.ill(f"sms:{incoming.person.id}", answers.OPTED_OUT)
    words = heard.words if heard.offset is None else await outcome(request, heard.offset)
    return twiml(said(words, incoming.person))


async def outcome(request: web.Request, offset: int) -> Pair:
    """Wake the respond loop and return what it says, or that it is still at work."""
    request.app[DEPS].wake("respond", "watch")
    result = await wait_result(request.app, offset)
    return (result.words_en, result.words_zh) if result else RECORDED


def is_chinese(person: Person) -> bool:
    """Say whether this person reads Chinese."""
    return not person.language.startswith("en")


def said(words: Pair | None, person: Person) -> str:
    """Return ``words`` in the person's language; English in GSM-7, which costs least."""
    if words is None:
        return ""
    return words[1] if is_chinese(person) else to_gsm7(words[0])


def twiml(text: str) -> web.Response:
    """Return the provider's own XML: one message, or none."""
    message = f"<Message>{escape(text)}</Message>" if text else ""
    return web.Response(
        text=f'<?xml version="1.0" encoding="UTF-8"?><Response>{message}</Response>',
        content_type="text/xml",
    )
