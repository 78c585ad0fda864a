"""Row 2: power cuts at the hub, played from the write log of a life with kills in it."""

from __future__ import annotations

import random
import shutil
import sqlite3
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from hub.errors import HubError
from hub.store.database import open_database
from ordeal.shim.build import Orders, build, unable
from ordeal.shim.examine import Found, examine, told, unmarked
from ordeal.shim.forge import Forge
from ordeal.shim.phones import Phones, phones
from ordeal.shim.powercut import VARIANTS, Disk, lay_out
from ordeal.shim.small_hub import DATABASE, WITNESS, Story, Witness
from ordeal.shim.writelog import Step, read_steps, sworn
from ordeal.verdict import Given, Verdict

if TYPE_CHECKING:
    from pathlib import Path

NAMES: Final = (DATABASE,)
KILLS: Final = 3
LIVES_ON: Final = 37  # after every so many cuts a hub is started on what is left
SHARE: Final = 0.15  # of the time: record afresh, so that cuts see many lives
SHOWN: Final = 3
LENGTHS: Final = (8, 8, 30)  # messages of each node; a long life copies its log back midway
UNSENT: Final = "SELECT count(*) FROM notification WHERE state NOT IN ('sent', 'delivered')"


@dataclass(slots=True)
class Promised:
    """What had been promised before a cut: receipts, and pages that may have left."""

    receipted: set[tuple[str, int]] = field(default_factory=set)
    called: set[str] = field(default_factory=set)

    def learn(self, entry: dict[str, Any]) -> None:
        """Take in one entry of the witness."""
        if entry["e"] == "call":
            self.called.add(entry["note"])
        else:
            self.receipted |= {
                (entry["boot"], seq) for low, high in entry["got"] for seq in range(low, high + 1)
            }


