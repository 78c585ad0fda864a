"""The node's doors: what arrives on its receipt topic, and a spool file that went bad.

A message of a start that nobody names must go on waiting, whatever arrives; and after the
worst file nothing is ever sent that was not spooled.
"""

from __future__ import annotations

import logging
import shutil
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ordeal.doors import mutate
from ordeal.doors.base import ACCEPTED, QUARANTINED, REFUSED, Fate
from ordeal.doors.corpus import Seed, seeds_of
from ordeal.doors.intake import Errors
from tocsin_edge.clock import SystemClock, Timekeeper
from tocsin_edge.config import NodeConfig, SpoolSettings
from tocsin_edge.errors import SpoolError
from tocsin_edge.exchange import Exchange
from tocsin_edge.ledger import Ledger
from tocsin_edge.link import Arrived, Connected, Link
from tocsin_edge.sender import Sender
from tocsin_edge.spool import Spool

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from pathlib import Path

BOOT: Final = "7f3a9c21d4e85b06"
WITNESS: Final = "ffffffffffffffff"
OBS: Final = '{{"ds":"stage","t":"2026-11-18T15:06:40Z","r":{n},"u":"m"}}'
LEAST: Final = 50
SPOOLED: Final = 200


class ReceiptDoor:
    """Payloads on the receipt topic of a node with a real spool, sender and exchange."""

    name = "receipt"

    def __init__(self, folder: Path) -> None:
        self._folder = folder / self.name
        self._folder.mkdir(parents=True)
        self._errors = Errors()
        logging.getLogger("tocsin_edge").setLevel(logging.CRITICAL)  # it tells of each bad receipt
        self.spool = Spool(self._folder / "spool.db", boot=BOOT, max_bytes=10_000_000)
        self.spool.add(['{"r":1}'], boot=self._strange_boot())
        config = NodeConfig(
            site="s", node="n", spool=SpoolSettings(folder=self._folder), datastream=()
        )
        self._exchange = Exchange(
            config,
            spool=self.spool,
            sender=Sender(self.spool, config.send),
            link=Link(config, lambda: None),
            ledger=Ledger(None, node="n", boot=BOOT),
            keeper=Timekeeper(SystemClock(), "ntp"),
        )
        self._exchange.hear([Connected()])
        self._now = 0.0

    def _strange_boot(self) -> str:
        """Make a start that no receipt will name."""
        self.spool._run("INSERT OR IGNORE INTO boot VALUES (?, 1)", WITNESS)
        return WITNESS

    def close(self) -> None:
        """Let go of the spool."""
        self.spool.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def seeds(self) -> Iterator[tuple[str, object, str]]:
        """Yield the seeds."""
        for seed in seeds_of("receipt"):
            yield f"{seed.name} ({seed.why})", seed.data, seed.expect

    def hostile(self, dice: random.Random) -> Iterator[object]:
        """Yield receipts that are nearly right, without end."""
        known = [seed.data for seed in seeds_of("receipt") if len(seed.data) < 5000]
        while True:
            low = dice.randrange(100)
            body: dict[str, object] = {
                "boot": BOOT,
                "got": [[low, low + 3]],
                "refused": [[low + 5, "x"]],
                "want": [[0, 9]],
            }
            for _ in range(dice.choice((0, 1, 1, 2))):
                key = dice.choice([*body, "canary"])
                kind = dice.random()
                if kind < 0.5:
                    body[key] = mutate.value(dice)
                else:
                    pair = [
                        mutate.value(dice) if dice.random() < 0.5 else dice.randrange(2**63)
                        for _ in range(2)
                    ]
                    body[key] = [pair[: dice.choice((1, 2, 2))]] * dice.choice((1, 3))
            text = mutate.written(body, dice).encode("utf-8", "surrogatepass")
            yield mutate.spoilt(text, known, dice) if dice.random() < 0.3 else text

    def push(self, batch: list[object]) -> list[Fate]:
        """Let the node hear a batch, then a good receipt, and send on."""
        fates = [self._hear(payload) for payload in batch]  # type: ignore[arg-type]
        sent = self.spool.add([OBS.format(n=7)])
        self.spool.commit()
        good = f'{{"boot":"{BOOT}","got":[[{sent.seq},{sent.seq}]]}}'.encode()
        before = self._exchange.receipted
        self._exchange.hear([Arrived(good)])
        self.spool.commit()
        assert self._exchange.receipted == before + 1, "a good receipt was not taken"
        (waits,) = self.spool._all(
            "SELECT count(*) FROM message WHERE boot = ? AND status = 0", WITNESS
        )[0]
        assert waits == 1, "a message nobody named was settled"
        self._now += 1000.0
        self._exchange.send(self._now)
        self.spool.commit()
        if self.spool.used_bytes() > 5_000_000:
            self.spool._run("DELETE FROM message WHERE status <> 0")
            self.spool.rollback()
        return fates

    def _hear(self, payload: bytes) -> Fate:
        self.spool.add([OBS.format(n=1)])
        before = self._count()
        try:
            self._exchange.hear([Arrived(payload)])
            self.spool.commit()
        except Exception as error:  # noqa: BLE001  that is what is looked for
            return Fate(wrong=f"{type(error).__name__}: {error}")
        return Fate(outcome=ACCEPTED if self._count() != before else REFUSED)

    def _count(self) -> tuple[int, ...]:
        return tuple(
            n
            for row in self.spool._all("SELECT status, count(*) FROM message GROUP BY 1")
            for n in row
        )


