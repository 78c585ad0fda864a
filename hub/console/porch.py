"""How many callers the web door takes at once, so that idle ones never use up the hub's files.

Every connection is an open file, and so is every SMS under way: without a bound, callers
that connect and say nothing would keep pages from people.
"""

from __future__ import annotations

import asyncio
import resource
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

from aiohttp import web

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

MOST: Final = 512
FEWEST: Final = 16
KEPT: Final = 64  # files for the store, the broker and channels
PATIENCE_S: Final = 15.0  # for a caller's first whole request


class Porch:
    """Lets callers in up to ``most`` at once and shows out whoever asks nothing."""

    def __init__(self, most: int, patience_s: float = PATIENCE_S) -> None:
        self._most = most
        self._patience_s = patience_s
        self._asked: WeakSet[asyncio.BaseTransport] = WeakSet()

    @web.middleware
    async def heard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Note that a caller asked something."""
        if request.transport is not None:
            self._asked.add(request.transport)
        return await handler(request)

    def guard(self, server: web.Server) -> asyncio.BaseProtocol:
        """Return what serves a caller, or turns it away while the porch is full."""
        if len(server.connections) >= self._most:
            return Away()
        protocol = server()
        asyncio.get_running_loop().call_later(self._patience_s, self._show_out, protocol)
        return protocol

    def _show_out(self, protocol: web.RequestHandler) -> None:
        transport = protocol.transport
        if transport is not None and transport not in self._asked:
            transport.abort()


class Away(asyncio.Protocol):
    """Breaks a connection at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Break it."""
        if isinstance(transport, asyncio.Transport):
            transport.abort()


class GuardedSite(web.BaseSite):
    """A listening address behind ``porch``."""

    def __init__(self, runner: web.AppRunner, host: str, port: int, porch: Porch) -> None:
        super().__init__(runner)
        self._host, self._port, self._porch = host, port, porch

    @property
    def name(self) -> str:
        """Return where it listens."""
        return f"http://{self._host}:{self._port}"

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address cannot be had.
        """
        await super().start()
        server = self._runner.server
        assert server is not None  # noqa: S101  a runner that is set up has one
        self._server = await asyncio.get_running_loop().create_server(
            lambda: self._porch.guard(server), self._host, self._port, backlog=128
        )


def room(files: int | None = None) -> int:
    """Return how many callers fit beside everything else that needs ``files`` (the limit)."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0] if files is None else files
    if limit == resource.RLIM_INFINITY:
        return MOST
    return min(max((limit - KEPT) // 2, FEWEST), MOST)
