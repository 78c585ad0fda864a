"""Flat line: too many equal results in a row; twice as many is a stuck sensor."""

from __future__ import annotations

import numpy as np

from hub.ingest.quality.base import Flags, Stretch, flags


def flat(rows: Stretch) -> Flags:
    """Flag runs of ``flat_count`` equal results as suspect, of twice as many as fail."""
    count = rows.limits["flat_count"]
    return flags(~np.isnan(count), rows.run >= count, rows.run >= 2 * count)
