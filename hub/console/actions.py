"""What people do through the API: each order becomes an action of the log and awaits its result.

The respond loop decides; this door only appends, wakes it, and reports in its words.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from hub.clock import to_us
from hub.console.asking import answer, order_of
from hub.console.deps import DEPS, THREADS
from hub.console.orders import (
    HandOverOrder,
    MuteOrder,
    NoteOrder,
    OpenOrder,
    ReasonOrder,
    TestOrder,
    UnmuteOrder,
)
from hub.console.problem import ProblemError, not_found
from hub.console.shapes import Done, Words
from hub.console.words import printable
from hub.model.incident import ActionKind
from hub.store.book import Book
from hub.store.log import Log

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Awaitable, Callable

    from aiohttp import web

    from hub.model.book import ActionResult

Details = dict[str, str | int | float | None]
POLL_S: Final = 0.05
WAITING: Final = Words(
    en="recorded in the log; the hub has not decided yet", zh="已记入日志，等待处理"
)
LONGEST_MUTE_US: Final = 30 * 86_400 * 1_000_000


async def act(
    request: web.Request, kind: ActionKind, target: str, by: str, details: Details
) -> web.Response:
    """Append one action, wait for its result and answer 200, 202 (pending) or 409 (refused).

    Raises:
        ProblemError: refused by the respond loop, in its words.
    """
    via = "page" if request.headers.get("Sec-Fetch-Site") == "same-origin" else "api"
    offset = await append(request.app, kind, target, by=by, via=via, details=details)
    result = await wait_result(request.app, offset)
    if result is None:
        return answer(Done(offset=offset, state="pending", words=WAITING, incident=""), 202)
    if not result.ok:
        raise ProblemError(409, "refused", result.words_en, result.words_zh)
    words = Words(en=result.words_en, zh=result.words_zh)
    return answer(Done(offset=offset, state="done", words=words, incident=result.incident))


async def append(
    app: web.Application, kind: ActionKind, target: str, *, by: str, via: str, details: Details
) -> int:
    """Append one action to the log and wake the respond loop; return its offset."""
    at_us = app[DEPS].clock.now_us()

    def work(connection: sqlite3.Connection) -> int:
        return Log(connection).append_action(kind, target, by, via, details, at_us)

    offset = await app[THREADS].write(work)
    app[DEPS].wake("respond", "watch")
    return offset


async def wait_result(app: web.Application, offset: int) -> ActionResult | None:
    """Return what became of the action at ``offset``, or None if it takes too long."""
    until = time.monotonic() + app[DEPS].settings.action_wait_s
    while True:
        row = await app[THREADS].read(lambda c: Book(c).action_result(offset))
        if row is not None or time.monotonic() >= until:
            return row
        await asyncio.sleep(POLL_S)


def name_of(text: str, what: str) -> str:
    """Return a name without control characters.

    Raises:
        ProblemError: nothing is left of it.
    """
    name = printable(text).replace("\n", " ")
    if not name:
        raise ProblemError(400, "bad-body", f"'{what}' must not be blank.", f"{what} 不能为空。")
    return name


async def find_incident(request: web.Request) -> str:
    """Return the id of the incident that the address names by id or reply code.

    Raises:
        ProblemError: there is none.
    """
    name = request.match_info["incident"]
    found = await request.app[THREADS].read(lambda c: Book(c).incident(name))
    if found is None:
        raise not_found("such incident", "该事件")
    return found.id


async def find_waiting(request: web.Request) -> str:
    """Return the incident that the address names, or else the digest of that code.

    Raises:
        ProblemError: there is none.
    """
    name = request.match_info["incident"]

    def look(connection: sqlite3.Connection) -> str | None:
        book = Book(connection)
        found = book.incident(name)
        return found.id if found else book.digests.of_code(name)

    target = await request.app[THREADS].read(look)
    if target is None:
        raise not_found("such incident", "该事件")
    return target


def plain(kind: ActionKind) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Return the handler of an action on an incident that takes an optional reason."""

    async def handle(request: web.Request) -> web.Response:
        order = await order_of(request, ReasonOrder)
        find = find_waiting if kind is ActionKind.ACKNOWLEDGE else find_incident
        target = await find(request)
        details: Details = {"reason": printable(order.reason)} if order.reason else {}
        return await act(request, kind, target, name_of(order.by, "by"), details)

    handle.__doc__ = f"Record '{kind}' of an incident."
    return handle


async def note(request: web.Request) -> web.Response:
    """Add a note to an incident."""
    order = await order_of(request, NoteOrder)
    target = await find_incident(request)
    text = name_of(order.text, "text")
    return await act(request, ActionKind.NOTE, target, name_of(order.by, "by"), {"text": text})


async def hand_over(request: web.Request) -> web.Response:
    """Hand an incident over to a person."""
    order = await order_of(request, HandOverOrder)
    target = await find_incident(request)
    check_person(request, order.to)
    by = name_of(order.by, "by")
    return await act(request, ActionKind.HAND_OVER, target, by, {"to": order.to})


async def open_incident(request: web.Request) -> web.Response:
    """Open an incident by hand, on what a person saw."""
    order = await order_of(request, OpenOrder)
    if order.site not in request.app[DEPS].network.sites:
        raise not_found(f"site '{order.site}'; see /api/v1/sites: no such site", "该站点")
    details: Details = {
        "site": order.site,
        "hazard": order.hazard.value,
        "severity": order.severity.value,
        "text": name_of(order.text, "text"),
    }
    return await act(request, ActionKind.OPEN, order.site, name_of(order.by, "by"), details)


async def mute(request: web.Request) -> web.Response:
    """Mute a datastream, node or site with a reason until an instant (30 days at most)."""
    order = await order_of(request, MuteOrder)
    until_us, now_us = to_us(order.until), request.app[DEPS].clock.now_us()
    if not now_us < until_us <= now_us + LONGEST_MUTE_US:
        en = "'until' must be in the future and at most 30 days away."
        raise ProblemError(400, "bad-body", en, "until 应在未来 30 天以内。")
    details: Details = {"reason": name_of(order.reason, "reason"), "until_us": until_us}
    return await act(request, ActionKind.MUTE, order.target, name_of(order.by, "by"), details)


async def unmute(request: web.Request) -> web.Response:
    """End a mute."""
    order = await order_of(request, UnmuteOrder)
    return await act(request, ActionKind.UNMUTE, order.target, name_of(order.by, "by"), {})


async def test(request: web.Request) -> web.Response:
    """Send a person one page marked DRILL."""
    order = await order_of(request, TestOrder)
    check_person(request, order.person)
    return await act(request, ActionKind.TEST, order.person, name_of(order.by, "by"), {})


def check_person(request: web.Request, person: str) -> None:
    """Refuse a person whom the configuration does not know.

    Raises:
        ProblemError: with the id that was asked for.
    """
    if person not in request.app[DEPS].people.persons:
        en = f"There is no person '{printable(person)}'; use an id of the configuration."
        raise ProblemError(404, "not-found", en, "没有此人，请使用配置中的编号。")
