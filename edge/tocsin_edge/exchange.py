"""The spool's side of the link: sends what the sender picks, applies what receipts say."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tocsin_edge.link import Arrived, Connected, Disconnected
from tocsin_edge.message import envelope, read_receipt

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin_edge.clock import Timekeeper
    from tocsin_edge.config import NodeConfig
    from tocsin_edge.ledger import Ledger
    from tocsin_edge.link import Event, Link
    from tocsin_edge.sender import Parcel, Sender
    from tocsin_edge.spool import Spool

logger = logging.getLogger(__name__)


class Exchange:
    """Sends and settles; counts what it did since its making.

    ``sent`` counts publishes and ``receipted`` messages; used by one thread.
    """

    def __init__(
        self,
        config: NodeConfig,
        *,
        spool: Spool,
        sender: Sender,
        link: Link,
        ledger: Ledger,
        keeper: Timekeeper,
    ) -> None:
        self._config = config
        self._spool = spool
        self._sender = sender
        self._link = link
        self._ledger = ledger
        self._keeper = keeper
        self.connected = False
        self.sent = 0
        self.receipted = 0

    def hear(self, events: Iterable[Event]) -> bool:
        """Apply what the link said, in its order; return whether it came up anew."""
        came_up = False
        for event in events:
            match event:
                case Connected():
                    came_up = True
                    self._up()
                case Disconnected(reason):
                    logger.warning("link down: %s", reason)
                    self.connected = False
                case Arrived(payload):
                    self._receipt(payload)
        return came_up

    def send(self, now: float) -> None:
        """Send what may go at real time ``now``."""
        if not self.connected:
            return
        for boot, seq in self._sender.unanswerable():
            logger.error("message %s/%d gets no receipt: set aside", boot, seq)
            self._ledger.aside(boot, seq, "no receipt")
        for parcel in self._sender.take(now):
            self._link.publish(self._config.topic("obs"), self._payload(parcel))
            self.sent += 1

    def _up(self) -> None:
        logger.info("link up")
        self.connected = True
        self._sender.connected()

    def _receipt(self, payload: bytes) -> None:
        try:
            receipt = read_receipt(payload)
        except (ValueError, TypeError) as err:
            logger.warning("a receipt nobody can read: %s: %.200r", err, payload)
            return
        settled = self._sender.settle(receipt)
        self.receipted += len(settled.got)
        self._ledger.receipted(settled.boot, settled.got)
        for seq, why in settled.refused:
            logger.error("message %s/%d refused: %s", settled.boot, seq, why)
            self._ledger.aside(settled.boot, seq, why)
        if settled.again:
            logger.info("the hub asks for %d messages again", settled.again)

    def _payload(self, parcel: Parcel) -> bytes:
        message, moment = parcel.message, self._keeper.now()
        return envelope(
            message.obs,
            boot=message.boot,
            seq=message.seq,
            low=parcel.low,
            gone=parcel.gone,
            late=parcel.late,
            sent_us=moment.us if moment.known else None,
            up_s=moment.up_s if message.boot == self._spool.boot else None,
        )
