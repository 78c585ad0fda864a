"""The page behind a link in a message: looking never acknowledges, one press does, once.

Chat programs fetch links to preview them, so GET and HEAD only show. A press uses the
token up; the answer carries a fresh one, good until the same hour, for what comes next.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from aiohttp import web

from hub.console import dossier
from hub.console.actions import wait_result
from hub.console.asking import body_of, viewed
from hub.console.deps import DEPS, THREADS
from hub.console.link_page import Page, render
from hub.console.view import look
from hub.model.incident import ActionKind, Status
from hub.store.book import Book, hash_of
from hub.store.log import Log

if TYPE_CHECKING:
    import sqlite3

    from hub.console.deps import ConsoleDeps
    from hub.console.view import View
    from hub.model.book import ActionResult, Link

PRESSES: Final[dict[str, ActionKind]] = {
    "acknowledge": ActionKind.ACKNOWLEDGE,
    "arrived": ActionKind.ARRIVED,
    "help": ActionKind.ESCALATE,
    "false-alarm": ActionKind.FALSE_ALARM,
}
LONGEST: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressed:
    """What one press did: the place of its action, and the token for the next press."""

    offset: int
    token: str


def find(connection: sqlite3.Connection, token: str) -> Link | None:
    """Return the link of ``token``: only its hash is looked up, so that time tells nothing."""
    return Book(connection).link(token) if 0 < len(token) <= LONGEST and token.isascii() else None


def page_of(connection: sqlite3.Connection, view: View, token: str) -> Page | None:
    """Return what the link's page shows, or None for an unknown link."""
    link = find(connection, token)
    if link is None:
        return None
    detail = dossier.detail(connection, view, link.incident)
    if detail is None:
        return None
    known = view.people.persons.get(link.person)
    usable = link.used_us is None and view.now_us < link.expires_us
    return Page(
        detail=detail,
        language=known.language if known else "zh",
        zone=known.zone if known else detail.incident.zone,
        token=token if usable and detail.incident.status is not Status.RESOLVED else "",
        used=link.used_us is not None,
        expired=view.now_us >= link.expires_us,
        now_us=view.now_us,
    )


def press(
    connection: sqlite3.Connection, deps: ConsoleDeps, token: str, kind: ActionKind
) -> Pressed | None:
    """Use the link up and append its action in one transaction; None if it is used or over."""
    link, now_us, book = find(connection, token), deps.clock.now_us(), Book(connection)
    if link is None or not book.use_link(hash_of(token), now_us):
        return None
    offset = Log(connection).append_action(kind, link.incident, link.person, "link", {}, now_us)
    fresh = secrets.token_urlsafe(24)
    book.put_link(fresh, replace(link, used_us=None))
    return Pressed(offset=offset, token=fresh)


async def show(request: web.Request) -> web.Response:
    """Show the incident and the buttons; changes nothing, however often it is fetched."""
    token = request.match_info["token"]
    page = await viewed(request, lambda c, v: page_of(c, v, token))
    return html(request, page, 200 if page else 404)


async def pressed(request: web.Request) -> web.Response:
    """Record one press of a button; a link that was used or is over says so."""
    token = request.match_info["token"]
    kind = PRESSES.get(
        parse_qs((await body_of(request)).decode("utf-8", "replace")).get("do", [""])[0]
    )
    page = await viewed(request, lambda c, v: page_of(c, v, token))
    if page is None or kind is None:
        return html(request, page, 404 if page is None else 400)
    deps = request.app[DEPS]
    done = await request.app[THREADS].write(lambda c: press(c, deps, token, kind))
    if done is None:
        return html(request, page, 410)
    deps.wake("respond", "watch")
    result = await wait_result(request.app, done.offset)
    return await after(request, done, result)


async def after(request: web.Request, done: Pressed, result: ActionResult | None) -> web.Response:
    """Return the page as it stands after a press, with what became of it."""
    page = await request.app[THREADS].read(
        lambda c: page_of(c, look(c, request.app[DEPS]), done.token)
    )
    if page is None:
        return html(request, None, 404)
    return html(request, replace(page, pressed=True, result=result), 200)


def html(request: web.Request, page: Page | None, status: int) -> web.Response:
    """Return the page in the reader's language, or in the one asked for."""
    asked = request.query.get("lang")
    language = asked if asked in ("en", "zh") else (page.language if page else "zh")
    return web.Response(
        status=status,
        text=render(page, language),
        content_type="text/html",
        headers={"X-Robots-Tag": "noindex"},
    )
