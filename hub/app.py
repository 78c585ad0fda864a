"""The composition root: configuration in, running loops out; the only file that knows all.

Nothing else builds adapters. Every loop has a thread and a connection of its own; an exit
stack owns what must be closed; one task group owns what runs.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import signal
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from hub.clock import Clock, HandClock, ScaledClock, SystemClock, clock_from
from hub.config import ChannelTable, Configuration, read_secret
from hub.console.deps import ConsoleDeps, ConsoleSettings
from hub.console.server import serve
from hub.detect.stack import Stack
from hub.dispatch import channels
from hub.dispatch.base import Channel, Surroundings
from hub.dispatch.storm import StormLimits
from hub.dispatch.text import compose
from hub.errors import ConfigError
from hub.flow import words
from hub.flow.deadman import DeadMan
from hub.flow.deliver import Deliver
from hub.flow.desk import Paging
from hub.flow.drive import Wakeups, drive
from hub.flow.fits import Fits
from hub.flow.handoff import Handoff
from hub.flow.health import Health
from hub.flow.intake import Intake, IntakeSettings
from hub.flow.lock import lock_loops
from hub.flow.reserve import Guard, Reserve
from hub.flow.respond import Respond
from hub.flow.store import Store
from hub.flow.streams import Streams
from hub.flow.watch import Watch
from hub.ingest.broker import EmbeddedBroker, EmbeddedSettings
from hub.ingest.mqtt import MqttSettings, MqttSource
from hub.ingest.topics import Topics
from hub.reasons import why
from hub.store.database import open_database
from hub.store.history import History
from hub.store.influx import InfluxStore
from hub.store.log import Log
from hub.store.sure import make_sure
from hub.words import listed

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Coroutine, Sequence

LOOPS: Final = ("intake", "watch", "respond", "deliver", "store", "web")
DISK_POLL_S: Final = 0.5
POLL_S: Final = {"intake": 0.0, "watch": 0.25, "respond": 0.25, "store": 0.5}
CLOCK_VARIABLE: Final = "TOCSIN_CLOCK"
PRIVATE: Final = 0o077  # the book holds people's numbers: nobody else on the machine reads it
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})

logger = logging.getLogger(__name__)


class Loop(Protocol):
    """A loop driven in a thread of its own."""

    def step(self) -> bool:
        """Do one bounded piece of work; return whether more is waiting."""

    def close(self) -> None:
        """Let go of what it holds, once it no longer steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the loops of one process share."""

    configuration: Configuration
    clock: Clock
    health: Health
    wakeups: Wakeups
    channels: dict[str, Channel]
    paging: Paging
    handoff: Handoff
    reserve: Reserve
    guard: Guard

    @property
    def database(self) -> Path:
        """Return the file that is log and book in one."""
        return self.configuration.hub.database


async def run_hub(configuration: Configuration, *, loops: Sequence[str] | None = None) -> None:
    """Run ``loops`` (all of them for None) until SIGINT or SIGTERM, then close in order.

    Raises:
        ConfigError: something cannot be built as configured; nothing has run then.
    """
    os.umask(PRIVATE)
    names = chosen(loops)
    clock = clock_of(configuration)
    stop = stop_signal()
    async with AsyncExitStack() as stack:
        for file in lock_loops(configuration.hub.data, names):
            stack.callback(file.close)
        reserve_of(configuration).first()
        make_sure(configuration.hub.database)
        introduce(configuration, clock)
        parts = parts_of(configuration, clock)
        await run_parts(parts, names, stack, stop)


async def run_parts(
    parts: Parts, names: Sequence[str], stack: AsyncExitStack, stop: asyncio.Event
) -> None:
    """Run the loops ``names`` until ``stop`` is set."""
    deliver = deliver_of(parts)
    running = runners(parts, names, stack, deliver)
    for run in running.values():
        stack.callback(run.close)  # one that never began must not complain of it
    if "web" in names:
        await open_console(parts, stack, deliver)
    # What is there now stays: with 10,000 datastreams to go through, a collection would hold
    # up every loop for a tenth of a second.
    gc.collect()
    gc.freeze()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run, name=name) for name, run in running.items()]
        logger.info("the hub runs: %s", ", ".join(names))
        await stop.wait()
        logger.info("the hub stops")
        for task in tasks:
            task.cancel()


def runners(
    parts: Parts, names: Sequence[str], stack: AsyncExitStack, deliver: Deliver
) -> dict[str, Coroutine[None, None, None]]:
    """Return what to run, from the last loop to the first, so that nobody talks to nobody."""
    running: dict[str, Coroutine[None, None, None]] = {}
    running["guard"] = drive(
        "guard", parts.guard.step, wakeups=parts.wakeups, health=parts.health, poll_s=DISK_POLL_S
    )
    stack.callback(parts.guard.close)
    if "deliver" in names:
        running["deliver"] = deliver.run(parts.wakeups)
    for name in ("store", "respond", "watch", "intake"):
        if name in names:
            loop = MAKERS[name](parts, stack)
            stack.callback(loop.close)
            running[name] = drive(
                name,
                loop.step,
                wakeups=parts.wakeups,
                health=parts.health,
                poll_s=POLL_S[name],
            )
    if parts.configuration.hub.dead_man_url:
        running["dead-man"] = dead_man_of(parts).run()
    return running


def intake_of(parts: Parts, stack: AsyncExitStack) -> Intake:
    """Return the first loop, with the broker it listens to."""
    hub, clock = parts.configuration.hub, parts.clock
    follow = clock.follow if isinstance(clock, HandClock) else None
    topics = Topics(parts.configuration.mappings)
    source = MqttSource(broker_settings(parts, stack), topics.filters())
    intake = Intake(
        database=parts.database,
        source=source,
        network=parts.configuration.network,
        clock=clock,
        health=parts.health,
        wake=parts.wakeups.wake,
        handoff=parts.handoff,
        settings=IntakeSettings(
            grace_s=hub.grace_s,
            future_s=hub.future_s,
            clock_offset_s=hub.clock_offset_s,
            receipt_interval_s=0.0 if follow else 1.0,
        ),
        mappings=parts.configuration.mappings,
        on_sent=follow,
        reserve=parts.reserve,
    )
    source.start()
    stack.callback(source.stop)
    return intake


def broker_settings(parts: Parts, stack: AsyncExitStack) -> MqttSettings:
    """Return where the broker is; an embedded one is started and stopped with the hub.

    It stands still while the disk is full, as it would fill what was kept for the book.
    """
    configuration = parts.configuration
    broker = configuration.broker
    port = broker.port
    if broker.kind == "embedded":
        embedded = EmbeddedBroker(
            EmbeddedSettings(
                folder=configuration.hub.data / "broker",
                host=broker.host,
                port=broker.port,
                program=broker.program,
                username=broker.username,
                password=broker.password(),
            )
        )
        embedded.start()
        stack.callback(embedded.stop)
        parts.guard.attend(embedded.pause, embedded.resume)
        port = embedded.port
    return MqttSettings(
        host=broker.host,
        port=port,
        client_id=broker.client_id,
        username=broker.username,
        password=broker.password,
        tls=broker.tls,
        ca=broker.ca,
        certificate=broker.certificate,
        key=broker.key,
    )


def watch_of(parts: Parts, _stack: AsyncExitStack) -> Watch:
    """Return the loop that decides."""
    configuration = parts.configuration
    return Watch(
        path=parts.database,
        network=configuration.network,
        people=configuration.people,
        rules=configuration.rules,
        composer=compose,
        clock=parts.clock,
        health=parts.health,
        wake=parts.wakeups.wake,
        paging=parts.paging,
        handoff=parts.handoff,
        fits=Fits(inline=isinstance(parts.clock, HandClock)),
    )


def respond_of(parts: Parts, _stack: AsyncExitStack) -> Respond:
    """Return the loop of people's actions and of timers."""
    return Respond(
        database=parts.database,
        clock=parts.clock,
        health=parts.health,
        wake=parts.wakeups.wake,
        network=parts.configuration.network,
        people=parts.configuration.people,
        composer=compose,
        paging=parts.paging,
    )


