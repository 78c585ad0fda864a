"""The preloaded file, compiled once per folder by the machine's own C compiler."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).with_name("shim.c")
NO_COMPILER: Final = "no C compiler (cc) here: the faults below the hub cannot be injected"
NOT_LINUX: Final = "the shim is for Linux: faults below the hub cannot be injected"


def unable() -> str:
    """Return why nothing can be preloaded here, empty if it can."""
    if sys.platform != "linux":
        return NOT_LINUX
    return "" if compiler() else NO_COMPILER


def compiler() -> str | None:
    """Return the C compiler's path."""
    return shutil.which("cc") or shutil.which("gcc")


def build(folder: Path) -> Path:
    """Compile the shim into ``folder`` and return it.

    Raises:
        OSError: there is no compiler, or it refused.
    """
    target = folder / "shim.so"
    if target.exists():
        return target
    found = compiler()
    if found is None:
        raise OSError(NO_COMPILER)
    folder.mkdir(parents=True, exist_ok=True)
    command = [found, "-O2", "-Wall", "-shared", "-fPIC", "-o", str(target), str(SOURCE)]
    done = subprocess.run(
        [*command, "-ldl", "-lpthread"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise OSError(f"the shim cannot be compiled: {done.stderr[-2000:]}")
    return target


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What the shim is to do to the files of ``under``; see the head of shim.c."""

    under: Path
    names: tuple[str, ...] = ()
    kill_at: int = 0
    tear: bool = False
    full: Path | None = None
    full_at: int = 0
    eio: Path | None = None
    eio_at: int = 0
    eio_once: bool = False
    kill_after: int = 0
    record: Path | None = None

    def environment(self, shim: Path) -> dict[str, str]:
        """Return what a process is started with."""
        found = {"LD_PRELOAD": str(shim)}
        for field in fields(self):
            value = getattr(self, field.name)
            if value:
                found[f"SHIM_{field.name.upper()}"] = words_of(value)
        return found


def words_of(value: object) -> str:
    """Return an order as the shim reads it."""
    if isinstance(value, Path):
        return str(value.resolve())
    if isinstance(value, tuple):
        return ",".join(value)
    return str(int(value))  # type: ignore[call-overload]


def python_path(*first: Path) -> str:
    """Return where a process of ours finds the tests' packages, after ``first``."""
    root = Path(__file__).parents[3]
    given = os.environ.get("PYTHONPATH")
    places = [*first, root / "tests", root, root / "edge"]
    return os.pathsep.join([*map(str, places), *filter(None, [given])])
