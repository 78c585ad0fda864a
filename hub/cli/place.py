"""Where the command finds the hub's data, and what time it is there."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hub.cli.refusals import NO_DATA
from hub.clock import Clock, ScaledClock, SystemClock
from hub.errors import StoreUnavailableError
from hub.store.database import open_database

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from hub.config import Configuration


@contextmanager
def opened(configuration: Configuration) -> Iterator[sqlite3.Connection]:
    """Open the hub's database beside a running hub, or without one.

    Raises:
        StoreUnavailableError: no hub ever ran with this configuration.
    """
    path = configuration.hub.database
    if not path.is_file():
        raise StoreUnavailableError(NO_DATA.filled(path=path))
    connection = open_database(path)
    try:
        yield connection
    finally:
        connection.close()


def clock_of(connection: sqlite3.Connection) -> Clock:
    """Return the clock of the hub that writes this file: scaled in a demo, else the machine's."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'clock'").fetchone()
    if row is None:
        return SystemClock()
    return ScaledClock(**json.loads(row[0]))
