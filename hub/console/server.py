"""The console's web server: doors, routes and the live feed put together."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from aiohttp import web

from hub.console.asking import BODY_LIMIT
from hub.console.deps import DEPS, THREADS, ConsoleDeps
from hub.console.doors import GUARDS, check_doors, doors, harden
from hub.console.feed import FEED, Feed
from hub.console.guesses import Guesses
from hub.console.health import PROBE, Probe
from hub.console.inbound import CODES
from hub.console.pages import ASSETS, LOGINS, read_assets, version_of
from hub.console.porch import GuardedSite, Porch, room
from hub.console.problem import problems
from hub.console.routes import ROUTES
from hub.console.threads import Threads
from hub.errors import ConfigError
from hub.reasons import why
from hub.words import Words

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LOGIN_TRIES = 10
CODE_TRIES = 5
CLOSE_DOOR_S = 300.0
SHUTDOWN_S = 2.0

CANNOT_LISTEN: Final = Words("cannot listen on {where}: {why}", "无法在 {where} 上监听：{why}")


def make_app(deps: ConsoleDeps, porch: Porch | None = None) -> web.Application:
    """Return the application; it reads the store and appends actions, nothing else.

    ``porch`` is where its callers came in, if it is told of those who ask.

    Raises:
        ConfigError: it would be open to the network without a token.
    """
    check_doors(deps.settings)
    heard = [] if porch is None else [porch.heard]
    app = web.Application(client_max_size=BODY_LIMIT, middlewares=[*heard, problems, doors])
    assets = read_assets()
    app[DEPS] = deps
    app[THREADS] = Threads(deps.database)
    app[ASSETS] = assets
    app[LOGINS] = Guesses(LOGIN_TRIES, CLOSE_DOOR_S)
    app[CODES] = Guesses(CODE_TRIES, CLOSE_DOOR_S)
    app[PROBE] = Probe()
    app[FEED] = Feed(app, version_of(assets))
    app[GUARDS] = {route.path: route.guard for route in ROUTES}
    for route in ROUTES:
        add = partial(app.router.add_route, expect_handler=expected)
        add(route.method, route.path, route.handler)
        if route.method == "GET" and route.content != "text/event-stream":
            add("HEAD", route.path, route.handler)
    app.on_response_prepare.append(harden)
    app.on_shutdown.append(let_go)
    app.cleanup_ctx.append(background)
    return app


async def expected(request: web.Request) -> None:
    """Let a client send its body when it asks first; whatever else it expects is ignored."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0


async def let_go(app: web.Application) -> None:
    """End the live feeds; browsers come back by themselves."""
    app[FEED].stop()


async def background(app: web.Application) -> AsyncIterator[None]:
    """Run the feed while the application runs; then let every thread end."""
    feeding = asyncio.create_task(app[FEED].run(), name="console-feed")
    yield
    feeding.cancel()
    with suppress(asyncio.CancelledError):
        await feeding
    await asyncio.to_thread(app[THREADS].close)


async def serve(deps: ConsoleDeps) -> web.AppRunner:
    """Start serving and return what to ``cleanup()`` at the end.

    Raises:
        ConfigError: the door would be open, or the address cannot be had.
    """
    porch = Porch(room())
    quiet = logging.getLogger(f"{__name__}.requests")
    quiet.setLevel(logging.CRITICAL)  # a bad request is answered, not told with a traceback
    runner = web.AppRunner(
        make_app(deps, porch), access_log=None, logger=quiet, shutdown_timeout=SHUTDOWN_S
    )
    await runner.setup()
    site = GuardedSite(runner, deps.settings.host, deps.settings.port, porch)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        where = f"{deps.settings.host}:{deps.settings.port}"
        refused = CANNOT_LISTEN.filled(where=where, why=why(error))
        raise ConfigError("web.port", refused) from error
    return runner
