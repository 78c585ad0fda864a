"""The port to what is on disk already, as far as sorting new messages needs it."""

from __future__ import annotations

from typing import Protocol


class Known(Protocol):
    """Look-ups that are rare: first sight of a node's start, duplicates, equal instants."""

    def ranges(self, node: str, boot: str) -> list[tuple[int, int]]:
        """Return the numbers stored of that start, as ranges."""

    def digest(self, node: str, boot: str, seq: int) -> bytes | None:
        """Return the digest of a stored message, or None once it left the log."""

    def seen(self, node: str, digest: bytes, since_us: int) -> bool:
        """Say whether a message of that content was received since then."""

    def site_of(self, node: str) -> str | None:
        """Return the site that ``node`` belongs to now, or None."""

    def set_aside(self, node: str, boot: str, seq: int) -> bool:
        """Say whether the whole message is in quarantine already."""

    def ties(self, slot: int, time_us: int) -> set[int]:
        """Return the tie-breakers in use at one instant of one datastream."""
