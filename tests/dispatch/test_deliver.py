"""The deliver loop against a real provider and a real store."""

# ruff: noqa: ASYNC110  what is waited for happens in another process
from __future__ import annotations

import asyncio
import itertools
import logging
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from delivering import hub
from desk import NOW_US, note
from providers import until

from hub.clock import SystemClock
from hub.dispatch.base import ChannelStoppedError, DeliveryThrottledError
from hub.errors import DeliveryAmbiguousError, DeliveryDeferredError, DeliveryError
from hub.flow.deliver import MOST_ATTEMPTS, PATIENCE, backoff_s, judge
from hub.model.network import Severity
from hub.model.notification import NotificationState as State
from hub.store.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from desk import Desk
    from providers import ProviderProcess

pytestmark = pytest.mark.usefixtures("secrets")


async def met(ready: Callable[[], object], timeout_s: float = 10.0) -> None:
    """Wait until ``ready`` says yes, letting the loop run."""
    async with asyncio.timeout(timeout_s):
        while not ready():
            await asyncio.sleep(0.02)


def of(provider: ProviderProcess, number: str) -> list[str]:
    """Return the texts that went to ``number``."""
    return [entry["body"] for entry in provider.ledger() if entry["to"] == number]


def due_again(desk: Desk, name: str) -> None:
    """End a row's pause or lease."""
    desk.set(name, lease_until=0.0)


async def test_a_page_goes_once_and_is_written_down(
    desk: Desk, provider: ProviderProcess, number: str
) -> None:
    """A due page is sent once; state, attempt and a masked line of the timeline say so."""
    desk.add("n1", address=number)
    async with hub(desk.path, provider.url) as made:
        await made.once()
        await made.once()
    assert of(provider, number) == [note("n1").text]
    row = desk.row("n1")
    assert (row.state, row.attempt, row.repeat) == (State.SENT, 1, False)
    assert row.provider_id.startswith("SM")
    assert desk.kinds() == ["paged"]
    assert number not in desk.everything()
    assert number[-4:] in desk.everything()


async def test_a_wake_sends_at_once(desk: Desk, provider: ProviderProcess, number: str) -> None:
    """The first page waits for a wake, not for a poll."""
    async with hub(desk.path, provider.url, running=True) as made:
        await met(lambda: "deliver" in made.health.checks())
        began = time.monotonic()
        desk.add("n1", address=number)
        made.wake("deliver")
        await met(lambda: desk.state("n1") is State.SENT)
    assert time.monotonic() - began < 1.0


async def test_what_is_not_due_or_cancelled_stays(
    desk: Desk, provider: ProviderProcess, number: str
) -> None:
    """Neither tomorrow's page nor a cancelled one leaves."""
    desk.add("tomorrow", address=number, due_us=NOW_US + 86_400_000_000)
    desk.add("cancelled", address=number, state=State.CANCELLED)
    async with hub(desk.path, provider.url) as made:
        await made.once()
    assert of(provider, number) == []
    assert desk.state("tomorrow") is State.PENDING
    assert desk.state("cancelled") is State.CANCELLED


async def test_the_most_severe_goes_first(
    desk: Desk, provider: ProviderProcess, number: str
) -> None:
    """In a storm of blue the red page is the first to be taken, and a lane is kept for it."""
    for index in range(12):
        desk.add(f"blue-{index}", address=number, severity=Severity.MINOR, text=f"BLUE {index}")
    desk.add("red", address=number, text="RED")
    async with hub(desk.path, provider.url) as made:
        await made.once()
        assert desk.state("red") is State.SENT
        assert [desk.state(f"blue-{i}") for i in range(12)].count(State.SENT) == 2
        await made.once()
    assert [desk.state(f"blue-{i}") for i in range(12)].count(State.SENT) == 5


