"""The demo's provider towards the hub: signed reports and replies, well and badly behaved."""

# ruff: noqa: ASYNC110  what is waited for happens in another process
from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from delivering import Hub, hub
from desk import note
from providers import TOKEN, running_provider

from hub.dispatch.inbound import parse_reply, signature_holds
from hub.model.notification import NotificationState as State

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from desk import Desk
    from providers import ProviderProcess

pytestmark = pytest.mark.usefixtures("secrets")


class Door:
    """What the hub's web door does with the provider's calls: check, then apply."""

    def __init__(self) -> None:
        self.hub: Hub | None = None
        self.url = ""
        self.refused = 0
        self.states: list[str] = []
        self.replies: list[tuple[str, str]] = []

    async def fields(self, request: web.Request) -> dict[str, str] | None:
        """Return the form of a request whose signature holds."""
        form = {key: str(value) for key, value in (await request.post()).items()}
        mark = request.headers.get("X-Twilio-Signature", "")
        if signature_holds(TOKEN, self.url, request.path_qs, form, mark):
            return form
        self.refused += 1
        return None

    async def status(self, request: web.Request) -> web.Response:
        """Take a delivery report."""
        form = await self.fields(request)
        if form is None or self.hub is None:
            return web.Response(status=403)
        self.states.append(form["MessageStatus"])
        callback, query = self.hub.deliver.status_callback, request.query
        await asyncio.to_thread(
            callback, form["MessageSid"], form["MessageStatus"], query.get("n", ""),
            form.get("ErrorCode", ""),
        )  # fmt: skip
        return web.Response()

    async def sms(self, request: web.Request) -> web.Response:
        """Take a reply."""
        form = await self.fields(request)
        if form is None:
            return web.Response(status=403)
        self.replies.append((form["From"], form["Body"]))
        return web.Response(text="<Response/>")


@asynccontextmanager
async def open_door() -> AsyncIterator[Door]:
    """Serve a door on a free port."""
    door = Door()
    app = web.Application()
    app.router.add_post("/twilio/status", door.status)
    app.router.add_post("/twilio/sms", door.sms)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    door.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield door
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("what", "end", "reports"),
    [
        ("", State.DELIVERED, 3),
        ("shuffled", State.DELIVERED, 3),
        ("doubled", State.DELIVERED, 6),
        ("undelivered", State.FAILED, 3),
        ("lost", State.DELIVERED, 3),
    ],
)
async def test_reports_reach_the_row(  # noqa: PLR0917
    desk: Desk, provider: ProviderProcess, number: str, what: str, end: State, reports: int
) -> None:
    """However the provider reports, the row ends where the handset is."""
    if what:
        provider.order(what)
    desk.add("n1", address=number)
    async with open_door() as door, hub(desk.path, provider.url, public_url=door.url) as made:
        door.hub = made
        await made.once()
        async with asyncio.timeout(10):
            while len(door.states) < reports or desk.state("n1") is not end:
                await asyncio.sleep(0.02)
        assert door.refused == 0


async def test_forged_reports_change_nothing(
    desk: Desk, provider: ProviderProcess, number: str
) -> None:
    """A report with a wrong signature is refused and the row stays as it was."""
    provider.order("forged")
    desk.add("n1", address=number)
    async with open_door() as door, hub(desk.path, provider.url, public_url=door.url) as made:
        door.hub = made
        await made.once()
        async with asyncio.timeout(10):
            while door.refused < 3:
                await asyncio.sleep(0.02)
    assert desk.state("n1") is State.SENT


async def test_a_reply_comes_signed(provider: ProviderProcess, number: str) -> None:
    """A phone's answer reaches the hub with a signature that holds, a forged one does not."""
    async with open_door() as door:
        wanted = {
            "from": number,
            "to": "+15550100100",
            "body": "收到 7K2",
            "url": f"{door.url}/twilio/sms",
        }
        answer = await asyncio.to_thread(lambda: provider.reply(**wanted))
        assert answer == {"status": 200, "text": "<Response/>"}
        forged = await asyncio.to_thread(lambda: provider.reply(**wanted, forged=True))
        assert forged["status"] == 403
    assert [(who, parse_reply(text).code) for who, text in door.replies] == [(number, "7K2")]


def test_the_ledger_outlives_a_kill(tmp_path: Path) -> None:
    """A provider killed -9 still has every message it said yes to, and forgets half a line."""
    path = tmp_path / "ledger.jsonl"
    with running_provider(path) as provider:
        provider.post("/hook/a", {"text": note("n").text})
        provider.process.kill()
    with path.open("ab") as ledger:
        ledger.write(b'{"kind": "hook", "na')
    with running_provider(path) as provider:
        provider.post("/hook/b", {})
        assert [entry["name"] for entry in provider.ledger("hook")] == ["a", "b"]
    assert json.loads(path.read_bytes().split(b"\n")[0])["name"] == "a"


def test_an_order_nobody_knows_is_refused(provider: ProviderProcess) -> None:
    """A misspelt misbehaviour is an error, not a quiet nothing."""
    with pytest.raises(OSError, match="400"):
        provider.order("explode")
