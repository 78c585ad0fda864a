"""A fast rise is told over the time that its hazard moves in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hub.detect.rate import Rate, RateSettings
from hub.model.network import Hazard, Severity
from hub.model.rule import Rule
from tests.detect.gauges import gauge, series

if TYPE_CHECKING:
    from hub.model.transition import Evidence


def rise(hazard: Hazard) -> Evidence:
    """Return the evidence of a rise that is judged as 5 units an hour."""
    rule = Rule(name="rate", detector="rate", severity=Severity.MODERATE)
    made = Rate(RateSettings(limit_per_h=3.0), rule)
    made.bind(gauge(hazard=hazard))
    steps = made.update(series(*(0.1 * i for i in range(120))))
    return steps[0].evidence


@pytest.mark.parametrize(
    ("hazard", "english", "chinese"),
    [
        (Hazard.FLOOD, ("5 m/h over", "(limit 3 m/h)"), "每小时 5 m（限值每小时 3 m）"),
        (
            Hazard.FIRE,
            ("0.0833 m/min over", "(limit 0.05 m/min)"),
            "每分钟 0.0833 m（限值每分钟 0.05 m）",
        ),
    ],
)
def test_a_rate_is_told_by_its_hazard(
    hazard: Hazard, english: tuple[str, str], chinese: str
) -> None:
    """A river by the hour, a fire by the minute; the trend behind stays per hour."""
    found = rise(hazard)
    assert all(part in found.words_en for part in english), found.words_en
    assert chinese in found.words_zh
    assert found.trend_per_h == pytest.approx(5.0)