async def test_a_slow_webhook_delays_no_sms(
    desk: Desk, provider: ProviderProcess, number: str
) -> None:
    """While every lane of the webhooks hangs, an SMS goes out at once."""
    provider.order("hang", door="hook", count=40)
    for index in range(40):
        desk.add(f"hook-{index}", channel="webhook", address=f"{provider.url}/hook/slow")
    async with hub(desk.path, provider.url, running=True) as made:
        await met(lambda: desk.state("hook-0") is not State.PENDING)
        began = time.monotonic()
        desk.add("n1", address=number)
        made.wake("deliver")
        await met(lambda: desk.state("n1") is State.SENT)
        assert time.monotonic() - began < 1.0
        assert desk.state("hook-0") is State.SENDING


async def test_a_hopeless_number_hands_over_at_once(
    desk: Desk, provider: ProviderProcess, number: str
) -> None:
    """A refusal for good fails the row, sets the next channel's timer, and wakes respond."""
    provider.order("code", code=21211)
    desk.add("n1", address=number)
    async with hub(desk.path, provider.url) as made:
        await made.once()
        assert "respond" in made.woken
    assert desk.state("n1") is State.FAILED
    assert desk.timers() == ["n1"]
    assert desk.kinds() == ["failed"]
    assert "not a valid phone number (21211)" in desk.row("n1").reason
    assert number not in desk.row("n1").reason


async def test_a_busy_provider_is_waited_for(
    desk: Desk, provider: ProviderProcess, number: str
) -> None:
    """429 is tried again by the same channel before anybody else is told."""
    provider.order("status", status=429)
    desk.add("n1", address=number)
    async with hub(desk.path, provider.url) as made:
        await made.once()
        assert desk.state("n1") is State.DEFERRED
        assert desk.timers() == []
        due_again(desk, "n1")
        await made.once()
    assert desk.state("n1") is State.SENT
    assert of(provider, number) == [note("n1").text]


async def test_when_one_gets_through_the_most_severe_follows_at_once(
    desk: Desk, provider: ProviderProcess, number: str
) -> None:
    """After a busy spell nothing severe waits out its pause while the channel works again."""
    provider.order("status", status=429, count=2)
    desk.add("blue", address=number, severity=Severity.MINOR, text="BLUE")
    desk.add("red", address=number, text="RED")
    async with hub(desk.path, provider.url) as made:
        await made.once()
        assert {desk.state("red"), desk.state("blue")} == {State.DEFERRED}
        desk.set("red", lease_until=2e9)
        desk.set("blue", lease_until=2e9)
        desk.add("yellow", address=number, severity=Severity.MODERATE, text="YELLOW")
        await made.once()
        await made.once()
        assert desk.state("blue") is State.DEFERRED or of(provider, number)[1] == "RED"
    assert of(provider, number)[:2] == ["YELLOW", "RED"]


async def test_an_unreachable_provider_starts_the_next_channel(desk: Desk, number: str) -> None:
    """Nobody listening: tried again later, the next channel meanwhile, and health says so."""
    desk.add("n1", address=number)
    async with hub(desk.path, "http://127.0.0.1:9") as made:
        await made.once()
        assert not made.health.checks()["channel sms"].ok
    assert desk.state("n1") is State.DEFERRED
    assert not desk.row("n1").repeat
    assert desk.timers() == ["n1"]


@pytest.mark.parametrize("what", ["lost", "late", "cut"])
async def test_an_answer_lost_after_the_yes_makes_no_duplicate(
    desk: Desk, provider: ProviderProcess, number: str, what: str
) -> None:
    """The message is found at the provider before it would be sent again."""
    provider.order(what)
    desk.add("n1", address=number)
    async with hub(desk.path, provider.url) as made:
        await made.once()
        assert (desk.state("n1"), desk.row("n1").repeat) == (State.DEFERRED, True)
        due_again(desk, "n1")
        await made.once()
    assert of(provider, number) == [note("n1").text]
    assert desk.state("n1") is State.SENT
    assert desk.row("n1").provider_id.startswith("SM")


