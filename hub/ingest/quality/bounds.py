"""Range: outside the gross range fails, outside the operator's range is suspect."""

from __future__ import annotations

import numpy as np

from hub.ingest.quality.base import Flags, Stretch, flags


def bounds(rows: Stretch) -> Flags:
    """Flag results outside their ranges; the ends belong to the range."""
    limits, result = rows.limits, rows.result
    fail = (result < limits["range_low"]) | (result > limits["range_high"])
    suspect = (result < limits["suspect_low"]) | (result > limits["suspect_high"])
    names = ("range_low", "range_high", "suspect_low", "suspect_high")
    known = np.any([~np.isnan(limits[name]) for name in names], axis=0)
    return flags(known & ~np.isnan(result), suspect, fail)