@dataclass(slots=True)
class Account:
    """What all cuts came to; ``lost`` counts observations by cut, ``ever`` what was promised."""

    cuts: Counter[str] = field(default_factory=Counter)
    total: Counter[str] = field(default_factory=Counter)
    promised: int = 0
    hurt: int = 0
    lives: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, at: int, variant: str, found: Found) -> None:
        """Add one cut."""
        self.total.update({name: getattr(found, name) for name in ("lost", "twice", "changed")})
        self.hurt += bool(found.lost)
        bad = [
            f"{n} {getattr(found, n)}" for n in ("lost", "twice", "changed") if getattr(found, n)
        ]
        self.wrong += [f"cut at {at} ({variant}): {words}" for words in (*bad, *found.wrong)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A write log, and the story that was lived meanwhile."""

    steps: list[Step]
    story: Story


class PowerCut:
    """Cuts the power at many places of a recorded life, in three ways each."""

    number = 2
    name = "power cut"
    fault = "power cut at the hub: only what was synced is left, torn sectors"
    required = "0 receipted lost, integrity_check ok, incidents with their pages, none forgotten"
    weight = 3.0

    def __call__(self, given: Given) -> Verdict:
        """Record and cut in turns as long as there is time."""
        if why := unable():
            return Verdict(figure="", passed=False, skipped=f"not proven here: {why}")
        shim, until = build(given.folder), time.monotonic() + given.seconds
        dice, account = random.Random(given.seed), Account()  # noqa: S311  chance, no secret
        with phones(given.folder) as sms, Forge(shim, "hub", given.folder) as forge:
            turns = 0
            while not turns or time.monotonic() < until:
                turns += 1
                recorder = Recorder(given.folder / f"life-{turns}", forge, sms)
                recorded = recorder.record(dice)
                longest_s = max(given.seconds * SHARE, 5.0)
                end = min(until, time.monotonic() + longest_s)
                cut_many(recorded, recorder, account, dice, end)
                shutil.rmtree(recorder.folder)
        return verdict_of(account)


class Recorder:
    """Records a story lived by hubs that are killed and started again, in one write log."""

    def __init__(self, folder: Path, forge: Forge, sms: Phones) -> None:
        self.folder = folder
        self._forge, self._sms = forge, sms

    def record(self, dice: random.Random, kills: int = KILLS) -> Recording:
        """Let it be lived: ``kills`` lives end early; return every step of all."""
        live, log = self.folder / "recorded", self.folder / "steps"
        live.mkdir(parents=True)
        story = {"base_us": time.time_ns() // 1000, "nodes": 3, "each": 2}
        story["messages"] = dice.choice(LENGTHS)
        facts = {"folder": str(live), "story": story, "port": self._sms.port}
        for _ in range(kills):
            at = dice.randint(20, 400)
            orders = Orders(under=live, names=NAMES, kill_at=at, record=log, tear=at % 2 == 1)
            self._forge.live(orders, **facts)
        self._forge.live(Orders(under=live, names=NAMES, record=log), **facts)
        return Recording(steps=read_steps(log), story=Story(**story))

    def go_on(self, folder: Path, story: Story, promised: Promised) -> Found:
        """Start a hub on what a cut left and let it come to rest; nobody may have been missed."""
        facts = {"base_us": story.base_us, "nodes": story.nodes, "messages": story.messages,
                 "each": story.each}  # fmt: skip
        witness = Witness(folder / WITNESS)
        for boot, seq in sorted(promised.receipted):
            witness.say({"e": "receipt", "boot": boot, "got": [[seq, seq]]})
        self._forge.live(Orders(under=folder), folder=str(folder), story=facts, port=self._sms.port)
        found = examine(folder / DATABASE, story, Witness(folder / WITNESS).receipted)
        told(folder / DATABASE, [], found)
        with closing(open_database(folder / DATABASE)) as connection:
            if (unsent := connection.execute(UNSENT).fetchone()[0]) > 0:
                found.wrong.append(f"{unsent} pages never went")
        if found.incidents != len(story.dangers):
            found.wrong.append(f"{found.incidents} incidents, not {len(story.dangers)}")
        return found


def cut_many(
    recorded: Recording, recorder: Recorder, account: Account, dice: random.Random, until: float
) -> None:
    """Cut the power as often as there is time for, at places spread over the whole log."""
    told_at = sworn(recorded.steps)
    promised, disk, said = Promised(), Disk(), iter(told_at)
    entry = next(said, None)
    places = chosen(len(recorded.steps), dice, until)
    account.promised += len(recorded.story.keys) * 2 * recorded.story.each
    for at, step in enumerate(recorded.steps):
        disk.play(step)
        while entry is not None and entry[0] <= at:
            promised.learn(entry[1])
            entry = next(said, None)
        if at in places:
            for variant in VARIANTS:
                cut_once(disk, at, variant, recorded, promised, recorder, account, dice)
        if time.monotonic() > until:
            return


def chosen(steps: int, dice: random.Random, until: float) -> set[int]:
    """Return where to cut: everywhere if there is time, else as many places as it allows."""
    possible = int(max(until - time.monotonic(), 1.0) / (len(VARIANTS) * 0.02))
    return set(range(steps)) if possible >= steps else set(dice.sample(range(steps), possible))


def cut_once(  # noqa: PLR0917  one caller
    disk: Disk,
    at: int,
    variant: str,
    recorded: Recording,
    promised: Promised,
    recorder: Recorder,
    account: Account,
    dice: random.Random,
) -> None:
    """Cut the power after one step and look at what is left."""
    folder = recorder.folder / "cut"
    lay_out(disk.cut(variant, dice), folder)
    try:
        found = examine(folder / DATABASE, recorded.story, promised.receipted)
        found.wrong += unmarked(folder / DATABASE, promised.called)
    except (HubError, sqlite3.Error) as error:
        found = Found(lost=len(promised.receipted), wrong=[str(error)])
    account.add(at, variant, found)
    account.cuts[variant] += 1
    if account.cuts.total() % LIVES_ON == 0:
        lay_out(disk.cut(variant, dice), folder)
        account.lives += 1
        account.add(at, f"{variant}, lived on", recorder.go_on(folder, recorded.story, promised))


def verdict_of(account: Account) -> Verdict:
    """Return what the row says."""
    cuts = account.cuts.total()
    each = ", ".join(f"{count} {variant}" for variant, count in account.cuts.items())
    figure = (
        f"{cuts} power cuts ({each}); {account.total['lost']} receipted lost in "
        f"{account.hurt} cuts, {account.total['changed']} changed; "
        f"a hub went on from {account.lives}"
    )
    if account.wrong:
        figure += f"; {len(account.wrong)} wrong: {'; '.join(account.wrong[:SHOWN])}"
    numbers = {"power_cuts": cuts, "receipted": account.promised, "lost": account.total["lost"]}
    return Verdict(figure=figure, passed=not account.wrong and cuts > 0, numbers=numbers)


ROW: Final = PowerCut()
