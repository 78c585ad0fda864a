"""Messages in, a draft out: whose they are, new or known, readable or set aside.

Nothing here is on disk yet; a draft that could not be written is forgotten and its
messages are sorted again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import msgspec

from hub.clock import MICROSECONDS
from hub.errors import DecodeError
from hub.ingest.decoders import DECODERS
from hub.ingest.decoders.base import LARGEST_PAYLOAD, NOTHING_GONE, Bad, Decoded
from hub.ingest.decoders.guard import too_deep
from hub.ingest.decoders.native import Boot, Seq, identity_of
from hub.ingest.draft import Answer, Aside, Carrier, Draft, StateRow
from hub.ingest.nodeclock import Sending
from hub.ingest.ranges import Ranges
from hub.ingest.source import Taken
from hub.ingest.topics import Topics, receipt_topic
from hub.model.observation import Duplicate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hub.ingest.known import Known
    from hub.ingest.nodeclock import NodeClocks
    from hub.ingest.streams import Streams
    from hub.ingest.topics import PayloadMapping, Route

MOST_STARTS: Final = 50_000
MOST_SPANS: Final = 20_000  # of one start: no outage leaves so many holes
MOST_SPANS_IN_ALL: Final = 1_000_000
MOST_SHOWN: Final = 1024
LARGEST_STATE: Final = 4096
MOST_HELD: Final = 50
REDELIVERY_US: Final = 600 * MICROSECONDS
RETAINED: Final = "retained: never live data"
SPARSE: Final = "seq: too many holes between the numbers of this start"
OTHER_CONTENT: Final = "same key, other content"


class StrangerError(DecodeError):
    """A node speaks from another site than its own: a person has to decide."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """When and how one message came in; ``settled`` once the backlog is through.

    ``kept_us`` is how long it lay in quarantine since.
    """

    item: Taken
    received_us: int
    settled: bool
    kept_us: int = 0


class State(msgspec.Struct):
    """A node's state message; other fields are kept as they are."""

    online: bool
    held: msgspec.Raw = msgspec.Raw(b"[]")


