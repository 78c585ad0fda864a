"""Runs the rows one after the other, each in a process of its own, and adds up what they say.

A row that raises, hangs, ends its interpreter or leaves a process behind is a failed
verdict and never the end of the run. Everything a row starts is in its process group.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hub.demo.processes import end_with_parent
from ordeal.rows import ROWS
from ordeal.table import document, markdown
from ordeal.verdict import Given, Verdict, row_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ordeal.verdict import Row

ROOT: Final = Path(__file__).parents[2]
INFLUXD: Final = "influxd-2.7.12/influxd"
OVERTIME_S: Final = 240.0  # a row may settle so long after twice its share
LEFT_S: Final = 5.0  # what a row started may take so long to end after it
POLL_S: Final = 0.05
WHY_LINES: Final = 30
NOT_PROVEN: Final = "not proven here"  # says a skip for want of a program
REQUIRED: Final = "TOCSIN_REQUIRE_PROGRAMS"  # 1: such a skip is a failure, as in conftest.py


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row that was played, and how long it took."""

    name: str
    seconds: float
    row: dict[str, Any]

    @property
    def passed(self) -> bool:
        """Say whether the row counts as passed."""
        return bool(self.row["passed"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is run: ``seconds`` are divided among ``names`` by weight."""

    seed: int
    seconds: float
    folder: Path
    influxd: str | None
    say: Callable[[str], None]


def name_of(row: Row) -> str:
    """Return what the run calls a row: its number and the name it gives itself."""
    own = getattr(row, "name", "") or getattr(row, "__name__", "") or type(row).__name__
    return f"{row.number}-{own.lower().replace('_', '-').replace(' ', '-')}"


def chosen(rows: Sequence[Row], only: Sequence[str]) -> list[int]:
    """Return the indices of the rows that ``only`` names, all for none; by number or name.

    Raises:
        SystemExit: a name that no row has.
    """
    for word in only:
        if not any(is_meant(row, word) for row in rows):
            raise SystemExit(
                f"no row is called {word!r}; there are: {' '.join(map(name_of, rows))}"
            )
    return [i for i, row in enumerate(rows) if not only or any(is_meant(row, w) for w in only)]


def is_meant(row: Row, word: str) -> bool:
    """Say whether ``word`` names ``row``."""
    name = name_of(row)
    return word in (str(row.number), name, name.partition("-")[2])


def play_all(rows: Sequence[Row], indices: Sequence[int], plan: Plan) -> list[Line]:
    """Play the rows in turn; what one leaves of its share goes to those after it."""
    lines: list[Line] = []
    left_s, weights = plan.seconds, sum(rows[i].weight for i in indices)
    for turn, index in enumerate(indices, 1):
        row = rows[index]
        share_s = max(left_s, 0.0) * row.weight / weights if weights else 0.0
        plan.say(f"[{turn}/{len(indices)}] {name_of(row)}: {row.fault} ({share_s:.0f} s)")
        line = play(rows, index, plan, share_s)
        lines.append(line)
        left_s, weights = left_s - line.seconds, weights - row.weight
        plan.say(f"    {word_of(line)} after {line.seconds:.0f} s: {line.row['figure']}")
    return lines


def play_again(
    rows: Sequence[Row], indices: Sequence[int], lines: Sequence[Line], plan: Plan
) -> list[Line]:
    """Play what failed once more with another seed; both figures stay to be read.

    For machines that others keep busy: what fails twice is wrong, what fails once is to be
    looked at.
    """
    other = replace(plan, seed=plan.seed + 1, folder=plan.folder / "again")
    whole = []
    for index, line in zip(indices, lines, strict=True):
        if line.passed:
            whole.append(line)
            continue
        plan.say(f"[again] {line.name}")
        share_s = plan.seconds * rows[index].weight / sum(rows[i].weight for i in indices)
        second = play(rows, index, other, share_s)
        plan.say(f"    {word_of(second)} after {second.seconds:.0f} s: {second.row['figure']}")
        figure = f"{second.row['figure']} (second try; first: {line.row['figure']})"
        whole.append(replace(second, row={**second.row, "figure": figure}))
    return whole


def word_of(line: Line) -> str:
    """Return the verdict in one word."""
    skipped = f", skipped: {line.row['skipped']}" if line.row["skipped"] else ""
    return ("pass" if line.passed else "FAIL") + skipped


def play(rows: Sequence[Row], index: int, plan: Plan, share_s: float) -> Line:
    """Play one row in a process of its own and return what came of it."""
    row = rows[index]
    folder = plan.folder / name_of(row)
    folder.mkdir(parents=True, exist_ok=True)
    given = Given(
        seed=plan.seed, seconds=share_s, folder=folder, influxd=plan.influxd, say=plan.say
    )
    began = time.monotonic()
    verdict = in_child(row, given, folder)
    seconds = time.monotonic() - began
    line = Line(name=name_of(row), seconds=round(seconds, 1), row=row_of(row, sober(verdict)))
    if not line.passed:
        tell_why(folder, plan.say)
    return line


def tell_why(folder: Path, say: Callable[[str], None]) -> None:
    """Show the end of what a failed row wrote about itself: its folder may not be kept."""
    for name in ("traceback.txt", "wrong.txt"):
        file = folder / name
        if file.exists():
            for text in file.read_text("utf-8", "replace").splitlines()[-WHY_LINES:]:
                say(f"    | {text}")


def sober(verdict: Verdict) -> Verdict:
    """Return ``verdict`` as it counts: a skip passes if it says why, unless all must be proven."""
    excused = bool(verdict.skipped.strip())
    if excused and NOT_PROVEN in verdict.skipped and os.environ.get(REQUIRED) == "1":
        excused = False
    return replace(verdict, passed=verdict.passed or excused)


def in_child(row: Row, given: Given, folder: Path) -> Verdict:
    """Run ``row`` in a forked child, bounded; a failed verdict for whatever else comes of it."""
    file = folder / "verdict.json"
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        be_child(row, given, file)
    limit_s = 2 * given.seconds + OVERTIME_S
    ended, status = waited(child, limit_s)
    left = clear_group(child)
    if not ended:
        return Verdict(figure=f"did not end within {limit_s:.0f} s", passed=False)
    if not file.exists():
        return Verdict(figure=f"its process ended with status {status}", passed=False)
    verdict = Verdict(**json.loads(file.read_text("utf-8")))
    if left:
        figure = f"left processes behind ({', '.join(left)}); {verdict.figure}"
        return Verdict(figure=figure, passed=False, numbers=verdict.numbers)
    return verdict


def be_child(row: Row, given: Given, file: Path) -> None:
    """Be the row's process: a group of its own, one verdict, no return."""
    status = 1
    try:
        os.setsid()
        die_too = end_with_parent()
        if die_too is not None:
            die_too()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        verdict = judged(row, given)
        whole = file.with_suffix(".part")
        whole.write_text(json.dumps(asdict(verdict), ensure_ascii=False), "utf-8")
        whole.rename(file)
        status = 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def judged(row: Row, given: Given) -> Verdict:
    """Return the row's verdict; a failed one, with the whole story in a file, if it raises."""
    try:
        return row(given)
    except (Exception, SystemExit) as error:  # noqa: BLE001  whatever a row does, the run goes on
        (given.folder / "traceback.txt").write_text(traceback.format_exc(), "utf-8")
        return Verdict(figure=f"raised {type(error).__name__}: {gist(str(error))}", passed=False)


def gist(words: str) -> str:
    """Return the line of an error that says most: of a program's traceback the last."""
    lines = [line.strip() for line in words.strip().splitlines() if line.strip()] or [""]
    return lines[-1 if lines[0].startswith("Traceback") else 0][:300]


def waited(child: int, limit_s: float) -> tuple[bool, int]:
    """Wait for ``child``, kill it when it takes too long; return (ended by itself, status)."""
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return True, os.waitstatus_to_exitcode(status)
        time.sleep(POLL_S)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return False, os.waitstatus_to_exitcode(status)


def clear_group(group: int) -> list[str]:
    """End what is left of a row's process group, after a while; return what that was."""
    until = time.monotonic() + LEFT_S
    while left := living(group):
        if time.monotonic() > until:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
            return left
        time.sleep(POLL_S)
    return []


def living(group: int) -> list[str]:
    """Return the commands of the processes of ``group`` that live (not: wait to be reaped)."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, its_group = stat.read_text("utf-8", "replace").rpartition(")")[2].split()[:3]
            if int(its_group) == group and state not in "ZX":
                words = stat.with_name("cmdline").read_text("utf-8", "replace").split("\0")
                found.append(" ".join(Path(word).name for word in words if word)[:80])
    return found


def sums(lines: Sequence[Line]) -> dict[str, float]:
    """Return every number of the rows, added up."""
    total: Counter[str] = Counter()
    for line in lines:
        total.update(line.row["numbers"])
    return dict(total)


def commit() -> str:
    """Return the commit that is checked out, with a plus when files are changed."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty=+"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def find_influxd() -> str | None:
    """Return an InfluxDB 2 server: the one that is named, in the cache of .ci/influxd, on PATH."""
    caches = [os.environ.get("TOCSIN_CACHE"), os.environ.get("XDG_CACHE_HOME")]
    folders = [Path(caches[0])] if caches[0] else []
    folders += [(Path(caches[1]) if caches[1] else Path.home() / ".cache") / "tocsin"]
    named = [os.environ.get("TOCSIN_INFLUXD"), *(str(f / INFLUXD) for f in folders)]
    usable = (path for path in named if path and os.access(path, os.X_OK))
    return next(usable, None) or shutil.which("influxd")


def tell(line: str) -> None:
    """Show progress."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201  it is for who waits


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m ordeal", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the same seed, the same run")
    parser.add_argument("--minutes", type=float, default=10.0, help="of the whole run")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--out", type=Path, help="write the table there as well")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="NAME", help="rows by name or number"
    )
    parser.add_argument("--keep", type=Path, help="leave every ledger in this folder")
    parser.add_argument(
        "--again", action="store_true", help="play a row that failed once more, with another seed"
    )
    parser.add_argument(
        "--after-tests",
        action="store_true",
        help="leave out the rows that only run tests of the repository, which just passed",
    )
    parser.add_argument("--list", action="store_true", help="name the rows and end")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None, rows: Sequence[Row] = ROWS) -> int:
    """Run; exit 0 only if every row passed."""
    args = arguments(argv)
    if args.list:
        print("\n".join(f"{name_of(row)}: {row.fault}" for row in rows))  # noqa: T201
        return 0
    indices = chosen(rows, args.only)
    if args.after_tests:
        indices = [i for i in indices if not hasattr(rows[i], "tests")]
    with contextlib.ExitStack() as stack:
        folder = args.keep or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="tocsin-ordeal-"))
        )
        plan = Plan(
            seed=args.seed,
            seconds=args.minutes * 60,
            folder=folder.absolute(),
            influxd=find_influxd(),
            say=tell,
        )
        began = time.monotonic()
        lines = play_all(rows, indices, plan)
        if args.again:
            lines = play_again(rows, indices, lines, plan)
        whole = document(
            seed=args.seed,
            commit=commit(),
            minutes=args.minutes,
            took_s=round(time.monotonic() - began),
            rows=[{"name": line.name, "seconds": line.seconds, **line.row} for line in lines],
            sums=sums(lines),
            passed=bool(lines) and all(line.passed for line in lines),
        )
    table = markdown(whole)
    if args.out:
        args.out.write_text(table, "utf-8")
    print(json.dumps(whole, ensure_ascii=False) if args.json else table)  # noqa: T201
    if args.json:
        plan.say(table)
    return 0 if whole["passed"] else 1
