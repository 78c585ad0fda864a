"""One node put together: sensors, spool, link, and the one loop that decides."""

from __future__ import annotations

import fcntl
import logging
import secrets
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from tocsin_edge.errors import SpoolError, SpoolRuinedError
from tocsin_edge.exchange import Exchange
from tocsin_edge.housekeeping import Housekeeping, notify
from tocsin_edge.intake import Intake
from tocsin_edge.ledger import Ledger
from tocsin_edge.link import Link
from tocsin_edge.readers import Inbox, Reader, build_sensor
from tocsin_edge.sender import Sender
from tocsin_edge.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tocsin_edge.clock import Timekeeper
    from tocsin_edge.config import NodeConfig, Stream
    from tocsin_edge.sensors.base import Sensor

LONGEST_WAIT_S: Final = 0.5
SPOOL_FILE: Final = "spool.db"

logger = logging.getLogger(__name__)


class Parts:
    """What ``run`` and ``replay`` share: lock, spool, ledger, link, sender.

    Raises:
        SpoolError: if the folder cannot be used or another node uses it.
    """

    def __init__(
        self, config: NodeConfig, keeper: Timekeeper, ledger: Path | None, stack: ExitStack
    ) -> None:
        folder = config.spool.folder
        stack.enter_context(locked(folder))
        boot = secrets.token_hex(8)
        self.wake = threading.Event()
        self.spool = Spool(folder / SPOOL_FILE, boot=boot, max_bytes=config.spool.max_bytes)
        stack.callback(self.spool.close)
        self.ledger = Ledger(ledger, node=config.node, boot=boot)
        stack.callback(self.ledger.close)
        self.ledger.catch_up(self.spool.messages())
        self.link = Link(config, self.wake.set)
        self.sender = Sender(self.spool, config.send)
        self.intake = Intake(self.spool, self.ledger, config.send, config.spool.commit_s)
        self.exchange = Exchange(
            config,
            spool=self.spool,
            sender=self.sender,
            link=self.link,
            ledger=self.ledger,
            keeper=keeper,
        )
        stack.callback(self.link.close)


def run(
    config: NodeConfig, keeper: Timekeeper, *, ledger: Path | None, stop: threading.Event
) -> None:
    """Read, spool and send until ``stop`` is set; then say so and keep the spool.

    Raises:
        SpoolError: if the spool cannot be opened, or was ruined meanwhile: start anew.
    """
    with ExitStack() as stack:
        parts = Parts(config, keeper, ledger, stack)
        housekeeping = Housekeeping(config, parts.spool, parts.link, keeper)
        inbox = Inbox(parts.wake.set)
        readers = _readers(config, keeper, parts, inbox)
        parts.link.open()
        for reader in readers:
            reader.start()
        notify("READY=1")
        logger.info("%s/%s runs as boot %s", config.site, config.node, parts.spool.boot)
        while not stop.is_set():
            _step(parts, inbox, keeper, housekeeping)
        notify("STOPPING=1")
        _wind_up(parts, inbox, keeper, readers)


def _step(parts: Parts, inbox: Inbox, keeper: Timekeeper, housekeeping: Housekeeping) -> None:
    parts.wake.wait(min(LONGEST_WAIT_S, parts.intake.wait_s(time.monotonic())))
    parts.wake.clear()
    now = time.monotonic()
    parts.intake.take(inbox.take())
    try:
        if parts.exchange.hear(parts.link.events()):
            housekeeping.reconnected()
        if parts.intake.due(now):
            clock_s = keeper.clock.monotonic()
            parts.sender.fresh(parts.intake.commit(now, clock_s=clock_s))
        parts.exchange.send(now)
        housekeeping.step(now, connected=parts.exchange.connected)
    except SpoolRuinedError:
        raise
    except SpoolError as err:
        parts.intake.failed(err)


def _wind_up(parts: Parts, inbox: Inbox, keeper: Timekeeper, readers: list[Reader]) -> None:
    for reader in readers:
        reader.stop()
    for reader in readers:
        reader.join()
    parts.intake.take(inbox.take())
    parts.exchange.hear(parts.link.events())
    parts.intake.commit(time.monotonic(), clock_s=keeper.clock.monotonic(), final=True)


def _readers(config: NodeConfig, keeper: Timekeeper, parts: Parts, inbox: Inbox) -> list[Reader]:
    memory = parts.spool.memory()

    def build(stream: Stream) -> Callable[[], Sensor]:
        return lambda: build_sensor(
            config,
            stream,
            folder=config.spool.folder,
            clock=keeper.clock,
            memory=memory.get(stream.name),
        )

    return [Reader(stream, build(stream), keeper, inbox.put) for stream in config.datastream]


class locked:  # noqa: N801 - reads as the verb it is
    """Hold the spool's ``folder`` for one process; the kernel lets go when it dies.

    Raises:
        SpoolError: if the folder cannot be made or another process holds it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = (self._folder / "lock").open("w")
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            self._file.close()
            raise SpoolError(f"{self._folder} is in use by another tocsin-edge") from err
        except OSError as err:
            raise SpoolError(f"{self._folder} cannot be used: {err.strerror}") from err

    def __exit__(self, *_: object) -> None:
        self._file.close()
