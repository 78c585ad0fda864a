"""Answers to watchers: a canary is answered only after every loop of the red path went on.

watch notes it with what it decided, respond and deliver pass it on at the end of a
step, and intake tells its node. Each reads what the one before committed, so that the
loops may run in separate processes, and a loop that hangs leaves it unanswered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from hub.store.canary import Canaries, Stage

if TYPE_CHECKING:
    import sqlite3

    from hub.model.catalogue import Catalogue
    from hub.model.network import Network
    from hub.model.observation import Batch
    from hub.store.canary import Canary

LOOK_S: Final = 0.25


def declared(network: Network) -> list[tuple[str, str]]:
    """Return (node, name) of the watchers' datastreams."""
    streams = network.datastreams.items()
    return [key for key, stream in streams if stream.watches_hub]


class Sightings:
    """The canaries in what watch took in since its last commit: the newest of each watcher."""

    def __init__(self, network: Network) -> None:
        self._names = declared(network)
        self._messages: dict[int, int] = {}

    @property
    def waiting(self) -> bool:
        """Say whether there is one that is not committed."""
        return bool(self._messages)

    def look(self, batch: Batch, catalogue: Catalogue) -> None:
        """Note the canaries of ``batch``, which was decided on."""
        if not self._names or not len(batch):
            return
        slots = [s for key in self._names if (s := catalogue.slot_of(*key)) is not None]
        for place in np.flatnonzero(np.isin(batch.slot, slots)):
            self._messages[int(batch.slot[place])] = int(batch.message[place])

    def write(self, connection: sqlite3.Connection) -> None:
        """Write them with what was decided; call inside the transaction."""
        Canaries(connection).put(self._messages.values())

    def written(self) -> bool:
        """Forget those that are committed now; say whether there were any."""
        some = self.waiting
        self._messages.clear()
        return some


class Answers:
    """What intake has to tell watchers: each canary once, when it went all the way."""

    def __init__(self, connection: sqlite3.Connection, network: Network) -> None:
        self._canaries = Canaries(connection) if declared(network) else None
        self._told: dict[str, tuple[str, int]] = {}
        self._looked = 0.0

    def due(self, now: float) -> list[Canary]:
        """Return the canaries to be answered at ``now`` (monotonic seconds)."""
        if self._canaries is None or now - self._looked < LOOK_S:
            return []
        self._looked = now
        through = self._canaries.at(Stage.DELIVERED)
        fresh = [c for c in through if self._told.get(c.node) != (c.boot, c.seq)]
        self._told.update({c.node: (c.boot, c.seq) for c in fresh})
        return fresh
