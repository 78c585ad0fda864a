"""Callers who say nothing never use up what pages need: a real server, real sockets."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from hub.console.porch import FEWEST, MOST, GuardedSite, Porch, room

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ASK = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
LIMIT_S = 10.0


@asynccontextmanager
async def served(porch: Porch) -> AsyncIterator[int]:
    """Serve one word behind ``porch``; yields the port."""

    async def word(_: web.Request) -> web.Response:
        return web.Response(text="here")

    app = web.Application(middlewares=[porch.heard])
    app.router.add_get("/", word)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await GuardedSite(runner, "127.0.0.1", 0, porch).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def call(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect and say nothing."""
    return await asyncio.open_connection("127.0.0.1", port)


async def ended(reader: asyncio.StreamReader) -> bool:
    """Say whether the server ends the connection."""
    try:
        return await asyncio.wait_for(reader.read(1), LIMIT_S) == b""
    except ConnectionError:
        return True


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """Ask and return the answer's first line."""
    writer.write(ASK)
    return await asyncio.wait_for(reader.readline(), LIMIT_S)


async def test_a_full_porch_turns_callers_away_and_keeps_those_inside() -> None:
    """Beyond its bound nobody comes in; who was in is answered; a free place is taken again."""
    async with served(Porch(most=2, patience_s=60.0)) as port:
        first, second = await call(port), await call(port)
        assert b"200" in await answer(*first)
        assert await ended((await call(port))[0])
        second[1].close()
        await second[1].wait_closed()
        async with asyncio.timeout(LIMIT_S):
            while True:
                third = await call(port)
                try:
                    if b"200" in await answer(*third):
                        break
                except ConnectionError:
                    await asyncio.sleep(0.01)
        for _, writer in (first, third):
            writer.close()


async def test_who_asks_nothing_is_shown_out() -> None:
    """An idle caller loses its place, one who asked keeps it."""
    async with served(Porch(most=10, patience_s=0.3)) as port:
        asking, idle = await call(port), await call(port)
        assert b"200" in await answer(*asking)
        assert await ended(idle[0])
        await asking[0].readuntil(b"here")
        assert b"200" in await answer(*asking)
        asking[1].close()


@pytest.mark.parametrize(
    ("files", "callers"), [(1024, 480), (128, 32), (20, FEWEST), (10**6, MOST)]
)
def test_room_leaves_files_for_everything_else(files: int, callers: int) -> None:
    """The web door takes at most half of what is left after the hub's own needs."""
    assert room(files) == callers
