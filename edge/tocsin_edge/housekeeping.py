"""What a node does besides measuring: says its state, feeds the watchdog.

Chores that make a node last a year (power, storage wear, updates) belong here, each a
step of ``Housekeeping.step`` that costs nothing when it is not due.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Final

from tocsin_edge.message import state

if TYPE_CHECKING:
    from tocsin_edge.clock import Timekeeper
    from tocsin_edge.config import NodeConfig
    from tocsin_edge.link import Link
    from tocsin_edge.spool import Spool

WATCHDOG_S: Final = 10.0
HELD_BOOTS: Final = 20  # newest starts that the state names


class Housekeeping:
    """The chores of one node; real seconds."""

    def __init__(self, config: NodeConfig, spool: Spool, link: Link, keeper: Timekeeper) -> None:
        self._config = config
        self._spool = spool
        self._link = link
        self._keeper = keeper
        self._state_at = 0.0
        self._fed_at = 0.0

    def step(self, now: float, *, connected: bool) -> None:
        """Do what is due; called only by a loop that reads and sends, so it proves both."""
        if connected and now >= self._state_at:
            self._state_at = now + self._config.send.state_s
            self._link.publish(self._config.topic("state"), self.state(), retain=True)
        if now - self._fed_at >= WATCHDOG_S:
            self._fed_at = now
            notify("WATCHDOG=1")

    def reconnected(self) -> None:
        """Have the state said at the next step: the broker may have told the will."""
        self._state_at = 0.0

    def state(self) -> bytes:
        """Return the node's state as it is published."""
        return state(
            up_s=self._keeper.up_s(),
            queue=self._spool.queue(),
            evicted=self._spool.counter("evicted"),
            clock=self._keeper.trust(),
            aside=self._spool.counter("aside"),
            held=self._spool.held(HELD_BOOTS),
        )


def notify(what: str) -> None:
    """Tell systemd, if it started us; see sd_notify(3)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = f"\0{address[1:]}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
        out.settimeout(1.0)
        out.connect(address)
        out.send(what.encode())
