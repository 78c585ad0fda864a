"""Row 1: the hub killed at its N-th write, for every N of a small life, and started again."""

from __future__ import annotations

import random
import shutil
import time
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Final

from ordeal.shim.build import Orders, build, unable
from ordeal.shim.examine import Found, examine, told
from ordeal.shim.forge import Forge
from ordeal.shim.phones import Phones, phones
from ordeal.shim.small_hub import DATABASE, WITNESS, Story, Witness
from ordeal.verdict import Given, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES: Final = (DATABASE,)
SHOWN: Final = 3


@dataclass(slots=True)
class Account:
    """What all kills came to; ``most`` is the most duplicates that one kill cost."""

    kills: int = 0
    most: int = 0
    total: dict[str, float] | None = None
    wrong: list[str] | None = None

    def add(self, at: str, found: Found) -> None:
        """Add the life after one kill."""
        self.kills += 1
        self.most = max(self.most, found.duplicates)
        numbers = found.numbers()
        self.total = {k: v + (self.total or {}).get(k, 0) for k, v in numbers.items()}
        bad = list(found.wrong)
        bad += [
            f"{name} {numbers[name]:.0f}" for name in ("lost", "twice", "changed") if numbers[name]
        ]
        bad += [f"notified {found.notified} of {found.incidents}"] * (
            found.notified != found.incidents or not found.incidents
        )
        bad += [f"{found.duplicates} duplicates"] * (found.duplicates > 1)
        self.wrong = (self.wrong or []) + [f"{at}: {words}" for words in bad]


class NthWrite:
    """Kills at every write, truncation, sync and removal of the store's files."""

    number = 1
    name = "nth write"
    fault = "hub killed at its N-th write, for every N"
    required = "0 receipted lost, every incident notified, <= 1 duplicate per kill"
    weight = 3.0

    def __call__(self, given: Given) -> Verdict:
        """Kill one life after the other as long as there is time, each at another step."""
        if why := unable():
            return Verdict(figure="", passed=False, skipped=f"not proven here: {why}")
        shim, until = build(given.folder), time.monotonic() + given.seconds
        with phones(given.folder) as sms, Forge(shim, "hub", given.folder) as forge:
            stage = Stage(given.folder / "life", forge, sms)
            steps = stage.whole()
            account, tried = Account(), set()
            for at, tear in order_of(steps, given.seed):
                if time.monotonic() > until:
                    break
                where = f"step {at}{' (half of it done)' if tear else ''}"
                found = stage.killed_at(at, tear=tear)
                if found is not None:
                    account.add(where, found)
                    tried.add(at)
        return verdict_of(account, steps, len(tried))


class Stage:
    """Lives of one small hub, each in a fresh folder."""

    def __init__(self, folder: Path, forge: Forge, sms: Phones) -> None:
        self._folder, self._forge, self._sms = folder, forge, sms

    def whole(self) -> int:
        """Live undisturbed and return the number of steps."""
        facts = self._fresh()
        return self._forge.live(Orders(under=self._folder, names=NAMES), **facts).steps

    def killed_at(self, at: int, *, tear: bool) -> Found | None:
        """Kill a life at a step, let another go on from there, and say what is to be seen."""
        facts = self._fresh()
        self._sms.news()
        first = self._forge.live(Orders(under=self._folder, kill_at=at, tear=tear), **facts)
        if not first.killed:
            return None
        self._forge.live(Orders(under=self._folder), **facts)
        story = Story(**facts["story"])
        receipted = Witness(self._folder / WITNESS).receipted
        found = examine(self._folder / DATABASE, story, receipted)
        told(self._folder / DATABASE, self._sms.news(), found)
        if receipted != story.keys:
            found.wrong.append(f"{len(story.keys - receipted)} messages never got their receipt")
        if found.incidents != len(story.dangers):
            found.wrong.append(f"{found.incidents} incidents, not {len(story.dangers)}")
        return found

    def _fresh(self) -> dict[str, object]:
        """Empty the folder and return the facts of a new story."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        story = {"base_us": time.time_ns() // 1000}
        return {"folder": str(self._folder), "story": story, "port": self._sms.port}


def order_of(steps: int, seed: int) -> Iterator[tuple[int, bool]]:
    """Yield every step, whole and half done, spread out so that an early end misses no region."""
    numbers = list(range(1, steps + 1))
    random.Random(seed).shuffle(numbers)  # noqa: S311  chance, no secret
    return chain(((n, False) for n in numbers), ((n, True) for n in numbers))


def verdict_of(account: Account, steps: int, tried: int) -> Verdict:
    """Return what the row says."""
    total, wrong = account.total or {}, account.wrong or []
    figure = (
        f"{account.kills} kills at {tried} of {steps} steps; "
        f"{total.get('lost', 0):.0f} of {total.get('receipted', 0):.0f} receipted lost, "
        f"{total.get('notified', 0):.0f}/{total.get('incidents', 0):.0f} incidents notified, "
        f"{total.get('duplicates', 0):.0f} duplicates, at most {account.most} per kill"
    )
    if wrong:
        figure += f"; {len(wrong)} wrong: {'; '.join(wrong[:SHOWN])}"
    return Verdict(
        figure=figure,
        passed=not wrong and account.kills > 0,
        numbers={"kills": account.kills, **total},
    )


ROW: Final = NthWrite()
