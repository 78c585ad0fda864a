"""The dead-man ping: somebody elsewhere is told while all is well, and notices when not.

It goes out only while every watched loop has been well of late, so that a hub that is
up and does nothing falls silent too.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

import aiohttp

from hub.dispatch.base import masked

if TYPE_CHECKING:
    from hub.flow.health import Health

WATCHED: Final = ("intake", "watch", "respond", "deliver")
TIMEOUT_S: Final = 10.0

logger = logging.getLogger(__name__)


class DeadMan:
    """Calls ``url`` every ``every_s`` real seconds while the ``watched`` loops progress.

    A loop that was not well within ``silent_s`` (by default three rounds, at least
    15 s) is taken for stuck. The receiver's failure is a check of its own and stops nothing.
    """

    def __init__(
        self,
        *,
        url: str,
        every_s: float,
        health: Health,
        watched: tuple[str, ...] = WATCHED,
        silent_s: float | None = None,
    ) -> None:
        self._url = url
        self._every_s = every_s
        self._health = health
        self._watched = watched
        self._silent_s = silent_s if silent_s is not None else max(3 * every_s, 15.0)

    async def run(self) -> None:
        """Ping until cancelled."""
        timeout = aiohttp.ClientTimeout(total=min(TIMEOUT_S, max(self._every_s, 1.0)))
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                if not self.stuck():
                    await self._ping(session)
                await asyncio.sleep(self._every_s)

    def stuck(self) -> list[str]:
        """Return the watched loops that are ill or were not well of late."""
        checks = self._health.checks()
        return [
            name
            for name in self._watched
            if name not in checks
            or not checks[name].ok
            or self._health.well_ago_s(name) > self._silent_s
        ]

    async def _ping(self, session: aiohttp.ClientSession) -> None:
        """Call once; a failure is said and nothing more."""
        try:
            async with session.get(self._url, allow_redirects=False) as answer:
                ok, words = answer.status < 300, f"answered {answer.status}"
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            ok, words = False, type(error).__name__
        if ok:
            self._health.well("dead-man")
        else:
            self._health.ill("dead-man", f"{masked(self._url)} {words}")
            logger.warning("dead-man ping: %s %s", masked(self._url), words)
