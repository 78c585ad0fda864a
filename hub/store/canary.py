"""How far a watcher's newest canary came: each loop passes it on, in its own transaction.

The rows stand in ``meta``, one per watcher, so that they never grow.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from hub.store.log import transaction_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

PREFIX: Final = "canary:"
ROWS: Final = "SELECT key, value FROM meta WHERE key >= 'canary:' AND key < 'canary;'"
SENDERS: Final = "SELECT id, node, boot, seq FROM message WHERE id = ?"


class Stage(IntEnum):
    """Which loop was at work after the canary came in."""

    WATCHED = 1  # watch decided on it and committed
    RESPONDED = 2  # then respond applied what people did and fired what was due
    DELIVERED = 3  # then deliver claimed what was to be sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """The newest canary of one watcher, as (boot, seq) of its message."""

    node: str
    boot: str
    seq: int
    stage: Stage


class Canaries:
    """The canaries behind one connection, for one thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def put(self, messages: Iterable[int]) -> None:
        """Note that watch decided on these messages; call inside its transaction."""
        for number in messages:
            row = self._connection.execute(SENDERS, (number,)).fetchone()
            if row is not None:
                _, node, boot, seq = row
                self._write(Canary(node=node, boot=boot, seq=seq, stage=Stage.WATCHED))

    def at(self, stage: Stage) -> list[Canary]:
        """Return those that came exactly so far."""
        rows = self._connection.execute(ROWS).fetchall()
        found = [canary_of(key, value) for key, value in rows]
        return [canary for canary in found if canary.stage is stage]

    def pass_on(self, stage: Stage) -> int:
        """Take those at ``stage`` one stage on; return how many, without writing if none."""
        if not self.at(stage):
            return 0
        with transaction_of(self._connection):
            waiting = self.at(stage)
            for canary in waiting:
                after = Stage(stage + 1)
                self._write(Canary(node=canary.node, boot=canary.boot, seq=canary.seq, stage=after))
        return len(waiting)

    def _write(self, canary: Canary) -> None:
        value = json.dumps([canary.boot, canary.seq, int(canary.stage)])
        self._connection.execute(
            "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (PREFIX + canary.node, value)
        )


def canary_of(key: str, value: str) -> Canary:
    """Return one row of ``meta`` as what it says."""
    boot, seq, stage = json.loads(value)
    return Canary(node=key.removeprefix(PREFIX), boot=boot, seq=seq, stage=Stage(stage))
