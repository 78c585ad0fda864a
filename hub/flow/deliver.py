"""The deliver loop: due notifications out, most severe first, one attempt at a time.

It claims rows by lease, sends each through its channel's own lanes - so that a slow
channel delays no other - and records what became of it. It never decides who is next:
what will not arrive sets a timer, due at once, and respond takes it from there.

A hub killed between the provider's yes and the record cannot know whether the message
went. Its row comes back marked; the channel looks the message up, and only if it is
not there is it sent once more, saying so: at most one duplicate per kill.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from hub.dispatch.base import (
    ChannelStoppedError,
    DeliveryThrottledError,
    masked,
    scrubbed,
)
from hub.dispatch.inbound import report
from hub.errors import DeliveryAmbiguousError, DeliveryDeferredError, DeliveryError, StoreError
from hub.flow.drive import FIRST_PAUSE_S, LONGEST_PAUSE_S, wait
from hub.flow.drive import report as report_ill
from hub.model.notification import NotificationState
from hub.store.canary import Canaries, Stage
from hub.store.database import open_database
from hub.store.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from hub.clock import Clock
    from hub.dispatch.base import Channel
    from hub.flow.drive import Wakeups
    from hub.flow.health import Health
    from hub.model.notification import Notification

LEASE_S: Final = 30.0
MOST_ATTEMPTS: Final = 8
PATIENCE: Final = 3  # throttled attempts before the next channel starts as well
FIRST_RETRY_S: Final = 2.0
LONGEST_RETRY_S: Final = 60.0
SHORTEST_POLL_S: Final = 0.02
RECORD_TRIES: Final = 6
CLOSE_S: Final = 5.0

T = TypeVar("T")
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Setback:
    """What a failed attempt comes to: ``until_s`` None means that it is the end."""

    reason: str
    retry_s: float | None = None
    repeat: bool = False
    elsewhere: bool = True


def judge(error: DeliveryError, note: Notification, chance: float) -> Setback:
    """Return what ``error`` comes to after ``note``'s latest attempt; ``chance`` is 0 to 1.

    An attempt of unknown outcome is followed by one more, marked; a second one is the
    end. A busy provider is waited for a little before anybody else is told.
    """
    reason = scrubbed(str(error), note.address)
    unsure = isinstance(error, DeliveryAmbiguousError)
    if not isinstance(error, DeliveryDeferredError) or note.attempt >= MOST_ATTEMPTS:
        return Setback(reason)
    if unsure and note.repeat:
        return Setback(f"unknown a second time: {reason}")
    busy = isinstance(error, DeliveryThrottledError) and note.attempt < PATIENCE
    pause_s = max(backoff_s(note.attempt, chance), error.retry_after_s or 0.0)
    return Setback(reason, pause_s, repeat=unsure, elsewhere=not (unsure or busy))


def backoff_s(attempt: int, chance: float) -> float:
    """Return the real seconds to wait after the ``attempt``-th attempt (from 1), jittered."""
    longest = min(FIRST_RETRY_S * 2.0 ** max(attempt - 1, 0), LONGEST_RETRY_S)
    return longest * (0.5 + 0.5 * chance)


class Deliver:
    """The loop. ``channels`` is by name; ``wake`` wakes other loops after a commit.

    ``alone`` (the rule) says that no other process delivers from this store, so that
    what a dead one was sending is taken up at once and not when its lease runs out.
    """

    def __init__(
        self,
        *,
        path: Path,
        channels: Mapping[str, Channel],
        clock: Clock,
        health: Health,
        wake: Callable[..., None],
        lease_s: float = LEASE_S,
        alone: bool = True,
    ) -> None:
        self._path = path
        self._channels = dict(channels)
        self._clock = clock
        self._health = health
        self._wake = wake
        self._lease_s = max(lease_s, *(c.deadline_s + 5 for c in channels.values()), 0.0)
        self._alone = alone
        self._outbox: Outbox | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="deliver")
        self._flights: dict[str, set[asyncio.Task[None]]] = {name: set() for name in channels}

    async def run(self, wakeups: Wakeups, poll_s: float = 1.0) -> None:
        """Deliver until cancelled; then let attempts under way end."""
        event = wakeups.event("deliver")
        pause_s = FIRST_PAUSE_S
        try:
            while True:
                event.clear()
                try:
                    more = await self.step()
                except Exception as error:  # noqa: BLE001  the outermost guard, as in drive
                    report_ill("deliver", error, self._health)
                    await asyncio.sleep(pause_s)
                    pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
                    continue
                pause_s = FIRST_PAUSE_S
                self._health.well("deliver")
                if not more:
                    await wait(event, await self._pause_s(poll_s))
        finally:
            await self.aclose()

    async def step(self) -> bool:
        """Start every attempt that there is a free lane for; say whether any was started."""
        started = await self._in_thread(self._fail_unknown)
        for channel in self._channels.values():
            for note in await self._claimed(channel):
                self._start(channel, note)
                started = True
        await self._in_thread(self._pass_canaries_on)
        return started

    async def settle(self) -> None:
        """Wait until no attempt is under way."""
        while under_way := [task for flights in self._flights.values() for task in flights]:
            await asyncio.gather(*under_way)

    async def aclose(self) -> None:
        """Let attempts under way end, for a while, and let go of channels and store."""
        under_way = [task for flights in self._flights.values() for task in flights]
        if under_way:
            _, slow = await asyncio.wait(under_way, timeout=CLOSE_S)
            for task in slow:
                task.cancel()
        for channel in self._channels.values():
            await channel.aclose()
        self._thread.shutdown(wait=True)

    def status_callback(
        self, provider_id: str, state: str, note_id: str = "", code: str = ""
    ) -> bool:
        """Apply a provider's delivery report; blocks, so never call it in the event loop.

        ``state`` is the provider's word or one of ours. Reports only go forward and may
        come twice, shuffled or before the sending is recorded. ``note_id`` is the ``n``
        of the callback's query and ``code`` its ErrorCode. Returns whether it was news.
        """
        found = report(provider_id, state, code)
        if found is None:
            return False
        news = self._thread.submit(
            lambda: self._box().reported(
                found.provider_id, found.state, found.reason, note_id, self._clock.now_us()
            )
        ).result()
        if news:
            self._health.count("notifications_total", label=found.state)
            self._wake("respond", "console")
        return news

    # one attempt

    async def _claimed(self, channel: Channel) -> list[Notification]:
        """Lease as many rows as ``channel`` has free lanes; the last one is for the severe."""
        free = channel.lanes - len(self._flights[channel.name])
        spare = free - 1 if channel.lanes > 1 else free
        if free <= 0:
            return []
        return await self._in_thread(lambda box: self._claim(box, channel.name, free, spare))

    def _start(self, channel: Channel, note: Notification) -> None:
        """Make an attempt in a lane of ``channel``."""
        flights = self._flights[channel.name]
        task = asyncio.create_task(self._fly(channel, note))
        flights.add(task)
        task.add_done_callback(flights.discard)

    async def _fly(self, channel: Channel, note: Notification) -> None:
        """Make one attempt and record what became of it; never raises but when cancelled."""
        try:
            async with asyncio.timeout(channel.deadline_s):
                provider_id = await self._once(channel, note)
        except TimeoutError:
            late = DeliveryAmbiguousError(f"no answer within {channel.deadline_s:.0f} s")
            await self._recorded(lambda box: self._set_back(box, channel, note, late))
        except DeliveryError as error:
            failed = error
            await self._recorded(lambda box: self._set_back(box, channel, note, failed))
        except Exception as error:  # noqa: BLE001  a faulty channel must not stop the line
            said = scrubbed(f"{type(error).__name__}: {error}", note.address)
            logger.error("channel %s is faulty: %s", channel.name, said)  # noqa: TRY400  no numbers
            broken = DeliveryError(f"the channel is faulty: {said}")
            await self._recorded(lambda box: self._set_back(box, channel, note, broken))
        else:
            await self._recorded(lambda box: self._arrive(box, channel, note, provider_id))
        self._wake("deliver")

    async def _once(self, channel: Channel, note: Notification) -> str:
        """Send ``note``, unless it may have gone and the provider has it already."""
        if note.repeat:
            found = await channel.find(note)
            known = await self._in_thread(lambda box: box.known(found)) if found else set()
            fresh = [name for name in found if name not in known]
            if fresh:
                logger.info("%s had %s already", channel.name, note.id)
                return fresh[0]
        return await channel.send(note)

    async def _recorded(self, record: Callable[[Outbox], None]) -> None:
        """Record an outcome, trying again while the store refuses: it must not be lost."""
        pause_s = FIRST_PAUSE_S
        for _ in range(RECORD_TRIES):
            try:
                await self._in_thread(record)
            except StoreError as error:
                report_ill("deliver", error, self._health)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            else:
                return
        logger.error("an outcome could not be recorded: the row comes back when its lease ends")

    # in the loop's own thread

    def _claim(self, box: Outbox, name: str, free: int, spare: int) -> list[Notification]:
        """Lease what may go by the channel ``name``."""
        return box.claim(
            name,
            free=free,
            spare=spare,
            now_us=self._clock.now_us(),
            real_s=time.time(),
            lease_s=self._lease_s,
        )

    def _pass_canaries_on(self, box: Outbox) -> None:
        """Let watchers know that what was to be sent has been claimed."""
        count = Canaries(box.connection).pass_on(Stage.RESPONDED)
        if count:
            self._health.count("canaries_total", count)

    def _fail_unknown(self, box: Outbox) -> bool:
        """Fail rows of channels that are not configured, so that the next one starts."""
        orphans = box.unclaimed(tuple(self._channels), self._clock.now_us(), time.time())
        for note in orphans:
            box.failed(note, f"there is no channel {note.channel!r}", self._clock.now_us())
        if orphans:
            self._wake("respond")
        return bool(orphans)

    def _arrive(self, box: Outbox, channel: Channel, note: Notification, provider_id: str) -> None:
        """Record that the provider took it."""
        for state in box.sent(note, provider_id, self._clock.now_us()):
            self._health.count("notifications_total", label=state)
            if state is NotificationState.FAILED:
                self._wake("respond")
        self._health.well(f"channel {channel.name}")
        logger.info("%s: %s to %s", channel.name, note.purpose, masked(note.address))
        self._wake("console")

    def _set_back(
        self, box: Outbox, channel: Channel, note: Notification, error: DeliveryError
    ) -> None:
        """Record a failed attempt: again later, or never."""
        setback = judge(error, note, random.random())  # noqa: S311  jitter, no secret
        now_us = self._clock.now_us()
        if setback.retry_s is None:
            box.failed(note, setback.reason, now_us)
            self._health.count("notifications_total", label=NotificationState.FAILED)
        else:
            box.deferred(
                note,
                setback.reason,
                until_s=time.time() + setback.retry_s,
                repeat=setback.repeat,
                elsewhere=setback.elsewhere,
                now_us=now_us,
            )
        if isinstance(error, ChannelStoppedError | DeliveryDeferredError):
            self._health.ill(f"channel {channel.name}", setback.reason)
        logger.warning("%s to %s: %s", channel.name, masked(note.address), setback.reason)
        self._wake("respond", "console")

    async def _pause_s(self, poll_s: float) -> float:
        """Return how long to wait: until the next row may go, unless a lane must empty first."""
        if any(len(self._flights[c.name]) >= c.lanes for c in self._channels.values()):
            return poll_s
        next_s = await self._in_thread(
            lambda box: box.next_s(self._clock.now_us(), time.time(), self._clock.rate)
        )
        return poll_s if next_s is None else min(max(next_s, SHORTEST_POLL_S), poll_s)

    async def _in_thread(self, work: Callable[[Outbox], T]) -> T:
        """Run ``work`` on the outbox in the loop's own thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: work(self._box()))

    def _box(self) -> Outbox:
        """Return the outbox, opened by the thread that uses it."""
        if self._outbox is None:
            self._outbox = Outbox(open_database(self._path), masked)
            if self._alone and (left := self._outbox.take_over()):
                logger.warning("%d notifications were being sent when the hub ended", left)
        return self._outbox
