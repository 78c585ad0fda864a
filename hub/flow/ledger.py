"""What intake knows in memory and how it is written: one transaction for one batch.

Memory changes only after the commit, or is forgotten when there is none; on a start it
is built again from the log.
"""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Final

import numpy as np

from hub.clock import MICROSECONDS
from hub.flow.losing import LossKeeper
from hub.ingest.draft import Draft
from hub.ingest.intervals import Intervals
from hub.ingest.nodeclock import NodeClocks
from hub.ingest.quality.inspector import Inspector
from hub.ingest.sorter import Sorter
from hub.ingest.streams import Streams
from hub.ingest.topics import Topics
from hub.model.observation import Batch, Lateness
from hub.store.arrivals import Arrivals, Rows
from hub.store.database import transaction
from hub.store.log import Log, quarantine_row

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hub.ingest.judge import Judged
    from hub.ingest.source import Link
    from hub.ingest.topics import PayloadMapping
    from hub.model.network import Datastream, Network

BY: Final = "intake"
MOST_STARTS: Final = 100_000
MOST_QUARANTINED: Final = 100_000
TRIM_EVERY: Final = 1000
CLOCK_STEP_S: Final = 10.0
LONGEST_TAIL: Final = 1000


class Ledger:
    """The log as intake writes it, with everything it must remember between batches."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        network: Network,
        mappings: Sequence[PayloadMapping],
        grace_s: float,
        clock_tolerance_us: int,
        session: str,
        follow: Callable[[int], int] | None = None,
    ) -> None:
        self._connection = connection
        self._log = Log(connection)
        self.arrivals = Arrivals(connection)
        self.streams = Streams(network, grace_s)
        self.inspector = Inspector()
        self._intervals = Intervals()
        self._clocks = NodeClocks(clock_tolerance_us)
        self.sorter = Sorter(
            topics=Topics(mappings),
            mappings=mappings,
            streams=self.streams,
            clocks=self._clocks,
            known=self.arrivals,
            session=session,
            follow=follow,
        )
        self._strangers: set[str] = set()
        self._losses = LossKeeper(connection, lambda node: self.streams.site_of(node) is not None)
        self._inspected = 0
        self._set_aside = 0
        self._load()

    def declare(self) -> None:
        """Write a row for every declared datastream and node that has none."""
        self.streams.declare()
        self.catch_up()
        with transaction(self._connection):
            self.arrivals.write(self._rows(None, None, 0, {}))
        self.streams.written()

    def say_link(self, link: Link, now_us: int) -> None:
        """Append how well the hub hears from now on."""
        body = {"connected": link.connected, "caught_up": link.caught_up}
        self._log.append_control("connected", now_us, BY, body)

    def write(self, draft: Draft, judged: Judged | None, now_us: int) -> Batch | None:
        """Write one batch and return its observations in the log's order, if it has any.

        Raises:
            StoreUnavailableError: nothing was written and nothing is remembered.
        """
        learnt, newest_us = self._learn(judged)
        with transaction(self._connection):
            first = self._log.take_offsets(len(judged.slot)) if judged is not None else 0
            self.arrivals.write(self._rows(draft, judged, first, learnt, now_us))
            self._losses.write(draft, judged, now_us, self._ends(draft))
            news = self._say_news(draft, learnt, now_us)
        self._remember(draft, judged, learnt, newest_us, news)
        self._losses.written(now_us)
        return batch_of(judged, first, self._next_message - len(draft.carriers))

    def count_losses(self, now_us: int) -> None:
        """Write counts that wait although nothing comes any more."""
        if self._losses.waiting and self._losses.due(now_us):
            self.write(Draft(), None, now_us)

    def asked_again(self, node: str, count: int, now_us: int) -> None:
        """Count messages that ``node`` is asked for again."""
        with transaction(self._connection):
            self._losses.asked(node, count, now_us)

    def _ends(self, draft: Draft) -> tuple[int, int]:
        """Return the last message and offset once ``draft`` is written."""
        return self._next_message + len(draft.carriers) - 1, self._log.end()

    def _load(self) -> None:
        self.streams.load(self.arrivals.streams())
        self.streams.load_nodes(self.arrivals.nodes())
        self._online = self.arrivals.states()
        self._behind_s = self.arrivals.clocks()
        self._next_message = self.arrivals.last_message() + 1
        for row in self.arrivals.boots(MOST_STARTS):
            self._clocks.remember(*row)
        self.catch_up()
        self._prime()
        with transaction(self._connection):
            self._losses.catch_up(self._next_message - 1, self._log.end())

    def catch_up(self) -> None:
        """Let the inspector and the intervals know of datastreams that are new."""
        catalogue = self.streams.catalogue
        new = [catalogue.get(slot) for slot in range(self._inspected, len(catalogue))]
        if new:
            self.inspector.extend(new)
            wanted = [not stream.declared or stream.interval_s is None for stream in new]
            self._intervals.extend(wanted, [stream.interval_s for stream in new])
            self._inspected += len(new)

    def _prime(self) -> None:
        """Feed the inspector the newest rows of each datastream that has limits."""
        tails = [
            (offset, stream.slot, time_us, result)
            for stream in self.streams.catalogue.all()
            if (count := tail_length(stream))
            for offset, time_us, result, _ in self.arrivals.tail(stream.slot, count)
        ]
        if not tails:
            return
        _, slot, time_us, result = zip(*sorted(tails), strict=True)
        none, current = np.zeros(len(slot), np.int8), np.ones(len(slot), np.bool_)
        columns = np.array(slot, np.int32), np.array(time_us), np.array(result, np.float64)
        _, memory = self.inspector.judge(*columns, none, current)
        self.inspector.keep(memory)

    def _learn(self, judged: Judged | None) -> tuple[dict[int, float], np.ndarray]:
        """Return newly learnt intervals, and the newest time by slot after this batch."""
        newest_us = self.streams.newest_us.copy()
        if judged is None:
            return {}, newest_us
        np.maximum.at(newest_us, judged.slot, judged.time_us)
        current = judged.lateness <= Lateness.LATE
        slots = np.unique(judged.slot[current])
        learnt = self._intervals.learn(slots, newest_us[slots], self.streams.newest_us[slots])
        return learnt, newest_us

    def _rows(
        self,
        draft: Draft | None,
        judged: Judged | None,
        first: int,
        learnt: dict[int, float],
        now_us: int = 0,
    ) -> Rows:
        streams = self.streams
        carriers = draft.carriers if draft else []
        touched = draft.touched.items() if draft else ()
        return Rows(
            messages=(
                (number, c.node, c.boot, c.seq, c.received_us, c.sent_us, c.digest)
                for number, c in enumerate(carriers, self._next_message)
            ),
            observations=observations(draft, judged, first, self._next_message),
            changed_ranges=[
                (node, boot, low, high)
                for (node, boot), ranges in touched
                for low, high in ranges.to_write()
            ],
            removed_ranges=[
                (node, boot, low) for (node, boot), ranges in touched for low in ranges.removed
            ],
            asides=[
                quarantine_row(
                    a.received_us,
                    "mqtt",
                    a.topic,
                    a.node,
                    a.boot,
                    a.seq,
                    a.pos,
                    a.reason,
                    a.payload,
                    a.site,
                )
                for a in (draft.asides if draft else ())
            ],
            retaken=[(now_us, row) for row in (draft.retaken if draft else ())],
            streams=[(s.slot, s.node, s.name, s.site, s.unit) for s in streams.new_streams],
            units=[(unit, slot) for slot, unit in streams.new_units.items()],
            nodes=list(streams.new_nodes.items()),
            states=[
                (s.body.decode("utf-8", "replace"), s.received_us, s.node)
                for s in (draft.states if draft else ())
            ],
            boots=self._clocks.learnt(),
            learnt=[(interval_s, slot) for slot, interval_s in learnt.items()],
        )

    def _say_news(
        self, draft: Draft, learnt: dict[int, float], now_us: int
    ) -> tuple[dict[str, bool], dict[str, float]]:
        """Append what else a decision may rest on; return (online, clocks) that changed."""
        online = {s.node: s.online for s in draft.states}
        online = {n: is_on for n, is_on in online.items() if self._online.get(n) != is_on}
        clocks = self._clock_news()
        self._say_strangers(draft, now_us)
        for node, is_on in online.items():
            body = {"node": node, "site": self.streams.site_of(node), "online": is_on}
            self._log.append_control("state", now_us, BY, body)
        for node, behind_s in clocks.items():
            error = {"node": node, "site": self.streams.site_of(node), "offset_s": behind_s}
            self._log.append_control("clock", now_us, BY, error)
        for slot, interval_s in learnt.items():
            self._log.append_control("learnt", now_us, BY, {"slot": slot, "interval_s": interval_s})
        self.arrivals.set_clocks([(behind_s, node) for node, behind_s in clocks.items()])
        return online, clocks

    def _say_strangers(self, draft: Draft, now_us: int) -> None:
        """Append which nodes were heard under another site; once until they are moved."""
        for node in draft.strangers.keys() - self._strangers:
            body = {
                "node": node,
                "home": self.arrivals.site_of(node),
                "site": draft.strangers[node],
            }
            self._log.append_control("stranger", now_us, BY, body)

    def decided(self, nodes: Iterable[str]) -> None:
        """Tell anew of ``nodes`` under another site, since a person said where they belong."""
        self._strangers -= set(nodes)

    def _clock_news(self) -> dict[str, float]:
        """Return, by node, the clock errors that are worth telling; 0.0 when it is right again."""
        news = {}
        for node, behind_us in self._clocks.judged():
            behind_s = behind_us / MICROSECONDS
            told_s = self._behind_s.get(node, 0.0)
            if (behind_s == 0.0) != (told_s == 0.0) or abs(behind_s - told_s) > CLOCK_STEP_S:
                news[node] = behind_s
        return news

    def _remember(
        self,
        draft: Draft,
        judged: Judged | None,
        learnt: dict[int, float],
        newest_us: np.ndarray,
        news: tuple[dict[str, bool], dict[str, float]],
    ) -> None:
        """Take over what is now on disk."""
        self._next_message += len(draft.carriers)
        self.sorter.written(draft)
        for ranges in draft.touched.values():
            ranges.written()
        self.streams.written()
        self._clocks.written()
        self._online.update(news[0])
        self._behind_s.update(news[1])
        self._strangers |= draft.strangers.keys()
        if judged is not None:
            self.inspector.keep(judged.memory)
            self.streams.newest_us = newest_us
        for slot, interval_s in learnt.items():
            self.inspector.set_interval(slot, interval_s)
        self.sorter.trim()
        self._trim_quarantine(len(draft.asides))

    def _trim_quarantine(self, added: int) -> None:
        self._set_aside += added
        if self._set_aside >= TRIM_EVERY:
            self._set_aside = 0
            with transaction(self._connection):
                self.arrivals.trim_quarantine(MOST_QUARANTINED)


def observations(
    draft: Draft | None, judged: Judged | None, first: int, next_message: int
) -> Iterator[tuple[object, ...]]:
    """Return the rows of the table observation, straight from the columns."""
    if draft is None or judged is None:
        return iter(())
    raw = judged.raw_us.tolist()
    return zip(
        range(first, first + len(judged.slot)),
        judged.slot.tolist(),
        judged.time_us.tolist(),
        judged.tie.tolist(),
        judged.start_us.tolist(),
        judged.result.tolist(),
        judged.quality.tolist(),
        judged.lateness.tolist(),
        judged.trusted.astype(np.int8).tolist(),
        (judged.carrier + next_message).tolist(),
        draft.positions,
        repeat(None) if max(raw) < 0 else [None if us < 0 else us for us in raw],
        draft.whys,
        strict=False,
    )


def batch_of(judged: Judged | None, first: int, first_message: int) -> Batch | None:
    """Return the observations as watch takes them."""
    if judged is None:
        return None
    return Batch(
        offset=np.arange(first, first + len(judged.slot)),
        slot=judged.slot,
        time_us=judged.time_us,
        start_us=judged.start_us,
        result=judged.result,
        quality=judged.quality,
        lateness=judged.lateness,
        received_us=judged.received_us,
        message=judged.carrier + first_message,
    )


def tail_length(stream: Datastream) -> int:
    """Return how many of a datastream's newest rows bring the quality tests back."""
    limits = stream.limits
    if limits.spike is None and limits.rate_per_s is None and limits.flat_count is None:
        return 0
    return min(2 * (limits.flat_count or 0) + 4, LONGEST_TAIL)
