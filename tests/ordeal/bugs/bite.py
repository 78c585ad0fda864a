"""Plants each bug in a copy of the tree and runs the check that has to catch it.

The first line of a patch is ``bug: WORDS | check: TEST ID [TEST ID ...] [| needs: WHAT]``.
Caught means: the check passes on the clean copy and fails with the bug in. A patch that no
longer applies is a failure, and so is a check that is skipped. The checkout itself is
never touched; that the copy is what runs is checked first.
"""

from __future__ import annotations

import argparse
import contextlib
import filecmp
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT: Final = Path(__file__).parents[3]
FOLDER: Final = Path(__file__).parent
PARTS: Final = ("hub", "edge", "config", "tests", "docs", "conftest.py", "pyproject.toml")
LEFT_OUT: Final = ("*.egg-info", ".hypothesis", ".pytest_cache")
WAIT_S: Final = 300.0
LONGEST: Final = 100
PASSED, FAILED = 0, 1
CLEAN: Final = "clean"
ASK: Final = "import hub, tocsin_edge as t; print(hub.__file__); print(t.__file__)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """One patch: what it does, which checks must fail with it, what it cannot be shown without."""

    name: str
    words: str
    checks: tuple[str, ...]
    needs: str
    file: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Bite:
    """What became of one bug; ``why``: what the check said, or why it was not caught or tried."""

    bug: Bug
    caught: bool
    why: str = ""
    tried: bool = True


class Unpatchable(Exception):  # noqa: N818  it is what it says
    """A patch that does not apply any more, or changes nothing."""


def bugs() -> list[Bug]:
    """Return every planted bug, by name."""
    return [bug_of(file) for file in sorted(FOLDER.glob("*.patch"))]


def bug_of(file: Path) -> Bug:
    """Return the bug of one patch, as its first line says."""
    line = file.read_text("utf-8").split("\n", 1)[0]
    fields = dict(part.strip().split(": ", 1) for part in line.split(" | "))
    return Bug(
        name=file.stem,
        words=fields["bug"],
        checks=tuple(fields["check"].split()),
        needs=fields.get("needs", ""),
        file=file,
    )


class Kennel:
    """A clean copy of the tree, and one more for each bug; gone at the end."""

    def __init__(self, folder: Path) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="bites-", dir=folder))
        self.clean = self._folder / CLEAN
        copy_parts(ROOT, self.clean)
        where = run(self.clean, [sys.executable, "-c", ASK]).stdout.splitlines()
        if not where or not all(Path(path).is_relative_to(self.clean) for path in where):
            raise RuntimeError(f"not the copy would run, but {where}")

    def close(self) -> None:
        """Remove every copy."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def healthy(self, found: Sequence[Bug]) -> dict[str, str]:
        """Return why checks fail without any bug, by check; they are run together."""
        checks = sorted({check for bug in found for check in bug.checks})
        if not checks or outcome(self.clean, checks) == "":
            return {}
        return {check: why for check in checks if (why := outcome(self.clean, [check]))}

    def bite(self, bug: Bug) -> Bite:
        """Plant ``bug`` in a copy and run its checks there."""
        tree = self._folder / bug.name
        shutil.copytree(self.clean, tree)
        try:
            plant(bug, tree, self.clean)
        except Unpatchable as error:
            return Bite(bug=bug, caught=False, why=str(error))
        else:
            return judged(bug, tested(tree, bug.checks))
        finally:
            shutil.rmtree(tree, ignore_errors=True)


def copy_parts(source: Path, target: Path) -> None:
    """Copy what runs and what tests it."""
    target.mkdir(parents=True)
    for name in PARTS:
        if (source / name).is_dir():
            ignore = shutil.ignore_patterns(*LEFT_OUT)
            shutil.copytree(source / name, target / name, ignore=ignore)
        else:
            shutil.copy2(source / name, target / name)


def plant(bug: Bug, tree: Path, clean: Path) -> None:
    """Apply the patch.

    Raises:
        Unpatchable: it does not apply, or changes nothing.
    """
    command = ["git", "apply", "--whitespace=nowarn", str(bug.file)]
    done = run(tree, command, GIT_CEILING_DIRECTORIES=str(tree.parent))
    if done.returncode != 0:
        raise Unpatchable(f"no longer applies: {done.stdout.strip()[:200]}")
    files = [line[6:] for line in bug.file.read_text("utf-8").split("\n") if line[:6] == "+++ b/"]
    if not files or all(filecmp.cmp(tree / f, clean / f, shallow=False) for f in files):
        raise Unpatchable("changes nothing")


