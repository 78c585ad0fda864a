"""Mutes: what a person keeps from paging while somebody cleans the gauge. Pure.

A mute hides nothing: what happens under it is recorded, and what still stands at
its end pages at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hub.model.book import Mute


def active(mute: Mute, at_us: int) -> bool:
    """Say whether ``mute`` holds at ``at_us``; its end is exclusive."""
    return not mute.ended and mute.from_us <= at_us < mute.until_us


def targets(site: str, stream_id: str) -> frozenset[str]:
    """Return what a mute may name to cover the stream ``node/name`` at ``site``."""
    node = stream_id.partition("/")[0]
    return frozenset(name for name in (site, node, stream_id) if name)


def muting(mutes: Iterable[Mute], site: str, stream_id: str, at_us: int) -> Mute | None:
    """Return the mute that holds longest over this stream (or whole site), if any."""
    named = targets(site, stream_id)
    holding = [m for m in mutes if m.target in named and active(m, at_us)]
    return max(holding, key=lambda m: m.until_us, default=None)
