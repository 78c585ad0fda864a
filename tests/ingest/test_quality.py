"""Quality tests flag what they promise, however batches are cut and hubs restarted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from door import NOON_US, Door, message, network, value
from hypothesis import given
from hypothesis import strategies as st

from hub.ingest.quality.inspector import Inspector
from hub.model.network import Datastream, Limits
from hub.model.observation import Quality

if TYPE_CHECKING:
    from pathlib import Path

S = 1_000_000
NAN = float("nan")
LIMITS = Limits(
    range_low=-5.0,
    range_high=10.0,
    suspect_low=0.0,
    suspect_high=8.0,
    spike=2.0,
    rate_per_s=0.5,
    flat_count=3,
)


def stream(limits: Limits, slot: int = 0, interval_s: float | None = 10.0) -> Datastream:
    """Return a declared gauge with limits."""
    return Datastream(
        slot=slot,
        site="qingxi",
        node="gauge",
        name=f"stage{slot}",
        unit="m",
        interval_s=interval_s,
        limits=limits,
        declared=True,
    )


def flags(
    results: list[float], limits: Limits, *, step_s: float = 10.0, cut: int = 1000
) -> list[int]:
    """Return the flags of one datastream's results, judged ``cut`` at a time."""
    inspector = Inspector()
    inspector.extend([stream(limits)])
    answer: list[int] = []
    for start in range(0, len(results), cut):
        part = results[start : start + cut]
        times = NOON_US + (np.arange(start, start + len(part)) * step_s * S).astype(np.int64)
        quality, memory = inspector.judge(
            np.zeros(len(part), np.int32),
            times,
            np.array(part, np.float64),
            np.zeros(len(part), np.int8),
            np.ones(len(part), np.bool_),
        )
        inspector.keep(memory)
        answer += quality.tolist()
    return answer


def test_nothing_set_is_not_evaluated() -> None:
    """Without limits and interval nothing vouches for a result."""
    inspector = Inspector()
    inspector.extend([stream(Limits(), interval_s=None)])
    one = np.zeros(1, np.int32), np.array([NOON_US]), np.array([1.0]), np.zeros(1, np.int8)
    quality, _ = inspector.judge(*one, np.ones(1, np.bool_))
    assert quality.tolist() == [Quality.NOT_EVALUATED]


@pytest.mark.parametrize(
    ("limits", "results", "expected"),
    [
        (Limits(range_low=0, range_high=10), [0, 10, -0.1, 10.1], [1, 1, 4, 4]),
        (Limits(suspect_low=0, suspect_high=8), [0, 8, 8.5], [1, 1, 3]),
        (Limits(spike=2), [1, 1, 9, 1, 1], [2, 1, 3, 1, 1]),
        (Limits(spike=2), [1, 1, 9, 9, 9], [2, 1, 3, 1, 1]),
        (Limits(rate_per_s=0.5), [1, 5, 11], [2, 1, 3]),
        (Limits(flat_count=3), [1, 1, 1, 1, 1, 1, 2], [1, 1, 3, 3, 3, 4, 1]),
        (Limits(flat_count=2, flat_tolerance=0.1), [1, 1.05, 1.2], [1, 3, 1]),
        (Limits(range_low=0, range_high=10), [NAN, 1], [9, 1]),
    ],
)
def test_each_test_flags(limits: Limits, results: list[float], expected: list[int]) -> None:
    """Range, spike, rate and flat line flag as QARTOD says; a null is missing."""
    assert flags(results, limits) == expected


def test_step_is_suspect_only_once() -> None:
    """A true step is suspect once; a flood is not held back for ever."""
    assert flags([1, 1, 5, 5.1, 5.2], Limits(spike=2)).count(Quality.SUSPECT) == 1


def test_what_fails_the_range_is_no_neighbour() -> None:
    """After a value outside the gross range the next is compared with the one before."""
    limits = Limits(range_high=10, range_low=0, spike=2, rate_per_s=1)
    assert flags([1, 1, 999, 1, 1], limits) == [1, 1, 4, 1, 1]


