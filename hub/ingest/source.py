"""The port intake takes messages from: an ordered stream that keeps what is not confirmed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(slots=True)
class Taken:
    """One message as the broker handed it over.

    ``epoch`` numbers the connection it came by: ``mid`` means nothing to a later one.
    ``size`` is the payload's length as sent; a payload that is too large is cut.
    ``number`` is set by intake for payloads that carry none, once and for all. ``kept`` is
    the row of the quarantine that it comes from, and when it was received then.
    """

    epoch: int
    mid: int
    qos: int
    topic: str
    payload: bytes
    size: int
    retain: bool = False
    dup: bool = False
    number: int = -1
    kept: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """How well the hub hears: silence counts only while ``connected`` and ``caught_up``."""

    connected: bool = False
    caught_up: bool = False
    waiting: int = 0
    words: str = ""


class Source(Protocol):
    """Where messages come from; used by one thread but for the adapter's own."""

    def take(self, limit: int, wait_s: float) -> list[Taken]:
        """Wait at most ``wait_s`` real seconds and return at most ``limit`` messages."""

    def confirm(self, items: Sequence[Taken]) -> None:
        """Tell the broker that ``items`` are on disk; what came by an older connection is left."""

    def publish(self, topic: str, payload: bytes) -> None:
        """Send ``payload`` at QoS 0; it may be lost."""

    def link(self) -> Link:
        """Return the state of the connection."""
