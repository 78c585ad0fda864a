"""A hub that only delivers: in this process for tests, or as a program to be killed.

``python delivering.py DATABASE PROVIDER_URL`` delivers until it is killed.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hub.clock import SystemClock
from hub.dispatch.base import Surroundings
from hub.dispatch.channels import build
from hub.flow.deliver import Deliver
from hub.flow.drive import Wakeups
from hub.flow.health import Health

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.dispatch.base import Channel

SMS = {
    "sender": "+15550100100",
    "account_env": "TOCSIN_SMS_ACCOUNT",
    "token_env": "TOCSIN_SMS_TOKEN",
    "timeout_s": 1.0,
}
HOOK = {"secret_env": "TOCSIN_WEBHOOK_SECRET", "allow_private": True, "timeout_s": 2.0}


def channels(provider_url: str, public_url: str = "") -> dict[str, Channel]:
    """Return the channels of such a hub."""
    around = Surroundings(public_url=public_url)
    return {
        "sms": build("sms", "sms", {**SMS, "base_url": provider_url}, around),
        "webhook": build("webhook", "webhook", HOOK, around),
    }


class Hub:
    """A deliver loop with its wakeups; ``woken`` collects the loops it woke."""

    def __init__(self, path: Path, provider_url: str, public_url: str = "") -> None:
        self.health = Health()
        self.woken: list[str] = []
        self.wakeups = Wakeups(asyncio.get_running_loop())
        self.deliver = Deliver(
            path=path,
            channels=channels(provider_url, public_url),
            clock=SystemClock(),
            health=self.health,
            wake=self.wake,
        )

    def wake(self, *names: str) -> None:
        """Wake and remember."""
        self.woken.extend(names)
        self.wakeups.wake(*names)

    async def once(self) -> None:
        """Send what is due and wait for what became of it."""
        await self.deliver.step()
        await self.deliver.settle()


@asynccontextmanager
async def hub(
    path: Path, provider_url: str, *, running: bool = False, public_url: str = ""
) -> AsyncIterator[Hub]:
    """Yield a hub, its loop running or driven by the test."""
    made = Hub(path, provider_url, public_url)
    task = asyncio.create_task(made.deliver.run(made.wakeups, 0.2)) if running else None
    try:
        yield made
    finally:
        if task is None:
            await made.deliver.aclose()
        else:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def main(path: str, provider_url: str) -> None:
    """Deliver until killed."""
    os.write(1, b"up\n")
    async with hub(Path(path), provider_url, running=True):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
