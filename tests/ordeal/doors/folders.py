"""Configuration gone wrong: a hub's folder, a node's file, a watcher's file.

Each is read whole or refused with file and words; nothing else may come of it.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hub.config import ConfigurationError, read_config
from ordeal.doors import mutate
from ordeal.doors.base import ACCEPTED, REFUSED, Fate
from ordeal.doors.corpus import seeds_of
from tocsin_edge.config import read_config as read_node
from tocsin_edge.errors import ConfigError
from tocsin_edge.watcher.config import read_config as read_watcher

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from pathlib import Path

FILES: Final = (
    "hub.toml",
    "sites/qingxi-bridge.toml",
    "cells.geojson",
    "people.toml",
    "policies.toml",
    "rules.toml",
    "nodes/qx-bridge-01.toml",
    "watcher.toml",
)
LITERALS: Final = (
    "nan",
    "inf",
    "-1",
    "0",
    "1e400",
    "true",
    '""',
    "[]",
    "{}",
    "99999999999999999999",
    '"\\u0000"',
    "1979-05-27",
    "07:32:00",
    '"x"',
    '["x"]',
    '"../../etc/passwd"',
    "0x7fffffffffffffff",
    "-0.0",
    "'''x'''",
    '"+86138"',
)


@dataclass(frozen=True, slots=True)
class Edit:
    """The file ``name`` with this content instead of its own."""

    name: str
    content: bytes


class ConfigDoor:
    """The shipped folder with one file changed."""

    name = "config"

    def __init__(self, folder: Path, config: Path) -> None:
        self._folder = folder / self.name
        shutil.copytree(config, self._folder, ignore=shutil.ignore_patterns("compose", "mosquitto"))
        self._good = {name: (config / name).read_bytes() for name in FILES}
        self._version = read_config(self._folder).version

    def close(self) -> None:
        """Forget the folder."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def seeds(self) -> Iterator[tuple[str, object, str]]:
        """Yield the seeds: ``old`` becomes ``new`` in ``file``, or the whole file is the text."""
        for seed in seeds_of("config"):
            name, old = seed.more["file"], seed.more.get("old", "").encode()
            assert old in self._good[name], f"{seed.name}: {old!r} is not in {name}"
            content = self._good[name].replace(old, seed.data, 1) if old else seed.data
            yield f"{seed.name} ({seed.why})", Edit(name, content), seed.expect

    def hostile(self, dice: random.Random) -> Iterator[object]:
        """Yield edits without end: other values, lines lost, doubled and moved, bytes spoilt."""
        while True:
            name = dice.choice(FILES)
            content = self._good[name]
            for _ in range(dice.choice((1, 1, 2, 3))):
                content = edited(content, dice)
            yield Edit(name, content)

    def push(self, batch: list[object]) -> list[Fate]:
        """Read each, then the good folder, which must be as ever."""
        fates = [self._one(edit) for edit in batch]  # type: ignore[arg-type]
        assert read_config(self._folder).version == self._version, "the good folder reads otherwise"
        return fates

    def _one(self, edit: Edit) -> Fate:
        path = self._folder / edit.name
        path.write_bytes(edit.content)
        try:
            return self._read(edit, path)
        except Exception as error:  # noqa: BLE001  that is what is looked for
            return Fate(wrong=f"{edit.name}: {type(error).__name__}: {error}")
        finally:
            path.write_bytes(self._good[edit.name])

    def _read(self, edit: Edit, path: Path) -> Fate:
        try:
            if edit.name.startswith("nodes/"):
                read_node(path)
            elif edit.name == "watcher.toml":
                read_watcher(path)
            else:
                read_config(self._folder)
        except ConfigurationError as error:
            told = all(problem.file and problem.words for problem in error.problems)
            return Fate(outcome=REFUSED) if error.problems and told else Fate(wrong="no words")
        except ConfigError as error:
            return Fate(outcome=REFUSED) if str(error) else Fate(wrong="no words")
        return Fate(outcome=ACCEPTED)


def edited(content: bytes, dice: random.Random) -> bytes:
    """Return a file with one thing wrong."""
    lines = content.split(b"\n")
    at, kind = dice.randrange(len(lines)), dice.random()
    if kind < 0.45:
        key, equals, _ = lines[at].partition(b" = ")
        if equals:
            lines[at] = key + equals + dice.choice(LITERALS).encode()
    elif kind < 0.55:
        lines[at:at] = [lines[dice.randrange(len(lines))]]
    elif kind < 0.65:
        del lines[at]
    elif kind < 0.75:
        lines[at] = lines[at].replace(
            b'"', b'"' + dice.choice(mutate.TEXTS).encode("utf-8", "replace"), 1
        )
    else:
        return mutate.spoilt(content, [content], dice)
    return b"\n".join(lines)
