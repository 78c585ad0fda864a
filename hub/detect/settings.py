"""Checks that every detector's settings share."""

from __future__ import annotations

import math
from typing import Final

from hub.words import Words

POSITIVE: Final = Words(
    "{name} must be positive and finite, got {got}", "{name} 应为有限的正数，现为 {got}"
)
FROM_TO: Final = Words(
    "{name} must be from {low} to {high}, got {got}", "{name} 应在 {low} 至 {high} 之间，现为 {got}"
)


def positive(**values: float) -> None:
    """Refuse a value that is not above zero and finite.

    Raises:
        ValueError: with the name of the setting.
    """
    for name, value in values.items():
        if not 0 < value < math.inf:
            raise ValueError(POSITIVE.filled(name=name, got=value))


def between(low: float, high: float, **values: float) -> None:
    """Refuse a value outside ``low`` to ``high``.

    Raises:
        ValueError: with the name of the setting.
    """
    for name, value in values.items():
        if not low <= value <= high:
            raise ValueError(FROM_TO.filled(name=name, low=low, high=high, got=value))