class Sorter:
    """Sorts messages with the help of what is known; one thread's."""

    def __init__(
        self,
        *,
        topics: Topics,
        mappings: Sequence[PayloadMapping],
        streams: Streams,
        clocks: NodeClocks,
        known: Known,
        session: str,
        follow: Callable[[int], int] | None = None,
    ) -> None:
        self._topics = topics
        self._mappings = mappings
        self._streams = streams
        self._clocks = clocks
        self._known = known
        self._session = session
        self._follow = follow
        self._decoders = {kind: make() for kind, make in DECODERS.items()}
        self._native = self._decoders["native"]
        self._ranges: dict[tuple[str, str], Ranges] = {}
        self._numbers: dict[str, int] = {}
        self._gone: dict[tuple[str, str], int] = {}
        self._spans = 0

    def sort(self, arrival: Arrival, draft: Draft) -> None:
        """Add what one message came to."""
        item = arrival.item
        if item.kept is not None:
            draft.retaken.append(item.kept[0])
        if item.size > LARGEST_PAYLOAD:
            reason = f"size: {item.size} bytes, at most {LARGEST_PAYLOAD} are taken"
            draft.asides.append(aside_of(arrival, reason))
            return
        try:
            route = self._topics.route(item.topic)
        except DecodeError as error:
            draft.asides.append(aside_of(arrival, error.reason))
            return
        if route.kind == "state":
            self._sort_state(arrival, route, draft)
        else:
            self._sort_observations(arrival, route, draft)

    def poison(self, arrival: Arrival, reason: str, draft: Draft) -> None:
        """Set aside a message that could be sorted but not written."""
        if arrival.item.kept is not None:
            draft.retaken.append(arrival.item.kept[0])
        try:
            route = self._topics.route(arrival.item.topic)
        except DecodeError:
            draft.asides.append(aside_of(arrival, reason))
            return
        self._set_aside(arrival, route, reason, draft)

    def forget(self, draft: Draft) -> None:
        """Forget the numbers of a draft that could not be written."""
        for key in draft.touched:
            self._drop(key)

    def written(self, draft: Draft) -> None:
        """Remember what nodes said was gone, once it is on disk."""
        for key, (gone, _) in draft.gone.items():
            self._gone[key] = hash(gone)

    def trim(self) -> None:
        """Drop the oldest starts from memory when there are too many; call between drafts."""
        while len(self._gone) > MOST_STARTS:
            self._gone.pop(next(iter(self._gone)))
        while len(self._ranges) > MOST_STARTS or self._spans > MOST_SPANS_IN_ALL:
            self._drop(next(iter(self._ranges)))

    def _drop(self, key: tuple[str, str]) -> None:
        """Forget what is known of one start; it is read again when it speaks."""
        ranges = self._ranges.pop(key, None)
        self._spans -= len(ranges.lows) if ranges is not None else 0

    def _sort_observations(self, arrival: Arrival, route: Route, draft: Draft) -> None:
        item = arrival.item
        native = route.kind == "obs"
        try:
            self._check_site(route)
            decoded = self._decode(item, route)
        except StrangerError as error:
            draft.strangers[route.node] = route.site
            self._set_aside(arrival, route, error.reason, draft, waits=not item.retain)
            return
        except DecodeError as error:
            self._set_aside(arrival, route, error.reason, draft)
            return
        if self._follow and not arrival.kept_us and decoded.sent_us is not None:
            arrival = replace(arrival, received_us=self._follow(decoded.sent_us))
        if not native:
            self._number(item, route.node, decoded)
        verdict = self._verdict(arrival, route.node, decoded, draft, native=native)
        if item.retain and verdict is not Duplicate.SAME:
            self._set_aside(arrival, route, RETAINED, draft)
        elif verdict is Duplicate.OTHER:
            self._set_aside(arrival, route, OTHER_CONTENT, draft)
        elif verdict is Duplicate.NEW and self._sparse(route.node, decoded):
            self._set_aside(arrival, route, SPARSE, draft)
        elif verdict is Duplicate.SAME:
            draft.duplicates += 1
            draft.again[route.node] = draft.again.get(route.node, 0) + 1
        else:
            self._take(arrival, route, decoded, draft)
        if native and not item.retain and verdict is not Duplicate.OTHER:
            topic = receipt_topic(route.site, route.node)
            draft.answers.append(Answer(topic=topic, boot=decoded.boot, seq=decoded.seq))

    def _decode(self, item: Taken, route: Route) -> Decoded:
        if route.mapping < 0:
            return self._native.decode(item.payload, None)
        mapping = self._mappings[route.mapping]
        return self._decoders[mapping.kind].decode(item.payload, mapping)

    def _check_site(self, route: Route) -> None:
        home = self._streams.site_of(route.node)
        if home == route.site:
            return
        stored = self._known.site_of(route.node)
        if home is None and stored is None:
            self._streams.settle(route.node, route.site)
            return
        if stored != route.site:
            raise StrangerError(f"site: node {route.node} belongs to {stored or home}")
        self._streams.settle(route.node, route.site, written=True)

    def _number(self, item: Taken, node: str, decoded: Decoded) -> None:
        """Give a payload without a number one of this run of the hub, once and for all."""
        if item.number < 0:
            item.number = self._numbers.get(node, 0)
            self._numbers[node] = item.number + 1
        decoded.boot, decoded.seq = self._session, item.number

    def _verdict(
        self, arrival: Arrival, node: str, decoded: Decoded, draft: Draft, *, native: bool
    ) -> Duplicate:
        if arrival.item.dup and not native:
            since_us = arrival.received_us - REDELIVERY_US
            if self._known.seen(node, decoded.digest, since_us):
                return Duplicate.SAME
        if decoded.seq not in self._ranges_of(node, decoded.boot):
            return Duplicate.NEW
        key = (node, decoded.boot, decoded.seq)
        return draft.compare(key, decoded.digest, self._known.digest(*key))

    def _ranges_of(self, node: str, boot: str) -> Ranges:
        key = (node, boot)
        ranges = self._ranges.get(key)
        if ranges is None:
            ranges = self._ranges[key] = Ranges(self._known.ranges(node, boot))
            self._spans += len(ranges.lows)
        return ranges

    def _sparse(self, node: str, decoded: Decoded) -> bool:
        """Say whether this number would be one hole too many."""
        ranges = self._ranges_of(node, decoded.boot)
        return len(ranges.lows) >= MOST_SPANS and not ranges.touches(decoded.seq)

    def _take(self, arrival: Arrival, route: Route, decoded: Decoded, draft: Draft) -> None:
        node, boot, seq = route.node, decoded.boot, decoded.seq
        table = self._streams.table(node)
        try:
            channels = [table[key] for key in zip(decoded.names, decoded.units, strict=True)]
        except KeyError:
            channels = self._resolve(route, decoded)
        if not self._streams.converting.isdisjoint(channels):
            channels = self._fitting(channels, decoded)
        for bad in decoded.bad:
            draft.asides.append(aside_of(arrival, bad.reason, route, (boot, seq), bad))
        sending = Sending(
            received_us=arrival.received_us,
            sent_us=decoded.sent_us,
            up_s=decoded.up_s,
            settled=arrival.settled and not arrival.item.dup,
        )
        clock = self._clocks.observe(node, boot, sending)
        carrier = Carrier(
            node=node,
            boot=boot,
            seq=seq,
            received_us=arrival.received_us,
            sent_us=decoded.sent_us,
            digest=decoded.digest,
            count=0,
            late=decoded.late,
            direct=decoded.direct,
            settled=sending.settled,
            behind_us=clock.behind_us,
            began_us=clock.began_us,
            kept_us=arrival.kept_us,
        )
        draft.add(carrier, decoded, channels)
        ranges = draft.touched[node, boot] = self._ranges_of(node, boot)
        if route.kind == "obs":
            self._note_losses(node, decoded, ranges, arrival.received_us, draft)
        before = len(ranges.lows)
        ranges.add(seq)
        self._spans += len(ranges.lows) - before
        draft.digests[node, boot, seq] = decoded.digest

    def _note_losses(
        self, node: str, decoded: Decoded, ranges: Ranges, received_us: int, draft: Draft
    ) -> None:
        """Note what this message shows to be skipped or evicted."""
        boot, seq = decoded.boot, decoded.seq
        due = ranges.highs[-1] + 1 if ranges.highs else lowest_of(decoded)
        if due < seq:
            draft.gaps.append((node, boot, due, seq - 1, received_us))
        gone = decoded.gone
        if gone != NOTHING_GONE and self._gone.get((node, boot)) != hash(gone):
            draft.gone[node, boot] = gone, seq

    def _resolve(self, route: Route, decoded: Decoded) -> list[int]:
        """Return the channels; observations that have none move to the bad ones."""
        table = self._streams.table(route.node)
        channels, right = [], []
        for row, key in enumerate(zip(decoded.names, decoded.units, strict=True)):
            try:
                channel = table.get(key)
                if channel is None:
                    null = decoded.results[row] is None
                    channel = self._streams.resolve(route.site, route.node, *key, null=null)
            except DecodeError as error:
                decoded.bad.append(bad_of(decoded, row, error.reason))
                continue
            channels.append(channel)
            right.append(row)
        keep(decoded, right)
        return channels

    def _fitting(self, channels: list[int], decoded: Decoded) -> list[int]:
        """Return the channels of what is a number once converted; the rest is a bad one."""
        rows = range(len(channels))
        right = [row for row in rows if self._streams.fits(channels[row], decoded.results[row])]
        for row in sorted(set(rows) - set(right)):
            decoded.bad.append(bad_of(decoded, row, "r: too large for the datastream's unit"))
        keep(decoded, right)
        return [channels[row] for row in right]

    def _sort_state(self, arrival: Arrival, route: Route, draft: Draft) -> None:
        try:
            self._check_site(route)
            state = state_of(arrival.item.payload)
        except DecodeError as error:
            draft.asides.append(aside_of(arrival, error.reason, route))
            return
        draft.states.append(
            StateRow(
                node=route.node,
                site=route.site,
                body=arrival.item.payload,
                online=state.online,
                held=held_of(state),
                received_us=arrival.received_us,
            )
        )

    def _set_aside(
        self, arrival: Arrival, route: Route, reason: str, draft: Draft, *, waits: bool = False
    ) -> None:
        """Put a whole message in quarantine, once, and refuse it if it can be named.

        One that ``waits`` for a person is not refused but receipted: it is on disk.
        """
        native = route.kind == "obs"
        identity = identity_of(arrival.item.payload) if native else None
        unanswered = arrival.item.kept is not None or arrival.item.retain
        if identity is None or unanswered or not self._known.set_aside(route.node, *identity):
            aside = aside_of(arrival, reason, route, identity)
            draft.asides.append(replace(aside, site=route.site) if waits else aside)
        if identity is not None and not arrival.item.retain:
            topic, told = receipt_topic(route.site, route.node), "" if waits else reason
            boot, seq = identity
            draft.answers.append(Answer(topic=topic, boot=boot, seq=seq, refused=told))


