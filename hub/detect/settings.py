"""Checks that every detector's settings share."""

from __future__ import annotations

import math


def positive(**values: float) -> None:
    """Refuse a value that is not above zero and finite.

    Raises:
        ValueError: with the name of the setting.
    """
    for name, value in values.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{name} must be positive and finite, got {value}")


def between(low: float, high: float, **values: float) -> None:
    """Refuse a value outside ``low`` to ``high``.

    Raises:
        ValueError: with the name of the setting.
    """
    for name, value in values.items():
        if not low <= value <= high:
            raise ValueError(f"{name} must be from {low} to {high}, got {value}")
