"""Rate of change: faster than the place can change is suspect."""

from __future__ import annotations

import numpy as np

from hub.ingest.quality.base import Flags, Stretch, flags


def rate(rows: Stretch) -> Flags:
    """Flag changes faster than ``rate_per_s`` as suspect; ``since_s`` is positive or NaN."""
    speed = np.abs(rows.result - rows.before) / rows.since_s
    limit = rows.limits["rate_per_s"]
    return flags(~np.isnan(speed) & ~np.isnan(limit), speed > limit)
