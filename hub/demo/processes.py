"""The demo's programs as real processes: started, killed and stopped by their own pid."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hub.errors import HubError

if TYPE_CHECKING:
    from collections.abc import Callable

STOP_S: Final = 15.0
DIE_WITH_PARENT: Final = 1  # prctl(2) PR_SET_PDEATHSIG


class DemoError(HubError):
    """A program of the demo did not come up, or went down by itself."""


@dataclass(slots=True)
class Program:
    """One command that can be started again; its output goes to ``log``."""

    name: str
    command: Sequence[str]
    log: Path
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; what it says is appended to its log."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                list(self.command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.environment},
                preexec_fn=end_with_parent(),  # noqa: PLW1509  one prctl call, no locks
            )

    @property
    def running(self) -> bool:
        """Say whether it is alive."""
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """End it with SIGKILL, at once, wherever it is."""
        if self.process is not None and self.running:
            self.process.kill()
            self.process.wait(STOP_S)

    def stop(self) -> int | None:
        """Ask it to end, insist after a while; return its exit code."""
        if self.process is None:
            return None
        if self.running:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.process.returncode

    def last_words(self, lines: int = 12) -> str:
        """Return the end of its log."""
        text = self.log.read_text("utf-8", "replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


def end_with_parent() -> Callable[[], None] | None:
    """Return what makes a child end when this process does, on Linux."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def die_too() -> None:
        prctl(DIE_WITH_PARENT, signal.SIGTERM)

    return die_too


def wait_for_port(port: int, program: Program, limit_s: float = 60.0) -> None:
    """Return when ``program`` listens on ``port``.

    Raises:
        DemoError: it ended or did not within ``limit_s`` real seconds; with its last words.
    """
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        if not program.running:
            raise DemoError(f"{program.name} ended by itself:\n{program.last_words()}")
        with socket.socket() as door:
            door.settimeout(0.5)
            if door.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise DemoError(f"{program.name} did not come up in {limit_s:.0f} s:\n{program.last_words()}")
