"""Every seed of the corpus comes to what its line says, and generated inputs do no harm."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from ordeal.doors.base import ACCEPTED, QUARANTINED, REFUSED, Fate, Tally, press, press_seeds
from ordeal.doors.corpus import FOLDER, seeds_of
from ordeal.rows.doors import DOORS, DoorRow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROWS = [row for row in DOORS if isinstance(row, DoorRow)]
DICE = random.Random(1)  # noqa: S311
SLOW = {"reply": 62, "spool": 30, "running-hub": 60}


def test_each_seed_has_one_reason_and_its_own_name() -> None:
    """The corpus is a few hundred seeds; no two of a door share a name, and all say why."""
    files = sorted(path.stem for path in FOLDER.glob("*.jsonl"))
    seeds = {door: seeds_of(door) for door in files}
    assert sum(map(len, seeds.values())) >= 500
    for door, found in seeds.items():
        assert [name for name, n in Counter(seed.name for seed in found).items() if n > 1] == [], (
            door
        )
        assert all(seed.why for seed in found)
        outcomes = {word for seed in found for word in seed.expect.split("|")}
        assert outcomes <= {ACCEPTED, QUARANTINED, REFUSED}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_seed_and_some_generated_inputs_do_no_harm(row: DoorRow, tmp_path: Path) -> None:
    """Each seed is taken, set aside or refused as its line says, and its neighbour is unharmed."""
    door = row.make(tmp_path)
    tally = Tally(row.name)
    try:
        press_seeds(door, tally, row.batch)
        assert tally.crashes == []
        dice = random.Random(7)  # noqa: S311
        stream = door.hostile(dice)
        inputs = [next(stream) for _ in range(SLOW.get(row.name, 300))]
        wrong = [fate.wrong for fate in door.push(inputs) if fate.wrong]
    finally:
        door.close()
    assert wrong == []


class Biting:
    """A door that drops, crashes and answers wrongly, as none may."""

    name = "biting"

    def seeds(self) -> Iterator[tuple[str, object, str]]:
        """Yield a seed that comes to something else."""
        yield "seed", b"seed", ACCEPTED

    def hostile(self, dice: random.Random) -> Iterator[object]:
        """Yield numbers."""
        while True:
            yield dice.random()

    def push(self, batch: list[object]) -> list[Fate]:
        """Refuse the seed, drop one input in silence, then fail."""
        if batch == [b"seed"]:
            return [Fate(outcome=REFUSED)]
        if len(batch) == 2:
            raise ValueError("a crash")
        return [Fate(wrong="dropped in silence")]

    def close(self) -> None:
        """Nothing is held."""


def test_what_a_door_does_wrong_is_counted() -> None:
    """A wrong fate of a seed, a silent drop and an exception are each a crash."""
    assert press(Biting(), DICE, 60.0, batch=1, most=2).crashed == 2
    tally = press(Biting(), DICE, 60.0, batch=2, most=3)
    assert (tally.crashed, tally.inputs) == (2, 3)
    assert "a crash" in tally.crashes[1]
