"""The stack: order after gaps, late data kept out, rules that are wrong."""

from __future__ import annotations

import json

import pytest

from hub.detect.stack import Stack
from hub.model.observation import Lateness
from hub.model.rule import Rule
from tests.detect.gauges import SECOND, START_US, gauge, series, together
from tests.detect.log_writer import RULES

MINUTE = 60 * SECOND


def ordered(*batches: object, ticks: tuple[int, ...] = ()) -> list[int]:
    """Return the minutes a patient detector saw, in its order."""
    from hub.detect.order import Order  # noqa: PLC0415

    order = Order(2.0)
    order.bind(gauge(0))
    seen: list[int] = []
    for batch in batches:
        passed, _ = order.arrange(batch)  # type: ignore[arg-type]
        seen += [(t - START_US) // MINUTE for t in passed.time_us.tolist()]
        order_state = json.loads(json.dumps(order.dump()))
        order.load(order_state)
    for now_us in ticks:
        passed = order.release(now_us)
        seen += [(t - START_US) // MINUTE for t in passed.time_us.tolist()]
    return seen


def test_contiguous_readings_pass_at_once() -> None:
    """Without a gap nothing waits."""
    assert ordered(series(1.0, 1.0, 1.0)) == [0, 1, 2]


def test_newest_first_is_put_in_order() -> None:
    """After an outage the newest waits for the older ones, and they pass in order."""
    back = [series(1.0, start=minute) for minute in (9, 3, 4, 5, 6, 7, 8)]
    assert ordered(series(1.0, 1.0, 1.0), *back) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_a_real_gap_ends_by_a_tick() -> None:
    """What nothing older follows passes when a tick says that it has waited enough."""
    later = START_US + 9 * MINUTE
    parts = series(1.0, 1.0), series(1.0, start=9)
    assert ordered(*parts, ticks=(later + SECOND,)) == [0, 1]
    assert ordered(*parts, ticks=(later + 2 * SECOND,)) == [0, 1, 9]


def test_older_than_the_last_is_history() -> None:
    """A reading from before what was passed on is not taken."""
    assert ordered(series(1.0, start=5), series(1.0, start=3)) == [5]


def test_future_and_backfill_reach_no_detector() -> None:
    """Readings beyond every level that are not live say nothing by themselves."""
    stack = Stack(RULES, {})
    stack.bind(gauge(0))
    for lateness in (Lateness.FUTURE, Lateness.BACKFILL, Lateness.CLOCKLESS):
        assert stack.update(series(9.0, lateness=lateness)) == []


def test_two_streams_at_once_in_the_order_of_the_log() -> None:
    """What is said comes in the order of the offsets that caused it."""
    stack = Stack(RULES, {})
    stack.bind(gauge(0))
    stack.bind(gauge(1))
    steps = stack.update(together(series(2.0, 5.5), series(5.5, 2.0, slot=1)))
    assert [step.offset for step in steps] == sorted(step.offset for step in steps)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Rule(name="a", detector="levle"), "no detector 'levle'"),
        (Rule(name="a", detector="stale", options={"mised": 3.0}), "mised"),
        (Rule(name="a", detector="stale", options={"missed": -3.0}), "missed must be positive"),
        (Rule(name="a", detector="rate"), "limit_per_h"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_reason(rule: Rule, words: str) -> None:
    """Unknown kinds and options, and values out of bounds, say what is wrong."""
    with pytest.raises(ValueError, match=words):
        Stack([rule], {})


def test_a_name_used_twice_is_refused() -> None:
    """Conditions are named by their rule, so two rules cannot share a name."""
    with pytest.raises(ValueError, match="used twice"):
        Stack([RULES[0], RULES[0]], {})
