"""The intake loop: messages -> log, then the broker's confirm, then the node's receipt.

A message is confirmed and receipted only after its transaction is on disk. A batch
that fails is bisected: the one message that cannot be taken goes to quarantine, the
rest goes on. While the store itself fails nothing is confirmed and nothing is lost:
what was taken is kept and tried again.
"""

from __future__ import annotations

import logging
import secrets
import time
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

import numpy as np

from hub.clock import MICROSECONDS
from hub.errors import StoreUnavailableError
from hub.flow.canary import Answers
from hub.flow.ledger import Ledger
from hub.flow.regain import Regain
from hub.flow.reserve import refuse_when_full
from hub.flow.retake import Retake
from hub.ingest.draft import Draft
from hub.ingest.judge import Tolerances, judge
from hub.ingest.receipts import Receipts
from hub.ingest.sorter import Arrival
from hub.ingest.topics import receipt_topic
from hub.model.observation import Lateness
from hub.store.database import open_database
from hub.store.log import Log

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hub.clock import Clock
    from hub.flow.handoff import Handoff
    from hub.flow.health import Health
    from hub.flow.reserve import Reserve
    from hub.ingest.judge import Judged
    from hub.ingest.source import Link, Source, Taken
    from hub.ingest.topics import PayloadMapping
    from hub.model.network import Network

MOST_MESSAGES: Final = 1000
WAIT_S: Final = 0.2
CACHE_MB: Final = 64  # the index grows at one place for each datastream: hold ten thousand
UNDER_WAY_S: Final = 5.0  # real seconds that a message may take on a fast clock

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeSettings:
    """``receipt_interval_s`` 0 answers at once, for a replay at speed (real seconds)."""

    grace_s: float = 300.0
    future_s: float = 120.0
    clock_offset_s: float = 60.0
    receipt_interval_s: float = 1.0


