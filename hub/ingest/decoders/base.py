"""The port of a payload kind: bytes in, the columns of one message out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from hub.ingest.topics import PayloadMapping

LARGEST_PAYLOAD: Final = 256 * 1024
NO_TIME: Final = -1
LATEST_US: Final = 2**63 // 1000 - 1  # InfluxDB's nanoseconds end in 2262
NOTHING_GONE: Final = b"[]"


@dataclass(frozen=True, slots=True)
class Bad:
    """One observation that goes to quarantine alone."""

    pos: int
    reason: str
    payload: bytes


@dataclass(slots=True, kw_only=True)
class Decoded:
    """One message; the lists are columns of its good observations, of one length.

    ``boot`` is empty and ``seq`` -1 for a payload that carries no number. Times are
    microseconds since 1970, ``NO_TIME`` when not told. ``flags`` are the node's own
    quality (0: no opinion). ``direct`` says that the arrival is the observation's time.
    ``low`` is the oldest number that the node still holds and ``gone`` the evicted ranges,
    both as they stand in the message.
    """

    boot: str
    seq: int
    digest: bytes
    sent_us: int | None = None
    up_s: float | None = None
    late: bool = False
    direct: bool = False
    low: bytes = b""
    gone: bytes = NOTHING_GONE
    names: list[str] = field(default_factory=list)
    times_us: list[int] = field(default_factory=list)
    starts_us: list[int] = field(default_factory=list)
    ups_s: list[float | None] = field(default_factory=list)
    results: list[float | None] = field(default_factory=list)
    units: list[str | None] = field(default_factory=list)
    flags: list[int] = field(default_factory=list)
    whys: list[str | None] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)


class Decoder(Protocol):
    """One payload kind, pure: the same bytes give the same columns."""

    def decode(self, payload: bytes, mapping: PayloadMapping | None) -> Decoded:
        """Return the columns of one message of at most ``LARGEST_PAYLOAD`` bytes.

        Raises:
            DecodeError: nobody can read it; the reason says what is wrong where.
        """
