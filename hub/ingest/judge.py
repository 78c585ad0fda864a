"""A draft's observations as columns: times restored, lateness classed, quality flagged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hub.ingest.lateness import classify, restore
from hub.ingest.quality.inspector import Memory
from hub.ingest.ties import assign
from hub.model.observation import Lateness

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.ingest.draft import Draft
    from hub.ingest.quality.inspector import Inspector
    from hub.ingest.streams import Streams


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Columns of n observations in their order of arrival, ready to be written.

    ``carrier`` is the place of the message in the draft; ``raw_us`` the node's own
    stamp where the hub corrected it, else -1. ``memory`` is for the inspector to keep.
    """

    slot: NDArray[np.int32]
    time_us: NDArray[np.int64]
    start_us: NDArray[np.int64]
    result: NDArray[np.float64]
    quality: NDArray[np.int8]
    lateness: NDArray[np.int8]
    trusted: NDArray[np.bool_]
    tie: NDArray[np.int64]
    raw_us: NDArray[np.int64]
    carrier: NDArray[np.int64]
    received_us: NDArray[np.int64]
    memory: Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerances:
    """``future_us`` ahead is still the present; ``live_us`` old is still live."""

    future_us: int
    live_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What the observations of a message share, spread over them."""

    carrier: NDArray[np.int64]
    received_us: NDArray[np.int64]
    behind_us: NDArray[np.int64]
    began_us: NDArray[np.int64]
    late: NDArray[np.bool_]
    direct: NDArray[np.bool_]
    settled: NDArray[np.bool_]
    kept_us: NDArray[np.int64]


def judge(
    draft: Draft,
    *,
    streams: Streams,
    inspector: Inspector,
    tolerances: Tolerances,
    held: Callable[[int, int], set[int]],
) -> Judged:
    """Return the draft's observations with all that the hub says of them."""
    slots, factors, shifts = streams.columns()
    channel = np.array(draft.channels, np.int64)
    slot = slots[channel]
    result = np.array(draft.results, np.float64) * factors[channel] + shifts[channel]
    shared = spread(draft)
    stamped_us = np.array(draft.times_us, np.int64)
    time_us, clockless = restore(
        stamped_us=stamped_us,
        up_s=np.array(draft.ups_s, np.float64),
        behind_us=shared.behind_us,
        began_us=shared.began_us,
        received_us=shared.received_us,
    )
    lateness = classify(
        time_us=time_us,
        received_us=shared.received_us + shared.kept_us,
        grace_us=streams.grace_us[slot],
        future_us=tolerances.future_us,
        late=shared.late,
        clockless=clockless & ~(shared.direct & shared.settled),
        live_us=tolerances.live_us,
    )
    quality, memory = inspector.judge(
        slot, time_us, result, np.array(draft.flags, np.int8), lateness <= Lateness.LATE
    )
    corrected = (stamped_us >= 0) & (shared.behind_us != 0)
    return Judged(
        slot=slot,
        time_us=time_us,
        start_us=interval_starts(draft, time_us, shared.behind_us),
        result=result,
        quality=quality,
        lateness=lateness,
        trusted=~(clockless | corrected),
        tie=assign(slot, time_us, streams.newest_us, namer(draft, shared.carrier), held),
        raw_us=np.where(corrected, stamped_us, -1),
        carrier=shared.carrier,
        received_us=shared.received_us,
        memory=memory,
    )


def spread(draft: Draft) -> Shared:
    """Return what the messages of ``draft`` say, once for each of their observations."""
    carriers = draft.carriers
    counts = np.array([carrier.count for carrier in carriers], np.int64)
    index = np.repeat(np.arange(len(carriers)), counts)
    return Shared(
        carrier=index,
        received_us=np.array([c.received_us for c in carriers], np.int64)[index],
        behind_us=np.array([c.behind_us for c in carriers], np.int64)[index],
        began_us=np.array([c.began_us for c in carriers], np.int64)[index],
        late=np.array([c.late for c in carriers], np.bool_)[index],
        direct=np.array([c.direct for c in carriers], np.bool_)[index],
        settled=np.array([c.settled for c in carriers], np.bool_)[index],
        kept_us=np.array([c.kept_us for c in carriers], np.int64)[index],
    )


def interval_starts(
    draft: Draft, time_us: NDArray[np.int64], behind_us: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return where each interval begins; an instant begins where it ends."""
    starts = np.array(draft.starts_us, np.int64)
    corrected = np.clip(starts + behind_us, 0, time_us)
    return np.where(starts >= 0, corrected, time_us)


def namer(draft: Draft, carrier: NDArray[np.int64]) -> Callable[[int], str]:
    """Return what names the observation in a row for ever: node, boot, number, position."""

    def name(row: int) -> str:
        message = draft.carriers[int(carrier[row])]
        return f"{message.node} {message.boot} {message.seq} {draft.positions[row]}"

    return name
