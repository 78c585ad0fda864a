"""What outsiders choose - names, numbers, units, labels - never grows without end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from door import Door, message

from hub.flow import health as health_module
from hub.flow.health import Health
from hub.ingest import sorter, streams
from hub.ingest.ranges import Ranges

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_undeclared_nodes_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit a new node is quarantined; those known go on."""
    monkeypatch.setattr(streams, "MOST_NODES", 3)
    door = Door(tmp_path)
    for number in range(5):
        door.put(message(0, boot=f"{number:016x}"), node=f"n{number}")
    door.put(message(1, boot=f"{0:016x}"), node="n0")
    door.run()
    assert len(door.rows()) == 4
    assert door.reasons() == ["node: too many that are not declared"] * 2
    (nodes,) = door.connection.execute("SELECT count(*) FROM node").fetchone()
    assert nodes == 3


def test_a_start_with_too_many_holes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers that never meet are quarantined; what closes a hole is taken."""
    monkeypatch.setattr(sorter, "MOST_SPANS", 4)
    door = Door(tmp_path)
    for seq in (0, 10, 20, 30, 40, 11, 50, 31):
        door.put(message(seq))
    door.run()
    assert len(door.rows()) == 6
    assert door.reasons() == ["seq: too many holes between the numbers of this start"] * 2


def test_ranges_in_memory_are_limited_in_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest starts leave memory, and are read again without a loss."""
    monkeypatch.setattr(sorter, "MOST_SPANS_IN_ALL", 10)
    door = Door(tmp_path)
    for number in range(8):
        for seq in (0, 5, 10):
            door.put(message(seq, boot=f"{number:016x}"), node=f"n{number}")
        door.run()
        assert door.intake._ledger.sorter._spans <= 10
    door.put(message(5, boot=f"{0:016x}"), node="n0")
    door.run()
    assert len(door.rows()) == 24
    held = door.intake._ledger.sorter
    assert held._spans == sum(len(r.lows) for r in held._ranges.values())


def test_channels_are_limited_in_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names and units make endless channels; new ones are refused in the end."""
    monkeypatch.setattr(streams, "MOST_CHANNELS", 3)
    door = Door(tmp_path)
    for seq in range(5):
        door.put(message(seq, {"ds": f"s{seq}", "t": None, "r": 1.0, "u": "m"}))
    door.run()
    assert len(door.rows()) == 3
    assert door.reasons() == ["u: too many units of one node"] * 2


def test_labels_of_metrics_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit all new labels count as one."""
    monkeypatch.setattr(health_module, "MOST_SERIES", 3)
    health = Health()
    for number in range(10):
        health.count("quarantined_total", label=f"reason {number}")
    assert len(health.counts()) == 4
    assert health.counts()["quarantined_total", "other"] == 7


def test_touching_is_being_next_to_a_range() -> None:
    """A number beside a range makes no hole."""
    ranges = Ranges([(5, 9), (20, 20)])
    assert [n for n in range(25) if ranges.touches(n)] == [4, 5, 6, 7, 8, 9, 10, 19, 20, 21]
