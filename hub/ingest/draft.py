"""What one batch of messages came to, before it is judged and written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hub.ingest.ranges import Ranges
from hub.model.observation import Duplicate

if TYPE_CHECKING:
    from hub.ingest.decoders.base import Decoded


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """One row for the quarantine; ``pos`` None means the whole message.

    ``site`` is where its node must be let speak before it can be taken; empty: never.
    """

    received_us: int
    topic: str
    node: str
    boot: str
    seq: int | None
    pos: int | None
    reason: str
    payload: bytes
    site: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the node is told of one message once the batch is on disk."""

    topic: str
    boot: str
    seq: int
    refused: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateRow:
    """A node's last state message."""

    node: str
    site: str
    body: bytes
    online: bool
    received_us: int
    held: tuple[tuple[str, int, int], ...] = ()


@dataclass(slots=True, kw_only=True)
class Carrier:
    """One new message: what its row needs, and what its observations share.

    ``behind_us`` and ``began_us`` are what was known of the node's clock when it came;
    ``kept_us`` is how long it lay in quarantine before it could be taken.
    """

    node: str
    boot: str
    seq: int
    received_us: int
    sent_us: int | None
    digest: bytes
    count: int
    late: bool
    direct: bool
    settled: bool
    behind_us: int
    began_us: int
    kept_us: int = 0


@dataclass(slots=True)
class Draft:
    """Lists that grow message by message; the observations' are columns of one length.

    For the loss ledger: ``again`` counts duplicates by node, ``gaps`` are numbers passed
    over (node, boot, low, high, noticed_us), ``gone`` by start what a node says it
    evicted, as sent, and the number of the message that says so. ``retaken`` are rows of
    the quarantine that were sorted again; ``strangers`` maps nodes to the other site that
    they were heard under.
    """

    carriers: list[Carrier] = field(default_factory=list)
    channels: list[int] = field(default_factory=list)
    times_us: list[int] = field(default_factory=list)
    starts_us: list[int] = field(default_factory=list)
    ups_s: list[float | None] = field(default_factory=list)
    results: list[float | None] = field(default_factory=list)
    flags: list[int] = field(default_factory=list)
    whys: list[str | None] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    asides: list[Aside] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    states: list[StateRow] = field(default_factory=list)
    touched: dict[tuple[str, str], Ranges] = field(default_factory=dict)
    digests: dict[tuple[str, str, int], bytes] = field(default_factory=dict)
    duplicates: int = 0
    again: dict[str, int] = field(default_factory=dict)
    gaps: list[tuple[str, str, int, int, int]] = field(default_factory=list)
    gone: dict[tuple[str, str], tuple[bytes, int]] = field(default_factory=dict)
    retaken: list[int] = field(default_factory=list)
    strangers: dict[str, str] = field(default_factory=dict)

    def add(self, carrier: Carrier, decoded: Decoded, channels: list[int]) -> None:
        """Take in the observations of one new message."""
        carrier.count = len(channels)
        self.carriers.append(carrier)
        self.channels += channels
        self.times_us += decoded.times_us
        self.starts_us += decoded.starts_us
        self.ups_s += decoded.ups_s
        self.results += decoded.results
        self.flags += decoded.flags
        self.whys += decoded.whys
        self.positions += decoded.positions

    def compare(self, key: tuple[str, str, int], digest: bytes, stored: bytes | None) -> Duplicate:
        """Say what a number that is stored already means for a message of ``digest``."""
        known = self.digests.get(key, stored)
        return Duplicate.SAME if known is None or known == digest else Duplicate.OTHER
