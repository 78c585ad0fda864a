"""What waits in quarantine for a person's word goes into the log once it is given.

A node under another site is set aside, and receipted, since it is on disk. When a
person moves the node there, its messages are fed to intake as what they are: same
number, same content, same arrival. The row is marked in the transaction that stores
it, so that a crash at any instant leaves it waiting or stored, never both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hub.ingest.source import Taken

if TYPE_CHECKING:
    from hub.flow.ledger import Ledger

MOST: Final = 200


class Retake:
    """Finds what may be taken now; looks at all of it on a start, then after each decision."""

    def __init__(self, ledger: Ledger, position: int) -> None:
        self._ledger = ledger
        self._position = position
        self._looking = True

    def due(self) -> list[Taken]:
        """Return the next messages to take; the same again until they are stored."""
        moved = self._ledger.arrivals.moved(self._position)
        if moved:
            self._position = moved[-1][0]
            self._ledger.decided(node for _, node in moved)
            self._looking = True
        if not self._looking:
            return []
        rows = self._ledger.arrivals.waiting(MOST)
        self._looking = bool(rows)
        return [
            Taken(0, 0, 1, topic, payload, len(payload), kept=(row, received_us))
            for row, received_us, topic, payload in rows
        ]
