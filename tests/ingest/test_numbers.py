"""Ranges, receipts and ties: small pure parts against plain models of them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.ingest.order import rising
from hub.ingest.ranges import Ranges, ranges_of
from hub.ingest.receipts import MOST_RANGES, Receipts
from hub.ingest.ties import assign
from hub.model.units import UNITS, conversion

NEVER = -(2**62)


@given(st.lists(st.integers(0, 30)))
def test_ranges_are_a_set(numbers: list[int]) -> None:
    """Ranges hold what a set would, disjoint, not touching, and lowest first."""
    ranges, plain = Ranges(), set()
    for number in numbers:
        assert ranges.add(number) == (number not in plain)
        plain.add(number)
    assert ranges.pairs() == ranges_of(plain)
    assert all((n in ranges) == (n in plain) for n in range(-1, 32))


@given(st.lists(st.lists(st.integers(0, 30))))
def test_written_ranges_are_the_set(batches: list[list[int]]) -> None:
    """Deleting what was removed and writing what changed keeps the disk equal to memory."""
    ranges, disk = Ranges(), {}
    for batch in batches:
        for number in batch:
            ranges.add(number)
        for low in ranges.removed:
            disk.pop(low, None)
        disk.update(ranges.to_write())
        ranges.written()
        assert sorted(disk.items()) == ranges.pairs()
        assert Ranges(disk.items()).pairs() == ranges.pairs()


def test_receipts_are_bounded_and_rate_limited() -> None:
    """At most one receipt per topic and interval; very many ranges are split."""
    receipts = Receipts(1.0)
    receipts.got("t", "b", 1)
    assert len(receipts.due(100.0)) == 1
    for seq in range(0, 8 * MOST_RANGES, 2):
        receipts.got("t", "b", seq)
    receipts.got("u", "b", 1)
    assert [topic for topic, _ in receipts.due(100.5)] == ["u"]
    parts = [json.loads(payload) for _, payload in receipts.due(101.0)]
    assert [len(part["got"]) for part in parts] == [MOST_RANGES] * 4  # every other number
    assert receipts.due(103.0) == []


ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6)), max_size=40)


@given(ROWS, st.lists(st.integers(-1, 6), min_size=4, max_size=4))
def test_rising_is_newer_than_all_before(rows: list[tuple[int, int]], newest: list[int]) -> None:
    """A row rises when it is newer than every row of its slot before it."""
    slot = np.array([row[0] for row in rows], np.int32)
    time_us = np.array([row[1] for row in rows], np.int64)
    before, expected = list(newest), []
    for s, t in rows:
        expected.append(t > before[s])
        before[s] = max(before[s], t)
    assert rising(slot, time_us, np.array(newest, np.int64)).tolist() == expected


@given(ROWS)
def test_ties_keep_equal_instants_apart(rows: list[tuple[int, int]]) -> None:
    """However a stream is cut into batches, equal instants never share a tie."""
    stored: dict[tuple[int, int], set[int]] = {}
    newest = np.full(4, NEVER, np.int64)
    for start in range(0, len(rows), 7):
        part = rows[start : start + 7]
        slot = np.array([row[0] for row in part], np.int32)
        time_us = np.array([row[1] for row in part], np.int64)
        ties = assign(
            slot,
            time_us,
            newest,
            lambda row, start=start: f"n b {start + row} 0",
            lambda s, t: set(stored.get((s, t), ())),
        )
        for key, tie in zip(part, ties.tolist(), strict=True):
            assert tie not in stored.setdefault(key, set())
            stored[key].add(tie)
        np.maximum.at(newest, slot, time_us)


@pytest.mark.parametrize(
    ("source", "target", "value", "expected"),
    [
        ("mm", "m", 4820.0, 4.82),
        ("Cel", "K", 21.5, 294.65),
        ("[degF]", "Cel", 212.0, 100.0),
        ("L/s", "m3/s", 1500.0, 1.5),
        ("[ppm]", "%", 10_000.0, 1.0),
        ("kPa", "m[H2O]", 9.80665, 1.0),
        ("%", "1", 40.0, 0.4),
    ],
)
def test_units_convert(source: str, target: str, value: float, expected: float) -> None:
    """A value in one unit is the same quantity in another of its dimension."""
    found = conversion(source, target)
    assert found
    assert value * found.factor + found.shift == pytest.approx(expected)


@given(st.sampled_from(sorted(UNITS)), st.sampled_from(sorted(UNITS)), st.floats(-1e6, 1e6))
def test_units_convert_back(source: str, target: str, value: float) -> None:
    """What converts one way converts back to the same value."""
    there, back = conversion(source, target), conversion(target, source)
    assert (there is None) == (back is None)
    if there and back:
        other = value * there.factor + there.shift
        assert other * back.factor + back.shift == pytest.approx(value, rel=1e-6, abs=1e-6)


def test_unknown_units_equal_themselves_only() -> None:
    """A code the hub does not know is kept as it is."""
    assert conversion("[widget]", "[widget]") is not None
    assert conversion("[widget]", "m") is None