async def test_a_message_of_an_earlier_round_is_not_mistaken(
    desk: Desk, provider: ProviderProcess, number: str
) -> None:
    """The same text that went in an earlier round does not stand in for this one."""
    desk.add("round-1", address=number, text="RED again")
    async with hub(desk.path, provider.url) as made:
        await made.once()
        provider.order("status", status=500)
        desk.add("round-2", address=number, text="RED again")
        await made.once()
        due_again(desk, "round-2")
        await made.once()
    assert of(provider, number) == ["RED again", "RED again (repeat)"]
    assert desk.row("round-1").provider_id != desk.row("round-2").provider_id


async def test_not_found_is_sent_again_once_and_says_so(
    desk: Desk, provider: ProviderProcess, number: str
) -> None:
    """A 500 that took nothing is followed by one marked sending; a second one is the end."""
    provider.order("status", status=500, count=2)
    desk.add("n1", address=number)
    desk.add("n2", address=number, due_us=NOW_US + 86_400_000_000)
    async with hub(desk.path, provider.url) as made:
        await made.once()
        due_again(desk, "n1")
        await made.once()
        assert desk.state("n1") is State.FAILED
        assert desk.timers() == ["n1"]
        provider.order("status", status=500)
        desk.set("n2", due_us=NOW_US)
        await made.once()
        due_again(desk, "n2")
        await made.once()
    assert of(provider, number) == [note("n2").text + " (repeat)"]


async def test_a_look_up_that_fails_sends_nothing(
    desk: Desk, provider: ProviderProcess, number: str
) -> None:
    """While the provider cannot say whether it has the message, it is not sent again."""
    provider.order("lost")
    provider.order("status", door="list", status=503)
    desk.add("n1", address=number)
    async with hub(desk.path, provider.url) as made:
        await made.once()
        due_again(desk, "n1")
        await made.once()
        assert (desk.state("n1"), desk.row("n1").repeat) == (State.DEFERRED, True)
        assert of(provider, number) == [note("n1").text]
        due_again(desk, "n1")
        await made.once()
    assert desk.state("n1") is State.SENT
    assert of(provider, number) == [note("n1").text]


async def test_bad_credentials_stop_the_channel_loudly(
    desk: Desk, provider: ProviderProcess, number: str
) -> None:
    """Refused credentials fail over at once and turn the channel's health red."""
    provider.order("code", code=20003)
    desk.add("n1", address=number)
    async with hub(desk.path, provider.url) as made:
        await made.once()
        assert "credentials" in made.health.checks()["channel sms"].words
    assert desk.state("n1") is State.FAILED


async def test_a_channel_that_is_not_there_fails_over(
    desk: Desk, provider: ProviderProcess
) -> None:
    """A row of a channel that was taken out of the configuration is not left lying."""
    desk.add("n1", channel="pigeon")
    async with hub(desk.path, provider.url) as made:
        await made.once()
    assert desk.state("n1") is State.FAILED
    assert desk.timers() == ["n1"]


async def test_reports_apply_forward_only_and_once(
    desk: Desk, provider: ProviderProcess, number: str
) -> None:
    """Shuffled, doubled and unknown reports end as delivered, written down once."""
    words = ["queued", "sent", "delivered", "undelivered", "dancing", "delivered"]
    orders = random.Random(7).sample(list(itertools.permutations(words)), 12)  # noqa: S311
    async with hub(desk.path, provider.url) as made:
        for index, order in enumerate(orders):
            desk.add(f"n{index}", address=number)
            await made.once()
            sid = desk.row(f"n{index}").provider_id
            for word in order:
                await asyncio.to_thread(made.deliver.status_callback, sid, word)
            assert desk.state(f"n{index}") is State.DELIVERED
        assert not await asyncio.to_thread(made.deliver.status_callback, "SMforged", "delivered")
    assert desk.kinds().count("delivered") == len(orders)


