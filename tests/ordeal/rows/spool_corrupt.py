"""Row 30: one flipped bit in a node's spool, at thousands of places, as a worn card does it."""

from __future__ import annotations

import logging
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ordeal.episode import seeded
from ordeal.world.check import Findings
from tocsin_edge.spool import Spool

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from ordeal.verdict import Given, Verdict

MESSAGES: Final = 120
MOST_BYTES: Final = 10_000_000
BOOT: Final = "7f3a9c21d4e85b06"
FILES: Final = ("spool.db", "spool.db-wal")

Sent = dict[int, tuple[str, bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlippedBits:
    """Half of the spool in its file, half in its log; each flip on a fresh copy."""

    name: str = "flipped bits"
    number: int = 30
    fault: str = "one bit of the spool flipped, each time another"
    required: str = "the node starts; no wrong reading is sent; at most the hit message is lost"
    weight: float = 0.5

    def __call__(self, given: Given) -> Verdict:
        """Flip, open as the node would, and compare with what was spooled."""
        dice, found = seeded(f"{given.seed}/{self.name}"), Findings()
        logging.disable(logging.CRITICAL)  # a thousand hurt spools say a thousand times so
        spooled = make(given.folder / "whole")
        flips = wrong = worst = hurt = 0
        until = time.monotonic() + given.seconds
        while time.monotonic() < until:
            file = copied(given.folder / "whole", given.folder / "hurt")
            place = flip(file.parent, dice)
            sent = opened(file)
            flips += 1
            if isinstance(sent, str):
                found.expect(False, f"{place}: {sent}")
                continue
            bad = {seq for seq, content in sent.items() if spooled.get(seq) != content}
            lost = len(spooled.keys() - sent.keys())
            wrong, worst, hurt = wrong + len(bad), max(worst, lost), hurt + bool(lost)
            found.expect(not bad, f"{place}: messages {sorted(bad)[:3]} are not as spooled")
            found.expect(lost <= 1, f"{place}: {lost} messages are lost")
        found.expect(hurt > 0, "no flip hit a message: nothing was tested")
        return found.verdict(
            f"{flips:,} bits: {wrong} wrong readings sent, {hurt:,} flips hit a message, "
            f"{worst} lost at most",
            bits_flipped=float(flips),
        )


def make(folder: Path) -> Sent:
    """Make a spool with messages in its file and in its log, as a killed node leaves it."""
    work = folder.with_name("work")
    work.mkdir(parents=True)
    file = work / FILES[0]
    spool = Spool(file, boot=BOOT, max_bytes=MOST_BYTES)
    fill(spool, 0)
    spool.close()
    spool = Spool(file, boot=BOOT, max_bytes=MOST_BYTES)
    fill(spool, MESSAGES // 2)
    shutil.copytree(work, folder)
    sent = sent_of(spool)
    spool.close()
    return sent


def fill(spool: Spool, first: int) -> None:
    """Add half of the messages, alarming ones among them, of one reading and of many."""
    for number in range(first, first + MESSAGES // 2):
        one = f'{{"ds":"stage","t":"2026-11-24T05:{number % 60:02d}:00Z","r":{number},"u":"m"}}'
        spool.add([one] * (1 + number % 40), alarming=number % 7 == 0)
        spool.commit()


def sent_of(spool: Spool) -> Sent:
    """Return what a node would send of that boot: what waits and passes its checks."""
    waiting = [
        id_ for alarming in (True, False)
        for id_ in spool.waiting(alarming=alarming, below=2**62, most=2 * MESSAGES)
    ]  # fmt: skip
    loaded = [spool.load(id_) for id_ in waiting]
    return {m.seq: (m.obs, m.alarming) for m in loaded if m is not None and m.boot == BOOT}


def copied(folder: Path, target: Path) -> Path:
    """Return the spool in a fresh copy of ``folder``."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(folder, target)
    return target / FILES[0]


def flip(folder: Path, dice: random.Random) -> str:
    """Flip one bit of one file; return where."""
    name = dice.choice([name for name in FILES if (folder / name).stat().st_size])
    content = bytearray((folder / name).read_bytes())
    offset, bit = dice.randrange(len(content)), dice.randrange(8)
    content[offset] ^= 1 << bit
    (folder / name).write_bytes(content)
    return f"{name}, byte {offset}, bit {bit}"


def opened(file: Path) -> Sent | str:
    """Return what a node would send from the spool, or why it does not start."""
    try:
        spool = Spool(file, boot="aaaaaaaaaaaaaaaa", max_bytes=MOST_BYTES)
        sent = sent_of(spool)
        spool.close()
    except Exception as error:  # noqa: BLE001  whatever it is, the node would not start
        return f"{type(error).__name__}: {error}"
    return sent


FLIPPED_BITS: Final = FlippedBits()
