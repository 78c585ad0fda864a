"""Each stream's own tails: how rare a statistic is, as the stream itself has shown.

Above a moving limit the tail is a power law whose shape is learnt from the peaks of past
clusters (peaks over threshold), so that one alarm level means about the same rate of
alarms on every stream and for every statistic. Source: SPOT, Siffer et al., Anomaly
detection in streams with extreme value theory, KDD 2017; Hill's estimator for the shape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hub.detect.table import Rows, Table

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

RARITY: Final = 0.0025  # share of readings that open a cluster above the limit
GROW: Final = 0.05  # the limit grows so much, in logarithm, with each cluster
FIRST_GROW: Final = 0.5
SHAPE: Final = 0.3
LEAST_SHAPE: Final = 0.08
MOST_EXCESS: Final = 1.0  # one peak teaches no more than this
MEMORY: Final = 100.0
LARGEST: Final = 5  # the start's limit is one of its so many largest
BASE: Final = -float(np.log10(RARITY))


def columns(count: int) -> dict[str, Any]:
    """Return the columns of ``count`` tails for a table."""
    return {
        "limit": np.full(count, np.nan),
        "shape": np.full(count, SHAPE),
        "clusters": np.zeros(count),
        "open": np.zeros(count, dtype=bool),
        "peak": np.zeros(count),
        "below": np.zeros(count),
        "seen": np.zeros(count),
        "largest": np.zeros((count, LARGEST)),
    }


def rarity(table: Table, row: Rows, z: Floats) -> Floats:
    """Return -log10 of how rare each of ``z`` is; 0 below the limit or before there is one."""
    limit = table["limit"][row]
    above = z > limit
    excess = np.log10(np.where(above, z, 1.0)) - np.log10(np.where(above, limit, 1.0))
    return np.where(above, BASE + excess / table["shape"][row], 0.0)


def learn(  # noqa: PLR0917  one caller
    table: Table,
    row: Rows,
    z: Floats,
    use: Flags,
    gap: Floats,
    start: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.intp], NDArray[np.float64]],
) -> Flags:
    """Teach the tails ``z`` where ``use`` says so; return which clusters opened.

    A cluster closes after ``gap`` readings below the limit. ``start`` is, for each
    statistic: readings before there is a limit, the least limit, which of the largest
    becomes it, and how many clusters the first shape is worth.
    """
    length, least, place, worth = start
    limit = table["limit"][row]
    known = np.isfinite(limit)
    first = use & ~known
    if first.any():
        _start(table, row, z, first, length, least, place)
    above: Flags = use & known & (z > limit)
    was = table["open"][row]
    opened: Flags = above & ~was
    peak = np.where(
        opened, z, np.where(above, np.maximum(table["peak"][row], z), table["peak"][row])
    )
    below = np.where(above, 0.0, table["below"][row] + (use & known))
    closes = was & use & known & ~above & (below >= gap)
    shrink = np.where(use & known & ~was & ~above, -GROW * RARITY, 0.0)
    if closes.any():
        shrink = shrink + _close(table, row, closes, limit, peak, worth)
    table["open"][row] = (was | opened) & ~closes
    table["peak"][row], table["below"][row] = peak, below
    moved = np.maximum(limit * np.exp(shrink), least)
    table["limit"][row] = np.where(known, moved, table["limit"][row])
    return opened


def _start(  # noqa: PLR0917
    table: Table,
    row: Rows,
    z: Floats,
    first: Flags,
    length: Floats,
    least: Floats,
    place: NDArray[np.intp],
) -> None:
    """Keep the largest of the first readings; the limit is one of them."""
    seen = table["seen"][row] + first
    table["seen"][row] = seen
    rest = np.where(first, z, 0.0)
    largest = table["largest"][row]
    for k in range(LARGEST):
        high = np.maximum(largest[:, :, k], rest)
        rest = np.minimum(largest[:, :, k], rest)
        largest[:, :, k] = high
    table["largest"][row] = largest
    ready = first & (seen >= length)
    chosen = np.take_along_axis(
        largest, np.broadcast_to(place[None, :, None], (len(row), len(place), 1)), 2
    )
    limit = table["limit"][row]
    table["limit"][row] = np.where(ready, np.maximum(chosen[:, :, 0], least), limit)


def _close(  # noqa: PLR0917
    table: Table, row: Rows, closes: Flags, limit: Floats, peak: Floats, worth: Floats
) -> Floats:
    """Learn from the peaks of the clusters that close; return the growth of their limits."""
    clusters = np.where(
        closes, np.minimum(table["clusters"][row] + 1, MEMORY), table["clusters"][row]
    )
    excess = np.log(np.where(closes, peak / limit, 1.0))
    shape = table["shape"][row]
    moved = shape + (np.minimum(excess, MOST_EXCESS) - shape) / (clusters + worth)
    table["shape"][row] = np.where(closes, np.maximum(moved, LEAST_SHAPE), shape)
    table["clusters"][row] = clusters
    grown: Floats = np.where(closes, np.maximum(GROW, FIRST_GROW / np.maximum(clusters, 1)), 0.0)
    return grown
