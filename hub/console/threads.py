"""SQLite for an event loop: blocking work in a few threads, each with its own connection."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

from hub.errors import StoreUnavailableError
from hub.reasons import why
from hub.store.database import open_database, roll_back, transaction
from hub.words import Words

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")

READERS = 2
TIMEOUT_S = 15.0

NO_ANSWER: Final = Words("no answer within {seconds:.0f} s", "{seconds:.0f} 秒内没有应答")
CANNOT_READ: Final = Words("the store cannot be read: {why}", "数据库读不出来：{why}")


class Threads:
    """Runs reads side by side and writes one after another; never on the event loop."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._own = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="console-read")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="console-write")
        self._history = ThreadPoolExecutor(1, thread_name_prefix="console-history")
        self._reports = ThreadPoolExecutor(1, thread_name_prefix="console-reports")

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return ``work`` of a connection that sees one unchanging state of the store.

        Raises:
            StoreUnavailableError: the store does not answer.
        """
        return await self._run(self._readers, lambda: self._reading(work))

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return ``work`` of a connection, run in one transaction and committed.

        Raises:
            StoreUnavailableError: the store does not take it now.
        """
        return await self._run(self._writer, lambda: self._writing(work))

    async def history(self, work: Callable[[], T]) -> T:
        """Return ``work()``, run one after another in the thread of history.

        Raises:
            StoreUnavailableError: no answer in time.
        """
        return await self._run(self._history, work)

    async def report(self, work: Callable[[], T]) -> T:
        """Return ``work()``, run one after another in the thread of delivery reports.

        A slow history must not keep them waiting: an undelivered page needs its fallback.

        Raises:
            StoreUnavailableError: no answer in time.
        """
        return await self._run(self._reports, work)

    def close(self) -> None:
        """Wait for what runs and close every connection; blocking."""
        for pool in (self._readers, self._writer, self._history, self._reports):
            pool.shutdown(cancel_futures=True)
        for connection in self._opened:
            connection.close()

    async def _run(self, pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await asyncio.get_running_loop().run_in_executor(pool, work)
        except TimeoutError as error:
            raise StoreUnavailableError(NO_ANSWER.filled(seconds=TIMEOUT_S)) from error

    def _connection(self) -> sqlite3.Connection:
        if not hasattr(self._own, "connection"):
            self._own.connection = open_database(self._path)
            self._opened.append(self._own.connection)
        connection: sqlite3.Connection = self._own.connection
        return connection

    def _reading(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connection()
        try:
            connection.execute("BEGIN")
            return work(connection)
        except sqlite3.OperationalError as error:
            raise StoreUnavailableError(CANNOT_READ.filled(why=why(error))) from error
        finally:
            roll_back(connection)

    def _writing(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with transaction(self._connection()) as connection:
            return work(connection)
