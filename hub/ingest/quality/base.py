"""What a quality test sees: one row for each observation, with what came before it.

A test is a pure function of a ``Stretch`` and returns one QARTOD flag for each row:
NOT_EVALUATED where a limit is not set or nothing came before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hub.model.observation import Quality

GAP_INTERVALS: Final = 3.0
LIMITS: Final = (
    "range_low",
    "range_high",
    "suspect_low",
    "suspect_high",
    "spike",
    "rate_per_s",
    "flat_count",
    "flat_tolerance",
    "interval_s",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Columns of n results in their units; NaN where there is none.

    ``before`` and ``before_that`` are the two results before, ``since_s`` the seconds
    since the one before, ``run`` how many results in a row were equal up to this one.
    ``limits`` holds a column for each name of ``LIMITS``, NaN where it is not set.
    """

    result: NDArray[np.float64]
    before: NDArray[np.float64]
    before_that: NDArray[np.float64]
    since_s: NDArray[np.float64]
    run: NDArray[np.int64]
    limits: dict[str, NDArray[np.float64]]


Flags = NDArray[np.int8]
Test = Callable[[Stretch], Flags]


def flags(
    evaluated: NDArray[np.bool_],
    suspect: NDArray[np.bool_],
    fail: NDArray[np.bool_] | None = None,
) -> Flags:
    """Return PASS where evaluated, SUSPECT and FAIL where those hold, else NOT_EVALUATED."""
    answer = np.where(evaluated, Quality.PASS, Quality.NOT_EVALUATED)
    answer = np.where(suspect, Quality.SUSPECT, answer)
    if fail is not None:
        answer = np.where(fail, Quality.FAIL, answer)
    return answer.astype(np.int8)