def store_of(parts: Parts, _stack: AsyncExitStack) -> Store:
    """Return the loop that keeps observations for good."""
    hub = parts.configuration.hub
    return Store(
        database=parts.database,
        influx=influx_of(parts.configuration),
        network=parts.configuration.network,
        clock=parts.clock,
        health=parts.health,
        retention_s=hub.retention_s,
        keep_bytes=hub.keep_bytes,
    )


def deliver_of(parts: Parts) -> Deliver:
    """Return the loop that sends."""
    return Deliver(
        path=parts.database,
        channels=parts.channels,
        clock=parts.clock,
        health=parts.health,
        wake=parts.wakeups.wake,
    )


def dead_man_of(parts: Parts) -> DeadMan:
    """Return the outgoing ping."""
    hub = parts.configuration.hub
    return DeadMan(url=hub.dead_man_url, every_s=hub.dead_man_s, health=parts.health)


MAKERS: Final[dict[str, Callable[[Parts, AsyncExitStack], Loop]]] = {
    "intake": intake_of,
    "watch": watch_of,
    "respond": respond_of,
    "store": store_of,
}


async def open_console(parts: Parts, stack: AsyncExitStack, deliver: Deliver) -> None:
    """Serve page and API until the stack closes."""
    configuration = parts.configuration
    streams = Streams(parts.database, configuration.network)
    stack.callback(streams.close)
    history = History(parts.database, influx_of(configuration))
    stack.callback(history.close)
    deps = ConsoleDeps(
        database=parts.database,
        clock=parts.clock,
        health=parts.health,
        network=configuration.network,
        people=configuration.people,
        catalogue=streams.now,
        history=history,
        settings=console_settings(configuration),
        wake=parts.wakeups.wake,
        deliver_status=deliver.status_callback,
    )
    runner = await serve(deps)
    stack.push_async_callback(runner.cleanup)


