"""Row 3: syncs of the store fail with EIO: no receipt, red at once, others shout, and back."""

from __future__ import annotations

import random
import shutil
import sqlite3
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from hub.demo.processes import Program, wait_for_port
from hub.errors import HubError
from hub.ports import free_port
from ordeal.city import Size
from ordeal.episode import rest
from ordeal.rows.power_cut import Promised
from ordeal.shim.build import Orders, build, python_path, unable
from ordeal.shim.examine import examine
from ordeal.shim.forge import Forge
from ordeal.shim.outside import Eyes, city_at_work, stored_now
from ordeal.shim.phones import Phones, phones
from ordeal.shim.powercut import Disk, lay_out
from ordeal.shim.small_hub import DATABASE, Story
from ordeal.shim.writelog import read_steps, sworn
from ordeal.tail import Tail
from ordeal.verdict import Given, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ordeal.stage import Stage

RED_S: Final = 5.0
BACK_S: Final = 10.0
FAILING_S: Final = 9.0
SPAN_S: Final = 24.0
CALL_S: Final = 6.0  # the watcher's limit here: by default 45 s
SOON: Final = 60  # steps after the failure, each of which is cut at
CUTS: Final = 10  # and so many later ones
AFTER: Final = (0, 1, 1, 2, 4, 8, 16)  # steps from the failure to the kill; 0: none
LEAST_LIVES: Final = 3
CANARIES: Final = """
SELECT count(*) FROM observation o JOIN datastream d ON d.slot = o.slot WHERE d.node = 'watch-01'
"""
WATCHED: Final = """
[[node]]
id = "watch-01"

[[node.datastream]]
name = "canary"
property = "canary"
unit = "1"
label_en = "Hub watcher"
label_zh = "中心值守"
interval_s = 1
"""
WATCHER: Final = """
site = "place-000"
node = "watch-01"
name_en = "Ordeal"
name_zh = "演练"
folder = "{folder}"

[broker]
port = {broker}

[pace]
every_s = 1
limit_s = {limit_s}
recover_s = 2
repeat_s = 600

[provider]
base_url = "http://127.0.0.1:{provider}"
sender = "+15550100198"
account_env = "WATCHER_ACCOUNT"
token_env = "WATCHER_TOKEN"

[[recipient]]
number = "+15550100199"
language = "en"
"""


@dataclass(slots=True)
class Seen:
    """What was seen; ``wrong`` in words."""

    figures: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    numbers: dict[str, float] = field(default_factory=dict)


class FsyncError:
    """A disk whose flushes fail for a while, under the shipped hub and under small ones."""

    number = 3
    name = "fsync error"
    fault = "fsync of the store returns EIO"
    required = (
        "0 receipts for what is not synced, red <= 5 s, the watcher calls, back <= 10 s, L = 0"
    )
    weight = 4.0

    def __call__(self, given: Given) -> Verdict:
        """Fail the syncs of a city's hub for a while; then of many small ones."""
        if why := unable():
            return Verdict(figure="", passed=False, skipped=f"not proven here: {why}")
        until = time.monotonic() + given.seconds
        shim, seen = build(given.folder), Seen()
        of_city(given, shim, seen)
        of_lives(given, shim, seen, until)
        figure = "; ".join(seen.figures)
        if seen.wrong:
            figure += f"; {len(seen.wrong)} wrong: {'; '.join(seen.wrong[:4])}"
        return Verdict(figure=figure, passed=not seen.wrong, numbers=seen.numbers)


# the shipped hub, its watcher, its nodes


