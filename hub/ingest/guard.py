"""Starts a program that must not outlive its parent, nor run twice on one folder.

``python -m hub.ingest.guard PARENT LOCK PROGRAM ARGUMENTS...``: ties the process to
PARENT (Linux), waits for the lock that an earlier one may still hold, and becomes
PROGRAM, which keeps the lock until it ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import signal
import sys
import time
from pathlib import Path
from typing import Final

SET_DEATH_SIGNAL: Final = 1
LOCK_WAIT_S: Final = 10.0
BUSY: Final = 75


def main(arguments: list[str]) -> int:
    """Become the program; return only if it must not or cannot be started."""
    parent, lock, *command = arguments
    die_with_parent()
    if os.getppid() != int(parent):
        return BUSY
    handle = os.open(lock, os.O_CREAT | os.O_RDWR, 0o600)
    os.set_inheritable(handle, True)  # noqa: FBT003  the standard library's own
    if not locked(handle, time.monotonic() + LOCK_WAIT_S):
        sys.stderr.write(f"{lock}: another broker still runs on this folder\n")
        return BUSY
    if Path(command[0]).is_file():
        os.execv(command[0], command)  # noqa: S606  the program this was started for
    sys.stderr.write(f"{command[0]}: no such program\n")
    return BUSY


def die_with_parent() -> None:
    """Have the kernel end this process when its parent's thread ends; Linux only."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(SET_DEATH_SIGNAL, signal.SIGTERM)


def locked(handle: int, until: float) -> bool:
    """Take the lock, waiting until then; False when another holds it still."""
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        if time.monotonic() >= until:
            return False
        time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
