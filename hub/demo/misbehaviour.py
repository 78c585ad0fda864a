"""How the demo's provider misbehaves, on order: each way that a real one was seen to."""

from __future__ import annotations

import asyncio
import time
from typing import Final

import msgspec
from aiohttp import web

MORE_INFO: Final = "https://www.twilio.com/docs/errors/"
HANG_S: Final = 3600.0
STATUS_OF_CODE: Final = {20003: 401, 20429: 429, 30002: 403, 63038: 429}
WHAT: Final = {
    # before the message is taken
    "refuse": "break the connection",
    "status": "answer with HTTP `status`",
    "code": "answer with the provider's `code`",
    "hang": "never answer",
    "redirect": "answer 307",
    # after it is taken: the ledger has it
    "late": "answer `delay_s` late",
    "lost": "answer with HTTP `status` nevertheless",
    "cut": "break the connection",
    "drip": "answer a byte a second",
    "huge": "answer without end",
    # the reports
    "undelivered": "report undelivered with `code`",
    "silent": "never report: accepted, never delivered",
    "shuffled": "report in the wrong order",
    "doubled": "report everything twice",
    "forged": "report with a wrong signature",
}


class Order(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How to misbehave towards the next ``count`` calls (1), or for ``for_s`` real seconds.

    ``what`` is a key of WHAT, ``door`` is sms, list (look-ups), hook or any (sms and
    hook); ``status`` and ``code`` say with what, ``delay_s`` how late, and ``reports_s``
    how long the delivery reports let the world wait.
    """

    what: str
    door: str = "any"
    count: int | None = None
    for_s: float | None = None
    status: int = 500
    code: int = 0
    delay_s: float = 30.0
    reports_s: float = 0.0
    until_s: float = 0.0

    def __post_init__(self) -> None:
        if self.what not in WHAT:
            raise ValueError(f"what must be well or one of {sorted(WHAT)}")
        if self.for_s is not None:
            self.until_s = time.monotonic() + self.for_s
        elif self.count is None:
            self.count = 1

    def spent(self) -> bool:
        """Say whether this rules no further call."""
        if self.for_s is not None:
            return time.monotonic() >= self.until_s
        return self.count is not None and self.count <= 0

    def rules(self, door: str) -> bool:
        """Say whether this rules a call at ``door``."""
        return not self.spent() and (self.door == door or (self.door == "any" and door != "list"))


class Orders:
    """The orders that are not spent, first come first served."""

    def __init__(self) -> None:
        self._orders: list[Order] = []

    def __len__(self) -> int:
        return len(self._orders)

    def give(self, raw: bytes) -> None:
        """Take one order or a list of them as JSON; ``{"what":"well"}`` forgets all.

        Raises:
            msgspec.DecodeError: not an order.
        """
        given = msgspec.json.decode(raw)
        for item in given if isinstance(given, list) else [given]:
            if item == {"what": "well"}:
                self._orders.clear()
            else:
                self._orders.append(msgspec.convert(item, Order))

    def rule(self, door: str) -> Order | None:
        """Return the order that rules this call at ``door``, counted down; None to behave."""
        self._orders = [order for order in self._orders if not order.spent()]
        order = next((order for order in self._orders if order.rules(door)), None)
        if order is not None and order.count is not None:
            order.count -= 1
        return order


async def spoil_before(request: web.Request, order: Order | None) -> web.StreamResponse | None:
    """Spoil a call whose message is not taken; None to go on."""
    match order.what if order else "":
        case "status" if order:
            return twilio_error(order.status, order.code or order.status, "on order")
        case "code" if order:
            to = str((await request.post()).get("To", ""))
            status = STATUS_OF_CODE.get(order.code, 400)
            return twilio_error(status, order.code, f"on order, the number {to}")
        case "refuse":
            return cut(request)
        case "hang":
            await asyncio.sleep(HANG_S)
        case "redirect":
            return web.Response(status=307, headers={"Location": "http://169.254.169.254/"})
    return None


async def spoil_after(request: web.Request, order: Order | None) -> web.StreamResponse | None:
    """Spoil the answer about a message that is taken; None to answer well."""
    match order.what if order else "":
        case "late" if order:
            await asyncio.sleep(order.delay_s)
        case "lost" if order:
            return twilio_error(order.status, order.code or order.status, "taken, and lost")
        case "cut":
            return cut(request)
        case "drip":
            return await endless(request, b" ", 1.0)
        case "huge":
            return await endless(request, b" " * 65536, 0.0)
    return None


def twilio_error(status: int, code: int, words: str) -> web.Response:
    """Return an error as Twilio words it."""
    error = {"code": code, "message": words, "more_info": f"{MORE_INFO}{code}", "status": status}
    return web.json_response(error, status=status)


def cut(request: web.Request) -> web.Response:
    """Break the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


async def endless(request: web.Request, piece: bytes, pause_s: float) -> web.StreamResponse:
    """Answer ``piece`` after ``piece`` until the other side hangs up."""
    answer = web.StreamResponse(status=201, headers={"Content-Type": "application/json"})
    await answer.prepare(request)
    while True:
        await answer.write(piece)
        await asyncio.sleep(pause_s)