def judged(bug: Bug, done: subprocess.CompletedProcess[str]) -> Bite:
    """Return what the checks came to with the bug in."""
    if done.returncode == FAILED:
        return Bite(bug=bug, caught=True, why=complaint(done.stdout))
    said = (done.stdout.strip().splitlines() or [""])[-1]
    return Bite(bug=bug, caught=False, why=f"not caught: {said}")


def complaint(said: str) -> str:
    """Return the first thing that a failing check said."""
    lines = (line.removeprefix("E ").strip() for line in said.splitlines() if line[:2] == "E ")
    return next(lines, "")[:LONGEST]


def tested(tree: Path, checks: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run ``checks`` in ``tree``."""
    options = ["-q", "-x", "-p", "no:cacheprovider", "--hypothesis-seed=0", "--tb=short"]
    return run(tree, [sys.executable, "-m", "pytest", *options, *checks])


def outcome(tree: Path, checks: Sequence[str]) -> str:
    """Return why ``checks`` do not pass in ``tree``; empty when they do, without a skip."""
    done = tested(tree, checks)
    last = (done.stdout.strip().splitlines() or [""])[-1]
    return "" if done.returncode == PASSED and "skipped" not in last else last


def run(tree: Path, command: list[str], **more: str) -> subprocess.CompletedProcess[str]:
    """Run a program in ``tree`` such that the code there is what is imported.

    What it leaves running - a bug may hinder its tests from tidying up - ends with it.
    """
    path = os.pathsep.join(str(tree / part) for part in ("", "edge", "tests"))
    with tempfile.TemporaryFile("w+") as said, subprocess.Popen(
        command, cwd=tree, env={**os.environ, "PYTHONPATH": path, **more}, stdout=said,
        stderr=subprocess.STDOUT, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            code = process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            code = FAILED
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        said.seek(0)
        return subprocess.CompletedProcess(command, code, said.read(), "")


def chosen(found: Sequence[Bug], some: int, seed: int, only: Sequence[str] = ()) -> list[Bug]:
    """Return the bugs to try: those named, or ``some`` by ``seed``, or all."""
    if only:
        return [bug for bug in found if bug.name in only]
    if not 0 < some < len(found):
        return list(found)
    picked = random.Random(f"{seed} bugs").sample(range(len(found)), some)  # noqa: S311  no secret
    return [found[i] for i in sorted(picked)]


def missing(bug: Bug) -> str:
    """Return what a bug needs and this machine has not."""
    if bug.needs == "influxd" and not os.environ.get("TOCSIN_INFLUXD"):
        return "needs influxd: set TOCSIN_INFLUXD"
    return ""


def bite_all(found: Sequence[Bug], folder: Path, say: Callable[[str], None]) -> list[Bite]:
    """Try every bug; the checks must pass without any first."""
    able = [bug for bug in found if not missing(bug)]
    bites = [Bite(bug=b, caught=False, why=missing(b), tried=False) for b in found if missing(b)]
    kennel = Kennel(folder)
    try:
        broken = kennel.healthy(able)
        for bug in able:
            why = next((broken[check] for check in bug.checks if check in broken), "")
            bite = Bite(bug=bug, caught=False, why=f"fails without it: {why}") if why else None
            bites.append(bite or kennel.bite(bug))
            say(line_of(bites[-1]))
    finally:
        kennel.close()
    return sorted(bites, key=lambda bite: bite.bug.name)


def line_of(bite: Bite) -> str:
    """Return one line of the table."""
    word = (
        f"caught: {bite.why}"
        if bite.caught
        else f"NOT CAUGHT ({bite.why})"
        if bite.tried
        else bite.why
    )
    return f"{bite.bug.name} | {bite.bug.words} | {' '.join(bite.bug.checks)} | {word}"


def main(arguments: list[str]) -> int:
    """Try the bugs and print the table; 0 when every one was caught."""
    parser = argparse.ArgumentParser(prog="ordeal.bugs", description=__doc__)
    parser.add_argument("--some", type=int, default=0, metavar="K", help="only K of them")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="which K")
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="only these")
    asked = parser.parse_args(arguments)
    found = chosen(bugs(), asked.some, asked.seed, asked.only)
    print("bug | what it does | check | caught")  # noqa: T201
    with tempfile.TemporaryDirectory() as folder:
        bites = bite_all(found, Path(folder), lambda line: print(line, flush=True))  # noqa: T201
    caught = sum(bite.caught for bite in bites)
    for bite in bites:
        if not bite.tried:
            print(line_of(bite))  # noqa: T201
    print(f"{caught} of {len(bites)} caught")  # noqa: T201
    return 0 if bites and caught == len(bites) else 1
