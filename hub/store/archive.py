"""A backup's folder: files, and a manifest that proves each of them. No database knowledge.

The folder appears under its name only when all of it is on disk.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

import msgspec

from hub.errors import StoreError, StoreUnavailableError
from hub.reasons import why
from hub.store import words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
LARGEST_MANIFEST: Final = 1 << 22
CHUNK: Final = 1 << 20
PRIVATE: Final = 0o600


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One file of a backup."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup holds; ``made_us`` is the hub's clock, ``config`` the version it ran."""

    format: int
    made_us: int
    made: str
    tocsin: str
    schema: int
    log_end: int
    config: str
    name_en: str
    name_zh: str
    files: dict[str, Item]

    @property
    def bytes(self) -> int:
        """Return the size of all files."""
        return sum(item.bytes for item in self.files.values())


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Yield a folder to fill; it becomes ``target`` at the end, or goes away on an error.

    Raises:
        StoreError: there is something at ``target`` already.
        StoreUnavailableError: the disk refused.
    """
    if target.exists() or target.is_symlink():
        raise StoreError(words.EXISTS.filled(target=target))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{target.name}.partial-", dir=target.parent))
    except OSError as error:
        raise StoreUnavailableError(
            words.CANNOT_WRITE.filled(target=target, why=why(error))
        ) from error
    try:
        yield draft
        sync_tree(draft)
        draft.rename(target)
        sync(target.parent)
    except OSError as error:
        raise StoreUnavailableError(
            words.CANNOT_WRITE.filled(target=target, why=why(error))
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest last: a folder without one is no backup."""
    text = json.dumps(asdict(manifest), ensure_ascii=False, indent=1)
    (folder / MANIFEST).write_text(text, "utf-8")


def items_of(folder: Path) -> dict[str, Item]:
    """Return every file below ``folder`` by its relative name, with size and hash."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder).as_posix()): item_of(path) for path in files}


def item_of(path: Path) -> Item:
    """Return size and hash of one file."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return Item(bytes=size, sha256=digest.hexdigest())


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a backup.

    Raises:
        StoreError: there is none, or not one that this hub reads.
    """
    path = folder / MANIFEST
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_MANIFEST)
        fields = msgspec.json.decode(content)
        found = fields.get("format") if isinstance(fields, dict) else None
        if found != FORMAT:
            other = words.OTHER_FORMAT.filled(folder=folder, found=found, known=FORMAT)
            raise StoreError(other)
        return msgspec.convert(fields, Manifest)
    except (OSError, msgspec.DecodeError, msgspec.ValidationError) as error:
        none = words.NO_BACKUP.filled(folder=folder, manifest=MANIFEST, why=why(error))
        raise StoreError(none) from error


def verify(folder: Path, manifest: Manifest, told: Callable[[str], None]) -> None:
    """Compare every file with the manifest; ``told`` hears each name.

    Raises:
        StoreError: one is missing, changed, or lies outside of the folder.
    """
    for name, item in manifest.files.items():
        told(name)
        path = inside(folder, name)
        if path.is_symlink() or not path.is_file():
            raise StoreError(words.NOT_WHOLE.filled(folder=folder, name=name))
        if path.stat().st_size != item.bytes or item_of(path) != item:
            raise StoreError(words.NOT_THE_SAME.filled(folder=folder, name=name))


def inside(folder: Path, name: str) -> Path:
    """Return the file ``name`` of ``folder``.

    Raises:
        StoreError: the name leads out of it.
    """
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts or not parts.parts or "\\" in name:
        raise StoreError(words.NO_FILE_OF_BACKUP.filled(folder=folder, name=name))
    return folder.joinpath(*parts.parts)


def copy_file(source: Path, target: Path) -> None:
    """Copy one file, on disk, readable by its owner alone: it may hold people's numbers."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as read, target.open("wb") as write:
        os.fchmod(write.fileno(), PRIVATE)
        shutil.copyfileobj(read, write, CHUNK)
        write.flush()
        os.fsync(write.fileno())


def sync_tree(folder: Path) -> None:
    """Put every file and folder below ``folder`` on disk."""
    for path in (*folder.rglob("*"), folder):
        sync(path)


def sync(path: Path) -> None:
    """Put one file or folder on disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