def of_city(given: Given, shim: Path, seen: Seen) -> None:
    """Let the syncs of a city's hub fail for some seconds."""
    folder = (given.folder / "city").resolve()
    folder.mkdir(parents=True)
    control = folder / "eio"
    orders = Orders(under=folder / "scene" / "hub", names=(DATABASE,), eio=control)
    size = Size(span_s=SPAN_S, fast=2, step_s=0.25)
    with (
        city_at_work(
            folder, given.seed, size, environment=orders.environment(shim), change=watched
        ) as stage,
        watcher_of(stage) as calls,
    ):
        fail_for_a_while(stage, Eyes(stage), control, calls, seen)
        account, wrong = rest(stage)
        ((canaries,),) = stage.log.ask(CANARIES)
    if canaries == account["changed"]:  # they are in no node's ledger
        wrong = [words for words in wrong if not words.endswith("as they were spooled")]
    seen.wrong += wrong
    seen.numbers |= {
        name: account[name] for name in ("receipted", "lost", "incidents", "notified", "duplicates")
        if name in account
    }  # fmt: skip


def fail_for_a_while(stage: Stage, eyes: Eyes, control: Path, calls: Tail, seen: Seen) -> None:
    """Fail every sync for ``FAILING_S``, and note what the hub and its watcher say."""
    stored = set()
    if not eyes.until(lambda: stage.now_s > 7 and bool(eyes.receipts), 30):
        seen.wrong.append("no receipt before the fault")
    calls.news()
    control.touch()
    failed_s = time.time()
    eyes.rest(0.3)  # what was being synced at that moment ends
    stored = stored_now(stage)
    called = eyes.until(lambda: any("Ordeal" in e.get("body", "") for e in calls.news()), 25)
    called_s = time.time() - failed_s
    eyes.rest(max(FAILING_S - called_s, 0.0))
    early = eyes.receipted_since(failed_s) - stored
    control.unlink()
    back = time.time()
    came = eyes.until(lambda: bool(eyes.receipted_since(back)), 30)
    back_s = time.time() - back
    red_s = eyes.red_after(failed_s)
    seen.figures += [
        f"{len(early)} receipts for what was not synced in {back - failed_s:.0f} s of EIO",
        f"red after {red_s if red_s is None else round(red_s, 1)} s",
        f"the watcher (limit {CALL_S:.0f} s) called after {called_s:.1f} s",
        f"receipts again after {back_s:.1f} s",
    ]
    limits = (
        (early, f"{len(early)} receipts without a sync"),
        (red_s is None or red_s > RED_S, f"red after {red_s} s"),
        (not called, "the watcher called nobody"),
        (not came or back_s > BACK_S, f"receipts again only after {back_s:.1f} s"),
    )
    seen.wrong += [words for bad, words in limits if bad]


def watched(config: Path) -> None:
    """Declare the watcher at the first place."""
    site = config / "sites" / "place-000.toml"
    site.write_text(site.read_text("utf-8") + WATCHED, "utf-8")


@contextmanager
def watcher_of(stage: Stage) -> Iterator[Tail]:
    """Run the watcher, with a provider of its own; yield that one's ledger."""
    folder, port = stage.scene.folder, free_port()
    ledger = folder / "watcher.jsonl"
    account = {"WATCHER_ACCOUNT": "AC" + "1" * 32, "WATCHER_TOKEN": "watch"}
    settings = {"folder": folder / "watch", "broker": stage.scene.broker_port, "provider": port,
                "limit_s": CALL_S}  # fmt: skip
    (folder / "watcher.toml").write_text(WATCHER.format(**settings), "utf-8")
    programs = [
        python(stage, "watcher-provider", {}, "hub.demo.provider", "--port", str(port), "--ledger",
               str(ledger), "--account", account["WATCHER_ACCOUNT"], "--token", "watch"),
        python(stage, "watcher", account, "tocsin_edge", "watch-hub", str(folder / "watcher.toml")),
    ]  # fmt: skip
    try:
        for program in programs:
            program.start()
            if program.name == "watcher-provider":
                wait_for_port(port, program)
        yield Tail(ledger)
    finally:
        for program in programs:
            program.kill()


