"""A disk of which only what was synced outlives a power cut, played from a write log.

Pages of a file that were written since its last sync are in doubt. A failed sync leaves
them in memory and takes them for written, as Linux does: they reach the disk only if they
are written again. Names (a new file, a removal, a rename) are in doubt until any sync.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ordeal.shim.writelog import WITNESS

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from ordeal.shim.writelog import Step

SECTOR: Final = 512
PAGE: Final = 4096
VARIANTS: Final = ("lost", "torn", "kept")


@dataclass(slots=True)
class File:
    """What programs see (``cached``), what the disk has, and what is between the two."""

    cached: bytearray = field(default_factory=bytearray)
    disk: bytearray = field(default_factory=bytearray)
    doubt: list[tuple[int, bytes]] = field(default_factory=list)  # (-1, b""): a truncation

    def write(self, offset: int, data: bytes) -> None:
        """Take a write."""
        lengthen(self.cached, offset)
        self.cached[offset : offset + len(data)] = data
        self.doubt.append((offset, data))

    def truncate(self, size: int) -> None:
        """Take a change of size."""
        del self.cached[size:]
        lengthen(self.cached, size)
        self.doubt.append((-1, size.to_bytes(8)))

    def sync(self) -> None:
        """Put every page in doubt on the disk, as it is now."""
        for offset, data in self.doubt:
            if offset < 0:
                self._resize(int.from_bytes(data))
                continue
            low = offset // PAGE * PAGE
            high = min(-(-(offset + len(data)) // PAGE) * PAGE, len(self.cached))
            lengthen(self.disk, low)
            self.disk[low:high] = self.cached[low:high]
        del self.disk[len(self.cached) :]
        self.doubt.clear()

    def forget(self) -> None:
        """Take what is in doubt for written although it is not."""
        self.doubt.clear()

    def torn(self, dice: random.Random) -> bytes:
        """Return the disk with some of the sectors in doubt on it."""
        found = bytearray(self.disk)
        share = dice.random()
        for offset, data in self.doubt:
            if offset < 0:
                if dice.random() < share:
                    size = int.from_bytes(data)
                    del found[size:]
                    lengthen(found, size)
                continue
            for at, part in sectors(offset, data):
                if dice.random() < share:
                    lengthen(found, at)
                    found[at : at + len(part)] = part
        return bytes(found)

    def _resize(self, size: int) -> None:
        del self.disk[size:]
        lengthen(self.disk, size)


def lengthen(content: bytearray, size: int) -> None:
    """Fill up with zeros to ``size``."""
    if len(content) < size:
        content.extend(bytes(size - len(content)))


def sectors(offset: int, data: bytes) -> Iterable[tuple[int, bytes]]:
    """Yield (offset, part) of each sector that a write touches."""
    at = 0
    while at < len(data):
        room = SECTOR - (offset + at) % SECTOR
        yield offset + at, data[at : at + room]
        at += room


class Disk:
    """All files of a folder, as far as a write log has been played; ``given`` was there before."""

    def __init__(self, given: Mapping[str, bytes] | None = None) -> None:
        self._named = {
            name: File(bytearray(data), bytearray(data)) for name, data in (given or {}).items()
        }
        self._sure = dict(self._named)

    def play(self, step: Step) -> None:
        """Take one step of the log."""
        if step.name.startswith(WITNESS):
            return
        match step.kind:
            case "W":
                self._file(step.name).write(step.offset, step.data)
            case "T":
                self._file(step.name).truncate(step.offset)
            case "S":
                if step.name in self._named:
                    self._named[step.name].sync()
                self._sure = dict(self._named)
            case "E" if step.name in self._named:
                self._named[step.name].forget()
            case "R":
                self._named[step.data.decode()] = self._named.pop(step.name)
            case "U":
                self._named.pop(step.name, None)

    @property
    def doubtful(self) -> bool:
        """Say whether a cut now would lose anything at all."""
        return self._sure != self._named or any(f.doubt for f in self._named.values())

    def cut(self, variant: str, dice: random.Random) -> dict[str, bytes]:
        """Return the files after a power cut now: all in doubt lost, some of it, or none."""
        if variant == "kept":
            return {name: bytes(file.cached) for name, file in self._named.items()}
        if variant == "lost":
            return {name: bytes(file.disk) for name, file in self._sure.items()}
        names = self._named if dice.random() < 0.5 else self._sure
        return {name: file.torn(dice) for name, file in names.items()}

    def _file(self, name: str) -> File:
        return self._named.setdefault(name, File())


def lay_out(files: Mapping[str, bytes], folder: Path) -> None:
    """Write ``files`` into ``folder``, which holds nothing else afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, data in files.items():
        (folder / name).write_bytes(data)
