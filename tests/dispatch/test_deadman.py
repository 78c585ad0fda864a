"""The dead-man ping, against a real receiver."""

# ruff: noqa: ASYNC110  what is waited for happens in another process
from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from hub.flow.deadman import WATCHED, DeadMan
from hub.flow.health import Health

if TYPE_CHECKING:
    from providers import ProviderProcess


async def pings(provider: ProviderProcess, name: str, dead_man: DeadMan, at_least: int) -> int:
    """Run ``dead_man`` until ``at_least`` pings came or half a second is over; return how many."""
    task = asyncio.create_task(dead_man.run())
    with suppress(TimeoutError):
        async with asyncio.timeout(0.5 if at_least == 0 else 10):
            while len(found(provider, name)) < max(at_least, 1):
                await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return len(found(provider, name))


def found(provider: ProviderProcess, name: str) -> list[dict[str, object]]:
    """Return the pings of one test."""
    return [entry for entry in provider.ledger("ping") if entry["path"] == f"/ping?{name}"]


def well() -> Health:
    """Return the health of a hub whose loops work."""
    health = Health()
    for name in WATCHED:
        health.well(name)
    return health


async def test_it_pings_while_all_is_well(provider: ProviderProcess) -> None:
    """While every loop progresses the receiver hears of it, again and again."""
    health = well()
    dead_man = DeadMan(url=f"{provider.url}/ping?well", every_s=0.05, health=health)
    assert await pings(provider, "well", dead_man, 3) >= 3
    assert health.checks()["dead-man"].ok


async def test_it_is_silent_when_a_loop_is_ill_or_stuck_or_missing(
    provider: ProviderProcess,
) -> None:
    """An ill loop, one that was not well of late, or one that never was: no ping."""
    ill = well()
    ill.ill("watch", "broken")
    url = f"{provider.url}/ping?ill"
    assert DeadMan(url=url, every_s=0.05, health=ill).stuck() == ["watch"]
    assert DeadMan(url=url, every_s=0.05, health=Health()).stuck() == list(WATCHED)
    stuck = DeadMan(url=url, every_s=0.05, health=well(), silent_s=-1.0)
    assert stuck.stuck() == list(WATCHED)
    assert await pings(provider, "ill", DeadMan(url=url, every_s=0.05, health=ill), 0) == 0


async def test_a_receiver_that_is_away_is_said_and_survived() -> None:
    """A receiver that cannot be reached turns one check red and stops nothing."""
    health = well()
    dead_man = DeadMan(url="http://127.0.0.1:9/secret-token", every_s=0.05, health=health)
    task = asyncio.create_task(dead_man.run())
    async with asyncio.timeout(10):
        while "dead-man" not in health.checks():
            await asyncio.sleep(0.02)
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not health.checks()["dead-man"].ok
    assert "secret-token" not in health.checks()["dead-man"].words