def python(stage: Stage, name: str, environment: dict[str, str], *arguments: str) -> Program:
    """Return a Python program beside the city."""
    return Program(
        name=name,
        command=(sys.executable, "-m", *arguments),
        log=stage.scene.folder / f"{name}.log",
        environment={**environment, "PYTHONPATH": python_path()},
    )


# small hubs: a failed sync, then a kill or none, then a power cut


def of_lives(given: Given, shim: Path, seen: Seen, until: float) -> None:
    """Fail one sync or all for a while, go on, cut the power: what was receipted is there."""
    dice = random.Random(given.seed)  # noqa: S311  chance, no secret
    lives = kills = cuts = lost = 0
    with phones(given.folder) as sms, Forge(shim, "hub", given.folder) as forge:
        while lives < LEAST_LIVES or time.monotonic() < until:
            lives += 1
            hurt = Hurt(given.folder / f"hurt-{lives}", forge, sms)
            kills += hurt.live(dice.randint(8, 42), dice.choice(AFTER))
            found = hurt.cut(dice)
            cuts += len(found)
            lost += sum(n for n, _ in found)
            seen.wrong += [f"life {lives}, {words}" for _, words in found if words]
            shutil.rmtree(hurt.folder)
    seen.figures.append(
        f"{lives} small hubs hit by EIO, {kills} of them killed as well, then {cuts} power cuts: "
        f"{lost} receipted lost"
    )
    seen.numbers |= {"power_cuts": cuts, "kills": kills}


class Hurt:
    """One story of a small hub with a sync that failed in it."""

    def __init__(self, folder: Path, forge: Forge, sms: Phones) -> None:
        self.folder = folder
        self._forge = forge
        self._log = folder / "steps"
        self._live = folder / "live"
        self._live.mkdir(parents=True)
        self._story = {"base_us": time.time_ns() // 1000}
        self._facts: dict[str, Any] = {
            "folder": str(self._live), "story": self._story, "port": sms.port,
        }  # fmt: skip

    def live(self, at: int, after: int) -> bool:
        """Fail the ``at``-th sync; ``after`` steps later it dies (0: it lives), another goes on."""
        eio = self.folder / "eio"
        orders: dict[str, Any] = {
            "under": self._live, "names": (DATABASE,), "record": self._log,
        }  # fmt: skip
        failing = Orders(eio=eio, eio_at=at, eio_once=not after, kill_after=after, **orders)
        killed = self._forge.live(failing, **self._facts).killed
        eio.unlink(missing_ok=True)
        self._forge.live(Orders(**orders), **self._facts)
        return killed

    def cut(self, dice: random.Random) -> list[tuple[int, str]]:
        """Cut the power after the failure, here and there; return (lost, what is wrong) of each."""
        steps = read_steps(self._log)
        first = next((at for at, step in enumerate(steps) if step.kind == "E"), len(steps))
        rest = range(first + SOON, len(steps))
        places = {*range(first, first + SOON), *dice.sample(rest, min(CUTS, len(rest)))}
        promised, disk, said = Promised(), Disk(), sworn(steps)
        found: list[tuple[int, str]] = []
        for at, step in enumerate(steps):
            disk.play(step)
            while said and said[0][0] <= at:
                promised.learn(said.pop(0)[1])
            if at in places:
                found += [self._look(disk.cut(v, dice), at, promised) for v in ("lost", "torn")]
        return found

    def _look(self, files: dict[str, bytes], at: int, promised: Promised) -> tuple[int, str]:
        lay_out(files, self.folder / "cut")
        story = Story(**self._story)
        try:
            found = examine(self.folder / "cut" / DATABASE, story, promised.receipted)
        except (HubError, sqlite3.Error) as error:
            return len(promised.receipted), f"cut at {at}: {error}"
        wrong = [f"{found.lost} lost"] * bool(found.lost) + found.wrong
        return found.lost, f"cut at {at}: {'; '.join(wrong)}" if wrong else ""


ROW: Final = FsyncError()
