"""Gap: is there a result at all, and did it come when one was due?

A null is MISSING. The first result after a gap is not evaluated: nothing near it in
time can vouch for it, and a flood after an outage must not be held for suspect.
"""

from __future__ import annotations

import numpy as np

from hub.ingest.quality.base import GAP_INTERVALS, Flags, Stretch, flags
from hub.model.observation import Quality


def gap(rows: Stretch) -> Flags:
    """Flag nulls as missing, and pass what came within three intervals."""
    in_time = rows.since_s <= GAP_INTERVALS * rows.limits["interval_s"]
    answer = flags(in_time, np.zeros(len(in_time), np.bool_))
    answer[np.isnan(rows.result)] = Quality.MISSING
    return answer