def test_gap_forgets_the_neighbours() -> None:
    """After more than three intervals of silence a jump is not a spike."""
    assert flags([1, 1, 9], Limits(spike=2, rate_per_s=0.01), step_s=31.0) == [2, 2, 2]


def test_worst_flag_wins_also_the_nodes_own() -> None:
    """The node's own doubt is kept; the hub's worse finding outranks it."""
    inspector = Inspector()
    inspector.extend([stream(Limits(range_low=0, range_high=10))])
    quality, _ = inspector.judge(
        np.zeros(4, np.int32),
        NOON_US + np.arange(4) * S,
        np.array([1.0, 99.0, NAN, 1.0]),
        np.array([3, 3, 4, 0], np.int8),
        np.ones(4, np.bool_),
    )
    assert quality.tolist() == [3, 4, 4, 1]


def test_late_history_is_compared_with_nothing() -> None:
    """What is older than the newest changes no memory and is no spike."""
    inspector = Inspector()
    inspector.extend([stream(Limits(spike=2))])

    def judge(times: list[int], results: list[float], *, current: bool) -> list[int]:
        count = len(times)
        quality, memory = inspector.judge(
            np.zeros(count, np.int32),
            NOON_US + np.array(times) * S,
            np.array(results),
            np.zeros(count, np.int8),
            np.full(count, current),
        )
        inspector.keep(memory)
        return quality.tolist()

    assert judge([10, 20], [1.0, 1.0], current=True) == [2, 1]
    assert judge([15], [50.0], current=True) == [2]
    assert judge([5], [50.0], current=False) == [2]
    assert judge([30], [1.5], current=True) == [1]


RESULTS = st.lists(st.sampled_from([0.0, 1.0, 1.0, 1.0, 4.0, 9.0, 12.0, NAN]), max_size=30)


@given(RESULTS, st.integers(1, 7))
def test_cutting_changes_nothing(results: list[float], cut: int) -> None:
    """Batches of any size give the same flags."""
    assert flags(results, LIMITS, cut=cut) == flags(results, LIMITS)


@given(st.lists(RESULTS, min_size=3, max_size=3))
def test_streams_do_not_touch(series: list[list[float]]) -> None:
    """Datastreams mixed in one batch get the flags they would get alone."""
    inspector = Inspector()
    inspector.extend([stream(LIMITS, slot) for slot in range(3)])
    rows = sorted((n, slot) for slot, part in enumerate(series) for n in range(len(part)))
    slot = np.array([row[1] for row in rows], np.int32)
    quality, _ = inspector.judge(
        slot,
        np.array([NOON_US + n * 10 * S for n, _ in rows], np.int64),
        np.array([series[s][n] for n, s in rows], np.float64),
        np.zeros(len(rows), np.int8),
        np.ones(len(rows), np.bool_),
    )
    for number, part in enumerate(series):
        assert quality[slot == number].tolist() == flags(part, LIMITS)


def test_restart_changes_nothing(tmp_path: Path) -> None:
    """A hub that starts anew between any two messages flags the same."""
    results = [1.0, 1.0, 1.0, 1.0, 6.0, 6.0, 6.5, 12.0, 6.4, 6.4, 6.4, 6.4, 6.4, 6.4, 6.4]
    declared = network(stream(LIMITS))

    def observation(n: int) -> dict[str, object]:
        return value(results[n], ds="stage0", at_us=NOON_US + n * S)

    straight = Door(tmp_path / "straight", declared)
    for n in range(len(results)):
        straight.put(message(n, observation(n)))
        straight.run()
        restarted = Door(tmp_path / "restarted", declared)
        restarted.put(message(n, observation(n)))
        restarted.run()
        restarted.intake.close()
    again = Door(tmp_path / "restarted", declared)
    assert again.rows("quality") == straight.rows("quality")
    assert {row[0] for row in again.rows("quality")} >= {1, 3, 4}
