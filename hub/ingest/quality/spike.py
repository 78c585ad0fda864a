"""Spike: far from both of the two results before it.

QARTOD flags the middle of three, which needs the future; here a single outlier is
flagged at once, the result after it is near the one before the outlier and passes, and
a true step is suspect once only.
"""

from __future__ import annotations

import numpy as np

from hub.ingest.quality.base import Flags, Stretch, flags


def spike(rows: Stretch) -> Flags:
    """Flag results further than the limit from both neighbours before them as suspect."""
    distance = np.fmin(np.abs(rows.result - rows.before), np.abs(rows.result - rows.before_that))
    limit = rows.limits["spike"]
    evaluated = ~np.isnan(distance) & ~np.isnan(limit)
    return flags(evaluated, distance > limit)
