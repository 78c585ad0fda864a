"""One hub per data folder and loop: a second one would page everybody twice."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from hub.errors import ConfigError
from hub.flow.words import RUNS_ALREADY, UNKNOWN_OWNER

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import TextIO


def lock_loops(folder: Path, loops: Sequence[str]) -> list[TextIO]:
    """Hold one lock file per loop until the files are closed or the process ends.

    Raises:
        ConfigError: another process runs one of ``loops`` on this folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    held: list[TextIO] = []
    for loop in loops:
        file = (folder / f"{loop}.lock").open("a+", encoding="ascii")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            owner = file.read().strip() or UNKNOWN_OWNER
            file.close()
            runs = RUNS_ALREADY.filled(owner=owner, loop=loop, folder=folder)
            raise ConfigError("hub.data", runs) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        held.append(file)
    return held