def aside_of(
    arrival: Arrival,
    reason: str,
    route: Route | None = None,
    identity: tuple[str, int] | None = None,
    bad: Bad | None = None,
) -> Aside:
    """Return the row for the quarantine; an oversized payload is only shown in part."""
    item = arrival.item
    payload = bad.payload if bad else item.payload
    return Aside(
        received_us=arrival.received_us,
        topic=item.topic,
        node=route.node if route else "",
        boot=identity[0] if identity else "",
        seq=identity[1] if identity else None,
        pos=bad.pos if bad else None,
        reason=reason,
        payload=payload if item.size <= LARGEST_PAYLOAD else payload[:MOST_SHOWN],
    )


def bad_of(decoded: Decoded, row: int, reason: str) -> Bad:
    """Return one decoded observation as a bad one, written out again."""
    content = {
        "ds": decoded.names[row],
        "t_us": decoded.times_us[row],
        "r": decoded.results[row],
        "u": decoded.units[row],
    }
    return Bad(decoded.positions[row], reason, msgspec.json.encode(content))


def keep(decoded: Decoded, rows: list[int]) -> None:
    """Keep only ``rows`` of the columns."""
    if len(rows) == len(decoded.names):
        return
    for name in (
        "names",
        "times_us",
        "starts_us",
        "ups_s",
        "results",
        "units",
        "flags",
        "whys",
        "positions",
    ):
        column = getattr(decoded, name)
        setattr(decoded, name, [column[row] for row in rows])


def lowest_of(decoded: Decoded) -> int:
    """Return the oldest number that a node still holds, as far as it says; else this one."""
    low = int(decoded.low) if decoded.low.isdigit() and len(decoded.low) < 19 else decoded.seq
    return min(low, decoded.seq)


def state_of(payload: bytes) -> State:
    """Return a node's state.

    Raises:
        DecodeError: it is not one.
    """
    if len(payload) > LARGEST_STATE or too_deep(payload):
        raise DecodeError("state: too large or too deep")
    try:
        return msgspec.json.decode(payload, type=State)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise DecodeError(f"state: {error}") from error


def held_of(state: State) -> tuple[tuple[str, int, int], ...]:
    """Return what the node says it holds, (boot, low, high); nothing where that is unreadable."""
    try:
        held = msgspec.json.decode(state.held, type=list[tuple[Boot, Seq, Seq]])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return ()
    return tuple(held[:MOST_HELD])
