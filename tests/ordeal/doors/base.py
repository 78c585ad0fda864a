"""What became of hostile inputs at one door, counted; and how a door is pressed for a while."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from ordeal.doors.corpus import Seed

ACCEPTED: Final = "accepted"
QUARANTINED: Final = "quarantined"
REFUSED: Final = "refused"
KEPT_CRASHES: Final = 20
SHOWN: Final = 300
STATM_RSS: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of one input: a known outcome, or ``wrong`` says what should not be."""

    outcome: str = ""
    wrong: str = ""


@dataclass(slots=True)
class Tally:
    """Counts of one door; the first few ``crashes`` are told with their input."""

    door: str
    inputs: int = 0
    crashed: int = 0
    seconds: float = 0.0
    grown_mb: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    crashes: list[str] = field(default_factory=list)

    def add(self, shown: str, fate: Fate) -> None:
        """Count one input."""
        self.inputs += 1
        if fate.wrong:
            self.blame(f"{fate.wrong}: {shown[:SHOWN]}")
        else:
            self.outcomes[fate.outcome] += 1

    def blame(self, words: str) -> None:
        """Count something that must not happen."""
        self.crashed += 1
        if len(self.crashes) < KEPT_CRASHES:
            self.crashes.append(words)

    def words(self) -> str:
        """Return the counts on one line."""
        counts = ", ".join(f"{n} {what}" for what, n in sorted(self.outcomes.items()))
        return f"{self.inputs} inputs ({counts}), {self.crashed} crashes"


class Door(Protocol):
    """One door, open: inputs go in by batches, each with a good neighbour of its own."""

    name: str

    def seeds(self) -> Iterator[tuple[str, object, str]]:
        """Yield (shown, input, expected outcome) of every seed."""

    def hostile(self, dice: random.Random) -> Iterator[object]:
        """Yield generated inputs without end."""

    def push(self, batch: list[object]) -> list[Fate]:
        """Put a batch in and return what became of each; raises if a neighbour was harmed."""

    def close(self) -> None:
        """Let go of everything."""


def press(
    door: Door, dice: random.Random, seconds: float, *, batch: int = 500, most: int = 10**9
) -> Tally:
    """Push every seed, then generated inputs until ``seconds`` are over or ``most`` are in."""
    tally, began = Tally(door.name), time.monotonic()
    press_seeds(door, tally, batch)
    warm_mb = resident_mb()
    stream = door.hostile(dice)
    while time.monotonic() - began < seconds and tally.inputs < most:
        inputs = [next(stream) for _ in range(min(batch, most - tally.inputs))]
        for hostile, fate in zip(inputs, pushed(door, inputs, tally), strict=False):
            tally.add(repr(hostile), fate)
    tally.grown_mb = max(resident_mb() - warm_mb, 0.0)
    tally.seconds = time.monotonic() - began
    return tally


def press_seeds(door: Door, tally: Tally, batch: int) -> None:
    """Push every seed and hold each against what its line expects."""
    seeds = list(door.seeds())
    for at in range(0, len(seeds), batch):
        part = seeds[at : at + batch]
        fates = pushed(door, [hostile for _, hostile, _ in part], tally)
        for (shown, _, expected), fate in zip(part, fates, strict=False):
            other = not fate.wrong and fate.outcome not in expected.split("|")
            wrong = Fate(wrong=f"{fate.outcome} instead of {expected}") if other else fate
            tally.add(shown, wrong)


def pushed(door: Door, inputs: list[object], tally: Tally) -> list[Fate]:
    """Push ``inputs``; an exception is blamed on the door, the batch still counts."""
    try:
        return door.push(inputs)
    except Exception as error:  # noqa: BLE001  that is what is looked for
        tally.blame(f"{type(error).__name__}: {error}; batch of {inputs[0]!r:.200}")
        tally.inputs += len(inputs)
        return []


def expected(seeds: list[Seed]) -> Iterator[tuple[str, object, str]]:
    """Yield seeds as ``Door.seeds`` does."""
    for seed in seeds:
        yield f"{seed.name} ({seed.why})", seed, seed.expect


def resident_mb() -> float:
    """Return the memory this process holds."""
    pages = int(Path("/proc/self/statm").read_text("utf-8").split()[STATM_RSS])
    return pages * 4096 / 1e6
