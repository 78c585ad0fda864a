"""Row 4: the disk of the hub runs full, by the shim and on a small real one, and has room again."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ordeal.city import Size
from ordeal.episode import rest
from ordeal.shim.build import Orders, build, unable
from ordeal.shim.outside import Eyes, city_at_work, stored_now
from ordeal.verdict import Given, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from io import FileIO
    from pathlib import Path

    from ordeal.stage import Stage

MIB: Final = 1 << 20
DISK: Final = 112 * MIB  # room for the reserve (32 MiB), as much again, and the store
BOTH_S: Final = 90.0  # with less time only one of the two disks is filled
FULL_S: Final = 9.0
BACK_S: Final = 10.0
SETTLE_S: Final = 1.5  # receipts of what was stored before are gathered for a second
SPAN_S: Final = 26.0
ESCALATE_S: Final = 5.0


@dataclass(slots=True)
class Seen:
    """What was seen; ``wrong`` in words."""

    figures: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    numbers: dict[str, float] = field(default_factory=dict)


class DiskFull:
    """A disk that is full for some seconds while incidents are open and nobody answers."""

    number = 4
    name = "disk full"
    fault = "the hub's disk runs full while incidents are open"
    required = "no receipt while full, open incidents still paged, resumes <= 10 s, L = 0"
    weight = 3.0

    def __call__(self, given: Given) -> Verdict:
        """Fill a disk under a city's hub: a small real one where it can be mounted, or by shim."""
        ways = [way for way in (of_tmpfs, of_shim) if not why_not(way, given.folder)]
        if not ways:
            why = f"{why_not(of_tmpfs, given.folder)}; {why_not(of_shim, given.folder)}"
            return Verdict(figure="", passed=False, skipped=f"not proven here: {why}")
        seen = Seen()
        for way in ways if given.seconds >= BOTH_S else ways[given.seed % len(ways) :][:1]:
            way(given, seen)
        figure = "; ".join(seen.figures)
        if seen.wrong:
            figure += f"; {len(seen.wrong)} wrong: {'; '.join(seen.wrong[:4])}"
        return Verdict(figure=figure, passed=not seen.wrong, numbers=seen.numbers)


def why_not(way: object, folder: Path) -> str:
    """Return why a disk cannot be filled this way; empty if it can."""
    if way is of_shim:
        return unable()
    try:
        with small_disk(folder / "probe"):
            return ""
    except OSError as error:
        return f"no small disk can be mounted: {error}"


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount a disk of ``DISK`` bytes at ``folder``.

    Raises:
        OSError: it cannot be mounted, for want of root or otherwise.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        raise OSError("mounting needs root")
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=700", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(done.stderr.strip())
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def of_tmpfs(given: Given, seen: Seen) -> None:
    """Fill a real disk to its last byte with something else's data."""
    folder = given.folder / "real"
    data = folder / "scene" / "hub"
    filler = data / "filler"
    with ExitStack() as stack:
        stack.enter_context(small_disk(data))
        play(folder, given.seed, {}, lambda: fill(filler), filler.unlink, "a real disk", seen)


def of_shim(given: Given, seen: Seen) -> None:
    """Have the shim say that nothing more fits on the disk."""
    folder = (given.folder / "shim").resolve()
    folder.mkdir(parents=True)
    control = folder / "full"
    names = ("tocsin.db", "reserve")
    orders = Orders(under=folder / "scene" / "hub", names=names, full=control)
    environment = orders.environment(build(given.folder))
    play(folder, given.seed, environment, control.touch, control.unlink, "a disk by shim", seen)


def fill(filler: Path) -> None:
    """Write until not a byte more fits."""
    with filler.open("ab", buffering=0) as file:
        write_for_ever(file)


def write_for_ever(file: FileIO) -> None:
    """Write large pieces, then small ones."""
    for size in (MIB, 4096, 1):
        with contextlib.suppress(OSError):
            while True:
                file.write(b"x" * size)


def play(  # noqa: PLR0917  two callers
    folder: Path,
    seed: int,
    environment: dict[str, str],
    fill_up: Callable[[], object],
    free: Callable[[], object],
    what: str,
    seen: Seen,
) -> None:
    """Let a city live, fill its hub's disk for ``FULL_S``, and look at what comes of it."""
    size = Size(span_s=SPAN_S, fast=2, step_s=0.25, escalate_s=ESCALATE_S)
    with city_at_work(folder, seed, size, environment=environment) as stage:
        watch_it(stage, Eyes(stage), fill_up, free, what, seen)
        account, wrong = rest(stage)
    seen.wrong += [f"{what}: {words}" for words in wrong]
    for name in ("receipted", "lost", "incidents", "notified", "duplicates"):
        seen.numbers[name] = seen.numbers.get(name, 0) + account[name]


def watch_it(  # noqa: PLR0917  one caller
    stage: Stage,
    eyes: Eyes,
    fill_up: Callable[[], object],
    free: Callable[[], object],
    what: str,
    seen: Seen,
) -> None:
    """Fill the disk once incidents are open; note receipts, pages and the way back."""
    if not eyes.until(lambda: len(eyes.pages) >= 2 and bool(eyes.receipts), 30):
        seen.wrong.append(f"{what}: no page before it was full")
    fill_up()
    full_s = time.time()
    eyes.rest(SETTLE_S)
    stored = stored_now(stage)
    eyes.until(lambda: pages_since(eyes, full_s + SETTLE_S) > 0, FULL_S)
    eyes.rest(max(FULL_S - (time.time() - full_s), 0.0))
    early = eyes.receipted_since(full_s) - stored
    grew = len(stored_now(stage) - stored)
    paged = pages_since(eyes, full_s + SETTLE_S)
    said = any("disk" in words for words in eyes.words)
    free()
    freed_s = time.time()
    back = eyes.until(lambda: bool(eyes.receipted_since(freed_s) - stored), 30)
    back_s = time.time() - freed_s
    seen.figures.append(
        f"{what}: full for {freed_s - full_s:.0f} s with {len(early)} receipts for what was not "
        f"stored, {paged} pages meanwhile, receipts again {back_s:.1f} s after it had room"
    )
    limits = (
        (early, f"{len(early)} receipts for nothing"),
        (grew, f"{grew} messages stored on a full disk"),
        (not paged, "nobody was paged while it was full"),
        (not said, "the hub did not say that its disk is full"),
        (not back or back_s > BACK_S, f"receipts again only after {back_s:.1f} s"),
    )
    seen.wrong += [f"{what}: {words}" for bad, words in limits if bad]


def pages_since(eyes: Eyes, at_s: float) -> int:
    """Return how many SMS the provider took since an instant."""
    return sum(seen_s > at_s for seen_s, _ in eyes.pages)


ROW: Final = DiskFull()
