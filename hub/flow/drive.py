"""How every loop is driven: one thread of its own, woken by commits, guarded by its health.

A loop's ``step`` does one bounded piece of blocking work (read, decide, commit) and
returns whether more is waiting. A failing step never ends the process and never
touches another loop: its health turns red with the reason, and it is tried again.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from hub.errors import HubError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.flow.health import Health

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0

logger = logging.getLogger(__name__)


class Wakeups:
    """One event per loop; a commit in any thread wakes the loops that read it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._events: dict[str, asyncio.Event] = {}

    def event(self, name: str) -> asyncio.Event:
        """Return the event of the loop ``name``; call in the event loop's thread."""
        return self._events.setdefault(name, asyncio.Event())

    def wake(self, *names: str) -> None:
        """Wake the loops ``names``; safe from any thread, also while shutting down."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._set, names)

    def _set(self, names: tuple[str, ...]) -> None:
        for name in names:
            self.event(name).set()


async def drive(
    name: str, step: Callable[[], bool], *, wakeups: Wakeups, health: Health, poll_s: float
) -> None:
    """Run ``step`` in a thread of its own until cancelled.

    A step that returns True is called again at once; otherwise the loop waits to be
    woken, at most ``poll_s`` real seconds. After an error it pauses, longer each time.
    """
    event = wakeups.event(name)
    pause_s = FIRST_PAUSE_S
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix=name) as own_thread:
        while True:
            event.clear()
            try:
                more = await loop.run_in_executor(own_thread, step)
            except Exception as error:  # noqa: BLE001  the outermost guard: poison never stops the line
                report(name, error, health)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
                continue
            pause_s = FIRST_PAUSE_S
            health.well(name)
            if not more:
                await wait(event, poll_s)


async def wait(event: asyncio.Event, poll_s: float) -> None:
    """Wait for ``event``, at most ``poll_s`` seconds."""
    try:
        async with asyncio.timeout(poll_s):
            await event.wait()
    except TimeoutError:
        return


def report(name: str, error: Exception, health: Health) -> None:
    """Turn the health of ``name`` red; a surprise also leaves its traceback in the log."""
    health.ill(name, f"{type(error).__name__}: {error}")
    health.count("loop_errors_total", label=name)
    if isinstance(error, HubError):
        logger.error("%s: %s", name, error)
    else:
        logger.error("%s: unexpected error, trying again", name, exc_info=error)
