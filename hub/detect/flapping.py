"""A condition that keeps coming and going is one standing condition, and says so.

Whoever is told of every turn soon hears none. From the third turn within ten minutes
the condition stands, marked as flapping; only what makes it worse is still told. When
it has kept still for ten minutes it is told once more as it then is. Pure: time is the
data's own and the ticks of the log.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from hub.detect.words import span
from hub.instant import MICROSECONDS
from hub.model.network import Severity
from hub.model.transition import Change, Transition

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TURNS: Final = 3
WINDOW_US: Final = 600 * MICROSECONDS
QUIET_US: Final = 600 * MICROSECONDS
RISING: Final = frozenset({Change.RAISED, Change.WORSENED})


@dataclass(slots=True)
class Flap:
    """How one condition turned: ``turns`` are the newest times, ``changes`` counts since it flaps.

    ``told`` is the worst severity that was passed on; ``last`` the detector's last word
    while it flaps, None before.
    """

    rising: bool
    told: Severity
    turns: tuple[int, ...] = ()
    changes: int = 0
    since_us: int = 0
    last: Transition | None = None


class Flapping:
    """Holds back the turns of conditions that flap; all others pass unchanged."""

    def __init__(self) -> None:
        self._flaps: dict[str, Flap] = {}

    def take(self, steps: Iterable[Transition]) -> list[Transition]:
        """Return what is still to be told of ``steps``."""
        return [said for step in steps if (said := self._one(step)) is not None]

    def due(self, now_us: int) -> bool:
        """Say whether a condition that flapped has been quiet for long enough."""
        return any(quiet(flap, now_us) for flap in self._flaps.values())

    def tick(self, now_us: int, offset: int) -> list[Transition]:
        """Tell as they are the conditions that have been quiet for long enough."""
        ended = [key for key, flap in self._flaps.items() if quiet(flap, now_us)]
        return [settled(self._flaps.pop(key), offset) for key in ended]

    def dump(self) -> dict[str, Any]:
        """Return every condition that turned lately."""
        return {
            key: {
                "rising": flap.rising,
                "told": flap.told,
                "turns": list(flap.turns),
                "changes": flap.changes,
                "since_us": flap.since_us,
                "last": None if flap.last is None else msgspec.to_builtins(flap.last),
            }
            for key, flap in self._flaps.items()
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore it."""
        self._flaps = {
            key: Flap(
                rising=row["rising"],
                told=Severity(row["told"]),
                turns=tuple(row["turns"]),
                changes=row["changes"],
                since_us=row["since_us"],
                last=None if row["last"] is None else msgspec.convert(row["last"], Transition),
            )
            for key, row in state.items()
        }

    def _one(self, step: Transition) -> Transition | None:
        rising = step.change in RISING
        flap = self._flaps.get(step.key)
        if flap is None:
            if rising:
                self._flaps[step.key] = Flap(rising=True, told=step.severity)
            return step
        if flap.rising is not rising:
            flap.rising = rising
            turn(flap, step)
        if flap.last is not None:
            return self._held(flap, step)
        if len(flap.turns) == TURNS:
            flap.last, flap.since_us = step, flap.turns[0]
            return standing(flap, step)
        if rising:
            flap.told = max(flap.told, step.severity, key=lambda s: s.rank)
        return step

    def _held(self, flap: Flap, step: Transition) -> Transition | None:
        """Keep what a flapping condition says, unless it is worse than what was told."""
        flap.last = step
        if step.change not in RISING or step.severity.rank <= flap.told.rank:
            return None
        flap.told = step.severity
        return standing(flap, replace(step, change=Change.WORSENED))


def turn(flap: Flap, step: Transition) -> None:
    """Note that a condition went the other way; after a long time it is the first turn again."""
    recent = [us for us in flap.turns if step.time_us - us < WINDOW_US]
    if not recent and flap.last is None:
        flap.changes, flap.told = 0, step.severity
    flap.turns = (*recent, step.time_us)[-TURNS:]
    flap.changes += 1


def quiet(flap: Flap, now_us: int) -> bool:
    """Say whether a flapping condition has not turned for long."""
    return flap.last is not None and now_us - flap.turns[-1] >= QUIET_US


def standing(flap: Flap, step: Transition) -> Transition:
    """Return ``step`` as the one standing condition that flaps."""
    lasting = span((step.time_us - flap.since_us) / MICROSECONDS)
    en, zh = step.evidence.words_en, step.evidence.words_zh
    evidence = replace(
        step.evidence,
        words_en=f"flapping: {flap.changes} changes in {lasting[0]}; {en}".rstrip("; "),
        words_zh=f"反复波动：{lasting[1]}内变化{flap.changes}次；{zh}".rstrip("；"),
        parameters={**step.evidence.parameters, "flapping": flap.changes},
    )
    change = step.change if step.change is Change.WORSENED else Change.RAISED
    return replace(step, change=change, severity=flap.told, evidence=evidence)


def settled(flap: Flap, offset: int) -> Transition:
    """Return what a condition is once it no longer flaps."""
    if flap.last is None:
        raise ValueError("it does not flap")
    last = flap.last
    lasting = span((flap.turns[-1] - flap.since_us) / MICROSECONDS)
    evidence = replace(
        last.evidence,
        words_en=f"{last.evidence.words_en}; flapped {flap.changes} times in {lasting[0]}",
        words_zh=f"{last.evidence.words_zh}；此前{lasting[1]}内波动{flap.changes}次",
    )
    change = last.change
    if change is not Change.CLEARED:
        change = Change.EASED if last.severity.rank < flap.told.rank else Change.RAISED
    return replace(last, change=change, offset=offset, evidence=evidence)