async def test_an_undelivered_report_hands_over(
    desk: Desk, provider: ProviderProcess, number: str
) -> None:
    """What the handset never got fails, with the reason, and the next channel starts."""
    desk.add("n1", address=number)
    async with hub(desk.path, provider.url) as made:
        await made.once()
        sid = desk.row("n1").provider_id
        made.woken.clear()
        report = (sid, "undelivered", "", "30003")
        assert await asyncio.to_thread(made.deliver.status_callback, *report)
        assert "respond" in made.woken
    assert desk.state("n1") is State.FAILED
    assert desk.row("n1").reason == "the handset is unreachable (30003)"
    assert desk.timers() == ["n1"]


async def test_a_report_may_overtake_the_record(
    desk: Desk, provider: ProviderProcess, number: str
) -> None:
    """A report for a message whose sending is not written yet is kept until it is."""
    sent = desk.add("n1", address=number)
    async with hub(desk.path, provider.url) as made:
        callback = made.deliver.status_callback
        assert not await asyncio.to_thread(callback, "SMearly", "delivered")
        await made.deliver._in_thread(lambda box: box.sent(sent, "SMearly", NOW_US))
    assert desk.state("n1") is State.DELIVERED


async def test_our_own_id_finds_a_row_without_the_providers(
    desk: Desk, provider: ProviderProcess, number: str
) -> None:
    """A report with our id heals a row whose answer was lost."""
    provider.order("lost")
    desk.add("n1", address=number)
    async with hub(desk.path, provider.url) as made:
        await made.once()
        assert desk.state("n1") is State.DEFERRED
        assert await asyncio.to_thread(made.deliver.status_callback, "SMx", "sent", "n1")
        due_again(desk, "n1")
        await made.once()
    assert desk.state("n1") is State.SENT
    assert desk.row("n1").provider_id == "SMx"
    assert of(provider, number) == [note("n1").text]