class Intake:
    """The loop's state between steps. ``step`` waits for work by itself."""

    def __init__(
        self,
        *,
        database: Path,
        source: Source,
        network: Network,
        clock: Clock,
        health: Health,
        wake: Callable[..., None],
        handoff: Handoff,
        settings: IntakeSettings | None = None,
        mappings: Sequence[PayloadMapping] = (),
        on_sent: Callable[[int], None] | None = None,
        reserve: Reserve | None = None,
    ) -> None:
        settings = settings or IntakeSettings()
        under_way_s = UNDER_WAY_S * clock.rate
        self._connection = open_database(database, cache_mb=CACHE_MB)
        self._source = source
        self._clock = clock
        self._health = health
        self._wake = wake
        self._handoff = handoff
        self._on_sent = on_sent
        self._reserve = reserve
        self._tolerances = Tolerances(
            future_us=round(settings.future_s * MICROSECONDS),
            live_us=round(max(60.0, under_way_s) * MICROSECONDS),
        )
        self._ledger = Ledger(
            self._connection,
            network=network,
            mappings=mappings,
            grace_s=settings.grace_s,
            clock_tolerance_us=round(max(settings.clock_offset_s, under_way_s) * MICROSECONDS),
            session=secrets.token_hex(8),
            follow=self._follow if on_sent else None,
        )
        self._receipts = Receipts(settings.receipt_interval_s)
        self._canaries = Answers(self._connection, network)
        self._regain = Regain(self._connection, self._ledger.arrivals, clock.now_us())
        self._retake = Retake(self._ledger, Log(self._connection).end())
        self._asked: SimpleQueue[tuple[str, str, int, int]] = SimpleQueue()
        self._held: list[Taken] = []
        self._link: Link | None = None
        self._ledger.declare()

    def step(self) -> bool:
        """Take in what waits, at most one batch; always True, as it waits by itself.

        Raises:
            StoreUnavailableError: nothing was confirmed; the next step tries again.
        """
        if self._reserve is not None:
            refuse_when_full(self._reserve)
        self._watch_link()
        taken = self._held or self._source.take(MOST_MESSAGES, WAIT_S)
        if taken:
            self._held = taken
            self._store(taken)
            self._held = []
            self._source.confirm(taken)
            self._watch_link()
        else:
            self._ledger.count_losses(self._clock.now_us())
        self._take_again()
        self._answer()
        return True

    def ask_again(self, node: str, boot: str, low: int, high: int) -> None:
        """Ask ``node`` to send the messages ``low`` to ``high`` of ``boot`` again."""
        self._asked.put((node, boot, low, high))

    def close(self) -> None:
        """Close the connection; what was taken and not stored stays with the broker."""
        self._connection.close()

    def _follow(self, sent_us: int) -> int:
        """Let the clock follow a node's sending, and return what it says then."""
        if self._on_sent:
            self._on_sent(sent_us)
        return self._clock.now_us()

    def _take_again(self) -> None:
        """Take in what waited in quarantine for a person's word, once that is given."""
        kept = self._retake.due()
        if kept:
            self._store(kept)

    def _watch_link(self) -> None:
        """Put a change of the connection into the log: silence counts only while it stands."""
        link = self._source.link()
        self._health.gauge("intake_queue", link.waiting)
        before = self._link
        if before and (before.connected, before.caught_up) == (link.connected, link.caught_up):
            return
        self._ledger.say_link(link, self._clock.now_us())
        self._link = link
        if link.connected:
            self._health.well("broker", link.words)
        else:
            self._health.ill("broker", link.words)
        self._wake("watch")

    def _store(self, taken: Sequence[Taken]) -> None:
        """Write ``taken``, or the halves of it that can be written.

        Raises:
            StoreUnavailableError: the store itself fails for now.
        """
        error = self._attempt(taken)
        if error is None:
            return
        if len(taken) == 1:
            self._poison(taken[0], error)
            return
        middle = len(taken) // 2
        self._store(taken[:middle])
        self._store(taken[middle:])

    def _attempt(self, taken: Sequence[Taken]) -> Exception | None:
        """Commit ``taken``; return what went wrong with it, if not the store itself."""
        try:
            self._commit(taken)
        except StoreUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001  poison never stops the line
            return error
        return None

    def _commit(self, taken: Sequence[Taken]) -> None:
        began = time.perf_counter()
        draft = Draft()
        now_us, settled = self._clock.now_us(), bool(self._link and self._link.caught_up)
        try:
            for item in taken:
                self._ledger.sorter.sort(arrival_of(item, now_us, settled=settled), draft)
            judged = self._judge(draft) if draft.channels else None
            batch = self._ledger.write(draft, judged, now_us)
        except BaseException:
            self._ledger.sorter.forget(draft)
            raise
        self._tell(draft)
        self._regain.hear(draft)
        self._count(draft, judged, len(taken), time.perf_counter() - began)
        if batch is not None:
            self._handoff.offer(batch)
        self._wake("watch", "store")

    def _judge(self, draft: Draft) -> Judged:
        self._ledger.catch_up()
        return judge(
            draft,
            streams=self._ledger.streams,
            inspector=self._ledger.inspector,
            tolerances=self._tolerances,
            held=self._ledger.arrivals.ties,
        )

    def _poison(self, item: Taken, error: Exception) -> None:
        """Set aside the one message that cannot be written."""
        logger.error("intake: a message on %s goes to quarantine", item.topic, exc_info=error)
        draft = Draft()
        now_us = self._clock.now_us()
        arrival = arrival_of(item, now_us, settled=False)
        reason = f"internal: {type(error).__name__}: {error}"
        self._ledger.sorter.poison(arrival, reason, draft)
        self._ledger.write(draft, None, now_us)
        self._tell(draft)
        self._count(draft, None, 1, 0.0)

    def _tell(self, draft: Draft) -> None:
        """Note what the nodes are to be told of a batch that is on disk."""
        for answer in draft.answers:
            if answer.refused:
                self._receipts.refuse(answer.topic, answer.boot, answer.seq, answer.refused)
            else:
                self._receipts.got(answer.topic, answer.boot, answer.seq)

    def _answer(self) -> None:
        """Send the receipts that are due."""
        for want in self._regain.due(time.monotonic()):
            self._asked.put(want)
        while True:
            try:
                node, boot, low, high = self._asked.get_nowait()
            except Empty:
                break
            site = self._ledger.streams.site_of(node)
            if site is not None:
                self._ledger.asked_again(node, high - low + 1, self._clock.now_us())
                self._receipts.want(receipt_topic(site, node), boot, low, high)
        for canary in self._canaries.due(time.monotonic()):
            site = self._ledger.streams.site_of(canary.node)
            if site is not None:
                self._receipts.canary(receipt_topic(site, canary.node), canary.boot, canary.seq)
        due = self._receipts.due(time.monotonic())
        for topic, payload in due:
            self._source.publish(topic, payload)
        if due:
            self._health.count("receipts_total", len(due))

    def _count(self, draft: Draft, judged: Judged | None, messages: int, seconds: float) -> None:
        count = self._health.count
        count("messages_total", messages)
        count("intake_commits_total")
        count("intake_commit_seconds_total", seconds)
        if draft.duplicates:
            count("duplicates_total", draft.duplicates)
        for aside in draft.asides:
            count("quarantined_total", label=reason_class(aside.reason))
        if judged is not None:
            count("observations_total", len(judged.slot))
            for lateness, number in enumerate(np.bincount(judged.lateness).tolist()):
                if number:
                    count("lateness_total", number, label=Lateness(lateness).name.lower())


def arrival_of(item: Taken, now_us: int, *, settled: bool) -> Arrival:
    """Return ``item`` as it arrives now, or as it once arrived if it lay in quarantine."""
    if item.kept is None:
        return Arrival(item, now_us, settled)
    received_us = item.kept[1]
    return Arrival(item, received_us, settled=False, kept_us=max(now_us - received_us, 0))


def reason_class(reason: str) -> str:
    """Return the few words before the first colon, without what a sender could choose."""
    head = reason.split(":", 1)[0]
    return "version" if head.startswith("version") else head[:24]