def console_settings(configuration: Configuration) -> ConsoleSettings:
    """Return how the console is served."""
    web = configuration.web
    return ConsoleSettings(
        host=web.host,
        port=web.port,
        token=web.token() or None,
        public_url=web.public_url,
        twilio_auth_token=sms_token(configuration.channels),
        influx=configuration.influx is not None,
    )


def sms_token(tables: Sequence[ChannelTable]) -> str | None:
    """Return what the SMS provider signs its calls with, or None without an SMS channel."""
    for table in tables:
        if table.kind == "sms":
            file = table.options.get("token_file")
            variable = str(table.options.get("token_env", ""))
            where = f"channel {table.name}.token"
            return read_secret(Path(str(file)) if file else None, variable, where)
    return None


def influx_of(configuration: Configuration) -> InfluxStore | None:
    """Return a client of the InfluxDB that is configured, for one thread."""
    return InfluxStore(configuration.influx) if configuration.influx else None


def parts_of(configuration: Configuration, clock: Clock) -> Parts:
    """Return what the loops share.

    Raises:
        ConfigError: a rule or a channel cannot be built from its options.
    """
    check_rules(configuration)
    around = Surroundings(public_url=configuration.web.public_url)
    built = {
        table.name: channels.build(table.name, table.kind, table.options, around)
        for table in configuration.channels
    }
    health, wakeups = Health(), Wakeups(asyncio.get_running_loop())
    reserve = reserve_of(configuration)
    return Parts(
        configuration=configuration,
        clock=clock,
        health=health,
        wakeups=wakeups,
        channels=built,
        paging=Paging(
            public_url=configuration.web.public_url,
            receipts=frozenset(name for name, channel in built.items() if channel.receipts),
            rate=clock.rate,
            limited=frozenset(name for name, channel in built.items() if channel.kind == "sms"),
            limits=StormLimits(**asdict(configuration.hub.storm)),
        ),
        handoff=Handoff(),
        reserve=reserve,
        guard=Guard(
            database=configuration.hub.database,
            reserve=reserve,
            clock=clock,
            health=health,
            wake=wakeups.wake,
        ),
    )


def reserve_of(configuration: Configuration) -> Reserve:
    """Return the room that is kept on the disk for the book."""
    return Reserve(configuration.hub.data, configuration.hub.reserve_bytes)


def check_rules(configuration: Configuration) -> None:
    """Build every detector once.

    Raises:
        ConfigError: a rule names no known detector, or its options are wrong.
    """
    try:
        Stack(configuration.rules, configuration.network.sites)
    except ValueError as error:
        raise ConfigError(f"{configuration.folder / 'rules.toml'}", why(error)) from error


def clock_of(configuration: Configuration) -> Clock:
    """Return the clock that TOCSIN_CLOCK names, for demos and replays; else the machine's.

    Raises:
        ConfigError: it is no clock, or people could really be called by a false time.
    """
    text = os.environ.get(CLOCK_VARIABLE, "")
    try:
        clock = clock_from(text)
    except ValueError as error:
        raise ConfigError(
            CLOCK_VARIABLE, words.NO_CLOCK.filled(text=text, why=why(error))
        ) from error
    if not isinstance(clock, SystemClock):
        for table in configuration.channels:
            if table.kind == "sms" and not on_loopback(table):
                raise ConfigError(CLOCK_VARIABLE, words.WOULD_CALL.filled(name=table.name))
    return clock


def on_loopback(table: ChannelTable) -> bool:
    """Say whether an SMS channel's provider is on this machine."""
    return urlsplit(str(table.options.get("base_url", ""))).hostname in LOOPBACK


def introduce(configuration: Configuration, clock: Clock) -> None:
    """Put the configuration's version into the log, and its clock beside it for the CLI."""
    connection = open_database(configuration.hub.database)
    try:
        body = {"version": configuration.version, "folder": configuration.folder.name}
        Log(connection).append_control("config", clock.now_us(), "", body)
        note_clock(connection, clock)
    finally:
        connection.close()


def note_clock(connection: sqlite3.Connection, clock: Clock) -> None:
    """Say by which clock the hub lives, so that a command beside it agrees on the time."""
    connection.execute("DELETE FROM meta WHERE key = 'clock'")
    if isinstance(clock, ScaledClock):
        text = json.dumps(asdict(clock))
        connection.execute("INSERT INTO meta (key, value) VALUES ('clock', ?)", (text,))


def chosen(loops: Sequence[str] | None) -> tuple[str, ...]:
    """Return the loops to run, in the order of LOOPS.

    Raises:
        ConfigError: one of them does not exist.
    """
    for name in loops or ():
        if name not in LOOPS:
            raise ConfigError("--loops", words.NO_LOOP.filled(name=name, names=listed(LOOPS)))
    return tuple(name for name in LOOPS if not loops or name in loops)


def stop_signal() -> asyncio.Event:
    """Return an event that SIGINT and SIGTERM set."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