@dataclass(frozen=True, slots=True)
class Damage:
    """What happens to the file of a spool: bits flipped, bytes cut, zeroed or swapped in."""

    kind: str
    at: float
    length: int = 1
    bit: int = 0


class SpoolDoor:
    """A damaged spool is opened again: it starts, and nothing is sent that was not spooled."""

    name = "spool"

    def __init__(self, folder: Path) -> None:
        self._folder = folder / self.name
        self._folder.mkdir(parents=True)
        logging.getLogger("tocsin_edge").setLevel(logging.CRITICAL)
        self._file = self._folder / "spool.db"
        spool = Spool(self._file, boot=BOOT, max_bytes=10_000_000)
        self._true = {spool.add([OBS.format(n=n)], alarming=n % 9 == 0).obs for n in range(SPOOLED)}
        spool.commit()
        spool._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        spool.close()
        self._whole = self._file.read_bytes()

    def close(self) -> None:
        """Forget the files."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def seeds(self) -> Iterator[tuple[str, object, str]]:
        """Yield the seeds: a kind of damage at a place of the file."""
        for seed in seeds_of("spool"):
            yield f"{seed.name} ({seed.why})", Damage(**seed.more), seed.expect

    def hostile(self, dice: random.Random) -> Iterator[object]:
        """Yield damages without end."""
        kinds = ("flip", "flip", "flip", "cut", "zero", "noise")
        while True:
            yield Damage(
                dice.choice(kinds), dice.random(), dice.choice((1, 4, 512, 4096)), dice.randrange(8)
            )

    def push(self, batch: list[object]) -> list[Fate]:
        """Damage, open, read, write and close, once for each."""
        return [self._one(damage) for damage in batch]  # type: ignore[arg-type]

    def _one(self, damage: Damage) -> Fate:
        for path in self._folder.iterdir():
            path.unlink()
        self._file.write_bytes(damaged(self._whole, damage))
        try:
            return self._opened()
        except SpoolError:
            return Fate(outcome=REFUSED)
        except Exception as error:  # noqa: BLE001  that is what is looked for
            return Fate(wrong=f"{type(error).__name__}: {error}")

    def _opened(self) -> Fate:
        spool = Spool(self._file, boot="0123456789abcdef", max_bytes=10_000_000)
        try:
            loaded = [m.obs for row in range(1, SPOOLED + 1) if (m := spool.load(row)) is not None]
            spool.add([OBS.format(n=1)])
            spool.commit()
        finally:
            spool.close()
        lies = [obs for obs in loaded if obs not in self._true]
        if lies:
            return Fate(wrong=f"would send {lies[0]!r:.100}")
        return Fate(outcome=ACCEPTED if len(loaded) == SPOOLED else QUARANTINED)


def damaged(whole: bytes, damage: Damage) -> bytes:
    """Return the file as it is after ``damage``."""
    at = min(int(damage.at * len(whole)), len(whole) - 1)
    if damage.kind == "cut":
        return whole[:at]
    part = bytearray(whole)
    end = min(at + damage.length, len(whole))
    if damage.kind == "flip":
        part[at] ^= 1 << damage.bit
    elif damage.kind == "zero":
        part[at:end] = bytes(end - at)
    else:
        part[at:end] = bytes((7 * n + damage.bit * 31) % 256 for n in range(end - at))
    return bytes(part)


def unreadable(path: Path) -> bool:
    """Say whether SQLite itself finds the file broken."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute("PRAGMA integrity_check").fetchone() != ("ok",)
    except sqlite3.DatabaseError:
        return True
    finally:
        connection.close()


def shown(seed: Seed) -> str:
    """Return a seed's name and reason."""
    return f"{seed.name} ({seed.why})"
