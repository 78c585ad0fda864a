"""Row 35: killed and cut off at each step of each migration, raced, rolled back; nodes stay old."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import hub
from hub.demo.scene import set_scene
from hub.errors import HubError
from hub.store.database import migrations, open_database, version_of
from ordeal.shim.build import Orders, build, python_path, unable
from ordeal.shim.examine import Found, examine, told
from ordeal.shim.forge import Forge
from ordeal.shim.phones import Phones, phones
from ordeal.shim.powercut import VARIANTS, Disk, lay_out
from ordeal.shim.small_hub import DATABASE, WITNESS, Story, Witness
from ordeal.shim.small_upgrade import content_of, make_old, newest, shape_of
from ordeal.shim.writelog import read_steps
from ordeal.verdict import Given, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT: Final = Path(__file__).parents[3]
NAMES: Final = (DATABASE,)
GOES_ON: Final = 7  # after every so many kills a hub and its old nodes go on from there
RACERS: Final = 5
MIDWAY: Final = 260  # the step at which the life that filled the old store was killed
OPENER: Final = """
import sys
from pathlib import Path
from hub.store.database import open_database
print("ready", flush=True)
sys.stdin.readline()
open_database(Path(sys.argv[1])).close()
"""
SHOWN: Final = 4


@dataclass(slots=True)
class Account:
    """What all upgrades came to; ``wrong`` in words."""

    kills: int = 0
    steps: int = 0
    cuts: int = 0
    races: int = 0
    total: Counter[str] = field(default_factory=Counter)
    lives: int = 0
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Old:
    """A store of an earlier version, as files, and all that it held."""

    version: int
    files: dict[str, bytes]
    witness: bytes
    shape: dict[str, list[str]]
    content: dict[str, list[tuple[object, ...]]]


class Upgrade:
    """Every earlier version upgraded by this hub, disturbed at every step."""

    number = 35
    name = "upgrade"
    fault = "hub killed and cut off at each step of each migration, processes race, rolled back"
    required = (
        "whole at the newest version, every row kept, old nodes go on, L = 0, older hub refuses"
    )
    weight = 2.0

    def __call__(self, given: Given) -> Verdict:
        """Upgrade, from each version, as often as there are steps to disturb."""
        if why := unable():
            return Verdict(figure="", passed=False, skipped=f"not proven here: {why}")
        shim, account = build(given.folder), Account()
        dice = random.Random(given.seed)  # noqa: S311  chance, no secret
        until = time.monotonic() + given.seconds
        with (
            phones(given.folder) as sms,
            Forge(shim, "hub", given.folder) as hubs,
            Forge(shim, "migrate", given.folder) as upgrades,
        ):
            works = Works(given.folder, hubs, upgrades, sms, account)
            olds = [works.old(version) for version in range(newest())]
            for old in olds:
                share = (until - time.monotonic()) / (newest() - old.version)
                works.kill_all(old, dice, time.monotonic() + share)
                works.cut_all(old, dice)
        race(given.folder / "race", olds, account)
        roll_back(given.folder / "rollback", olds[-1], account)
        return verdict_of(account)


class Works:
    """Where stores are made, upgraded, hurt and looked at."""

    def __init__(
        self, folder: Path, hubs: Forge, upgrades: Forge, sms: Phones, account: Account
    ) -> None:
        self._folder, self._hubs, self._upgrades, self._sms = folder, hubs, upgrades, sms
        self._account = account
        self._live = folder / "live"
        self._story = {"base_us": time.time_ns() // 1000}
        self._facts: dict[str, Any] = {
            "folder": str(self._live), "story": self._story, "port": sms.port,
        }  # fmt: skip

    def old(self, version: int) -> Old:
        """Return a store of ``version`` that a hub filled until it was killed."""
        donor = self._folder / "donor"
        if not donor.exists():
            donor.mkdir()
            self._hubs.live(
                Orders(under=donor, names=NAMES, kill_at=MIDWAY),
                **{**self._facts, "folder": str(donor)},
            )
        target = self._folder / f"old-{version}" / DATABASE
        if not version:
            return Old(version=0, files={}, witness=b"", shape={}, content={})
        files = make_old(donor / DATABASE, target, version)
        witness = (donor / WITNESS).read_bytes()
        lay_out(files, self._folder / "read")
        with closing(sqlite3.connect(self._folder / "read" / DATABASE)) as connection:
            shape = shape_of(connection)
            content = content_of(connection, shape)
        return Old(version=version, files=files, witness=witness, shape=shape, content=content)

    def kill_all(self, old: Old, dice: random.Random, until: float) -> None:
        """Kill the upgrade at each of its steps, in no order, as long as there is time."""
        self._lay(old)
        steps = self._upgrade(old)
        self._account.steps += steps
        for at in dice.sample(range(1, steps + 1), steps):
            if time.monotonic() > until and self._account.kills:
                return
            self._lay(old)
            orders = Orders(under=self._live, names=NAMES, kill_at=at, tear=at % 2 == 1)
            killed = self._upgrades.live(orders, folder=str(self._live)).killed
            self._account.kills += killed
            self._look(old, f"version {old.version} killed at step {at}")
            if self._account.kills % GOES_ON == 0:
                self._go_on(f"version {old.version} killed at step {at}, then lived on")

    def cut_all(self, old: Old, dice: random.Random) -> None:
        """Cut the power after each step of an upgrade, in three ways."""
        self._lay(old)
        log = self._folder / f"steps-{old.version}"
        orders = Orders(under=self._live, names=NAMES, record=log)
        self._upgrades.live(orders, folder=str(self._live))
        disk = Disk(old.files)
        for at, step in enumerate(read_steps(log)):
            disk.play(step)
            for variant in VARIANTS:
                lay_out(disk.cut(variant, dice), self._live)
                self._account.cuts += 1
                self._look(old, f"version {old.version} cut at step {at} ({variant})")

    def _upgrade(self, old: Old) -> int:
        """Upgrade undisturbed; return the steps that it took."""
        orders = Orders(under=self._live, names=NAMES)
        steps = self._upgrades.live(orders, folder=str(self._live)).steps
        self._look(old, f"version {old.version} undisturbed")
        return steps

    def _lay(self, old: Old) -> None:
        lay_out({**old.files, WITNESS: old.witness}, self._live)

    def _look(self, old: Old, where: str) -> None:
        """Open what is left as a hub does: it must be whole, new, and hold all that it held."""
        self._account.wrong += [f"{where}: {w}" for w in wrong_with(self._live / DATABASE, old)]

    def _go_on(self, where: str) -> None:
        """Let a hub start on it, whose nodes send as they always did."""
        self._sms.news()
        self._hubs.live(Orders(under=self._live), **self._facts)
        self._account.lives += 1
        story, receipted = Story(**self._story), Witness(self._live / WITNESS).receipted
        found = examine(self._live / DATABASE, story, receipted)
        told(self._live / DATABASE, self._sms.news(), found)
        self._account.total.update(found.numbers())
        self._account.wrong += [f"{where}: {words}" for words in missed(found, story, receipted)]


def missed(found: Found, story: Story, receipted: set[tuple[str, int]]) -> list[str]:
    """Return what is wrong with a hub that went on."""
    wrong = [*found.wrong]
    wrong += [f"{found.lost} lost, {found.twice} twice, {found.changed} changed"] * bool(
        found.lost or found.twice or found.changed
    )
    if receipted != story.keys:
        wrong.append("a message of an old node got no receipt")
    if found.incidents != len(story.dangers):
        wrong.append(f"{found.incidents} incidents, not {len(story.dangers)}")
    return wrong


def wrong_with(path: Path, old: Old) -> list[str]:
    """Return what is wrong with an upgraded store."""
    try:
        with closing(open_database(path)) as connection:
            wrong = [f"version {v}"] if (v := version_of(connection)) != newest() else []
            said = connection.execute("PRAGMA integrity_check").fetchall()
            wrong += [f"integrity_check {said[:2]}"] if said != [("ok",)] else []
            kept = content_of(connection, old.shape)
    except (HubError, sqlite3.Error) as error:
        return [str(error)]
    return wrong + [f"{t} changed" for t, rows in old.content.items() if kept[t] != rows]


def race(folder: Path, olds: Iterable[Old], account: Account) -> None:
    """Let several processes open each old store at the same moment."""
    for old in olds:
        lay_out(old.files, folder)
        account.races += 1
        with_all = [start_racer(folder / DATABASE) for _ in range(RACERS)]
        for racer in with_all:
            assert racer.stdout is not None
            racer.stdout.readline()
        said = [racer.communicate("go\n", timeout=60)[1] for racer in with_all]
        failed = [
            words[-200:] for racer, words in zip(with_all, said, strict=True) if racer.returncode
        ]
        where = f"version {old.version} upgraded by {RACERS} at once"
        account.wrong += [f"{where}: {words}" for words in failed]
        account.wrong += [f"{where}: {words}" for words in wrong_with(folder / DATABASE, old)]


def start_racer(path: Path) -> subprocess.Popen[str]:
    """Start a process that opens the store when told to."""
    return python("-c", OPENER, str(path))


def python(
    *arguments: str, first: tuple[Path, ...] = (), secrets: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start a Python of the hub, or of the one in ``first``."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": python_path(*first),
            "PYTHONSAFEPATH": "1",
            **(secrets or {}),
        },
    )


def roll_back(folder: Path, old: Old, account: Account) -> None:
    """Back up with the older hub, upgrade, go back: it refuses in words, and restores."""
    folder.mkdir()
    older = (older_hub(folder / "older"),)
    scene = set_scene(ROOT / "config", folder / "scene", rate=1, port=0)
    lay_out(old.files, scene.database.parent)
    given: dict[str, Any] = {"first": older, "secrets": {**scene.environment, "TOCSIN_CLOCK": ""}}
    config, backup = str(scene.config), folder / "backup"
    cli = ("-m", "hub", "--config", config)
    said = [ran(*cli, "backup", str(backup), **given)]
    account.wrong += [f"upgraded: {w}" for w in wrong_with(scene.database, old)]
    code, words = ran(*cli, "run", **given)
    if not code or "newer hub" not in words or "restore a backup" not in words:
        account.wrong.append(f"the older hub does not refuse in words: {code} {words[-300:]}")
    said.append(ran(*cli, "restore", str(backup), "--force", **given))
    account.wrong += [f"an older hub's command failed: {w[-300:]}" for code, w in said if code]
    with closing(sqlite3.connect(scene.database)) as connection:
        version, kept = version_of(connection), content_of(connection, old.shape)
    lost = [t for t, rows in old.content.items() if not {*map(repr, rows)} <= {*map(repr, kept[t])}]
    account.wrong += [
        f"rolled back: {t} changed" for t in lost if t not in ("meta", "notification")
    ]
    if version != old.version:
        account.wrong.append(f"rolled back to version {version}, not {old.version}")


def older_hub(folder: Path) -> Path:
    """Return a folder with the hub as it was before its newest migration."""
    package = Path(hub.__file__).parent
    shutil.copytree(package, folder / "hub", ignore=shutil.ignore_patterns("__pycache__"))
    (last,) = (folder / "hub" / "store" / "schema").glob(f"{migrations()[-1][0]:03d}_*.sql")
    last.unlink()
    return folder


def ran(*arguments: str, first: tuple[Path, ...], secrets: dict[str, str]) -> tuple[int, str]:
    """Run a command of the older hub; return its exit code and all that it said."""
    process = python(*arguments, first=first, secrets=secrets)
    try:
        out, err = process.communicate("", timeout=60)
    finally:
        process.kill()
    return process.returncode, out + err


def verdict_of(account: Account) -> Verdict:
    """Return what the row says."""
    total = account.total
    figure = (
        f"{account.kills} kills at {account.steps} steps from {newest()} versions, "
        f"{account.cuts} power cuts, {account.races} races of {RACERS}, one rollback; a hub and "
        f"its old nodes went on from {account.lives}: {total['lost']:.0f} of "
        f"{total['receipted']:.0f} receipted lost"
    )
    if account.wrong:
        figure += f"; {len(account.wrong)} wrong: {'; '.join(account.wrong[:SHOWN])}"
    numbers = {"kills": account.kills, "power_cuts": account.cuts, **total}
    return Verdict(figure=figure, passed=not account.wrong and account.kills > 0, numbers=numbers)


ROW: Final = Upgrade()