async def test_no_number_in_any_log(
    desk: Desk, provider: ProviderProcess, number: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever happens to a message, its number is in no line of any logger."""
    caplog.set_level(logging.DEBUG)
    provider.order("code", code=21211)
    provider.order("lost")
    provider.order("status", status=503)
    for name in ("n1", "n2", "n3", "n4"):
        desk.add(name, address=number)
    async with hub(desk.path, provider.url) as made:
        for _ in range(3):
            await made.once()
            for name in ("n1", "n2", "n3", "n4"):
                due_again(desk, name)
    lines = caplog.text + desk.everything()
    assert "sms" in lines
    assert number not in lines
    assert number[1:] not in lines
    assert "demo-token" not in lines


@pytest.mark.parametrize(
    ("error", "attempt", "repeat", "again", "marked", "elsewhere"),
    [
        (DeliveryError("x"), 1, False, False, False, True),
        (ChannelStoppedError("x"), 1, False, False, False, True),
        (DeliveryDeferredError("x"), 1, False, True, False, True),
        (DeliveryDeferredError("x"), MOST_ATTEMPTS, False, False, False, True),
        (DeliveryThrottledError("x"), 1, False, True, False, False),
        (DeliveryThrottledError("x"), PATIENCE, False, True, False, True),
        (DeliveryAmbiguousError("x"), 1, False, True, True, False),
        (DeliveryAmbiguousError("x"), 2, True, False, False, True),
        (DeliveryDeferredError("x"), 2, True, True, False, True),
    ],
)
def test_every_setback_has_one_meaning(  # noqa: PLR0917
    error: DeliveryError, attempt: int, repeat: bool, again: bool, marked: bool, elsewhere: bool
) -> None:
    """What an error comes to depends on it, the attempts so far and whether it was repeated."""
    found = judge(error, note("n", attempt=attempt, repeat=repeat), 0.5)
    assert (found.retry_s is not None, found.repeat, found.elsewhere) == (again, marked, elsewhere)


def test_back_off_grows_to_a_minute_and_is_jittered() -> None:
    """Pauses double from two seconds to a minute, never more, never the same for all."""
    assert [backoff_s(n, 1.0) for n in (1, 2, 3, 6, 99)] == [2.0, 4.0, 8.0, 60.0, 60.0]
    assert backoff_s(3, 0.0) == 4.0
    slow = DeliveryThrottledError("x", "429", retry_after_s=30.0)
    assert judge(slow, note("n", attempt=1), 0.5).retry_s == 30.0


def start(desk: Desk, provider: ProviderProcess) -> subprocess.Popen[bytes]:
    """Start a hub that delivers, as a process."""
    here = Path(__file__).parent
    command = [sys.executable, str(here / "delivering.py"), str(desk.path), provider.url]
    environment = {**os.environ, "PYTHONPATH": str(here.parent.parent)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    return process


def killed(process: subprocess.Popen[bytes]) -> None:
    """Kill -9 a hub."""
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    assert process.stdout is not None
    process.stdout.close()


def test_killed_between_the_yes_and_the_record(
    desk: Desk, provider: ProviderProcess, number: str
) -> None:
    """Killed when the provider has the message and we do not know: no duplicate is sent."""
    provider.order("late", delay_s=20.0)
    desk.add("n1", address=number)
    process = start(desk, provider)
    until(lambda: of(provider, number))
    killed(process)
    assert desk.state("n1") is State.SENDING
    process = start(desk, provider)
    until(lambda: desk.state("n1") is State.SENT)
    killed(process)
    assert of(provider, number) == [note("n1").text]


def test_killed_where_the_provider_cannot_be_searched(
    desk: Desk, provider: ProviderProcess, number: str
) -> None:
    """Each kill makes at most one duplicate even if no look-up finds anything; it says so."""
    desk.add("n1", address=number, channel="sms")
    provider.order("hang", count=99)
    for attempt in (1, 2):
        process = start(desk, provider)
        until(lambda wanted=attempt: desk.row("n1").attempt == wanted)
        killed(process)
    provider.order("well")
    process = start(desk, provider)
    until(lambda: desk.state("n1") is State.SENT)
    killed(process)
    assert of(provider, number) == [note("n1").text + " (repeat)"]
    assert desk.row("n1").attempt == 3


def test_a_page_answered_while_the_hub_was_dead_is_not_sent(
    desk: Desk, provider: ProviderProcess, number: str
) -> None:
    """What a dead hub was sending is dropped if somebody acknowledged since."""
    desk.add("n1", address=number, state=State.SENDING)
    desk.set("n1", lease_until=time.time() + 30)
    desk.connection.execute(
        "INSERT INTO incident VALUES (?, '7K2', 1, 's', 'flood', '', 'acknowledged', 'present',"
        " 'extreme', 'observed', 'immediate', 0, 0, 0, '', 0, '', '', 'li', 0, '', NULL, 0, 0)",
        (note("n1").incident,),
    )
    process = start(desk, provider)
    until(lambda: desk.state("n1") is State.CANCELLED)
    killed(process)
    assert of(provider, number) == []


def test_a_lease_holds_against_a_second_hub(desk: Desk, number: str) -> None:
    """A row that is being sent is not claimed again before its lease is over."""
    desk.add("n1", address=number)
    box = Outbox(desk.connection, str)
    now_s, now_us = time.time(), SystemClock().now_us()
    times = {"free": 5, "spare": 5, "now_us": now_us, "lease_s": 30.0}
    (first,) = box.claim("sms", real_s=now_s, **times)
    assert (first.attempt, first.repeat) == (1, False)
    assert box.claim("sms", real_s=now_s + 29, **times) == []
    (second,) = box.claim("sms", real_s=now_s + 31, **times)
    assert (second.attempt, second.repeat) == (2, True)
