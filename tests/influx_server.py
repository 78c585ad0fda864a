"""A real InfluxDB 2 for tests: own folder, free loopback port, stopped by its pid."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from hub.ports import free_port

NOT_PROVEN = "InfluxDB: not proven here"
VERSION = "2.7.12"
ORG = "tocsin"
BUCKET = "observations"
TOKEN = "a-token-for-tests-only"  # noqa: S105


def influxd() -> Path:
    """Return the server's binary, or skip (fail, where CI requires it) loudly."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tocsin"
    cache = Path(os.environ.get("TOCSIN_CACHE") or cache)
    candidates = (
        os.environ.get("TOCSIN_INFLUXD"),
        cache / f"influxd-{VERSION}" / "influxd",
        shutil.which("influxd"),
    )
    for path in candidates:
        if path and os.access(path, os.X_OK):
            return Path(path)
    words = f"{NOT_PROVEN} (no influxd {VERSION}: run .ci/influxd, or set TOCSIN_INFLUXD)"
    if os.environ.get("TOCSIN_REQUIRE_INFLUX") == "1":
        pytest.fail(words)
    pytest.skip(words)


class InfluxServer:
    """One influxd process over ``folder``; ``start`` may follow ``stop`` or ``kill``."""

    def __init__(self, folder: Path, binary: Path) -> None:
        self.folder = folder
        self.binary = binary
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.token_file = folder / "token"
        self.process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self.token_file.write_text(TOKEN)

    def start(self) -> None:
        """Start the server and wait until it says that it is ready."""
        with (self.folder / "influxd.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    self.binary,
                    "run",
                    f"--bolt-path={self.folder / 'i.bolt'}",
                    f"--sqlite-path={self.folder / 'i.sqlite'}",
                    f"--engine-path={self.folder / 'engine'}",
                    f"--http-bind-address=127.0.0.1:{self.port}",
                    "--reporting-disabled",
                    "--log-level=error",
                ],
                stdout=log,
                stderr=log,
                env={"HOME": str(self.folder), "PATH": os.defpath},
            )
        deadline = time.monotonic() + 60
        while not self.ready():
            alive = self.process.poll() is None
            assert alive, (self.folder / "influxd.log").read_text()[-2000:]
            assert time.monotonic() < deadline, "influxd did not become ready in 60 s"
            time.sleep(0.05)

    def ready(self) -> bool:
        """Say whether /health passes."""
        try:
            return bool(self.call("GET", "/health", token="")["status"] == "pass")
        except OSError:
            return False

    def set_up(self) -> None:
        """Make user, organisation, bucket and the operator token, as compose does."""
        self.call(
            "POST",
            "/api/v2/setup",
            {
                "username": "tocsin",
                "password": "only-for-tests",
                "org": ORG,
                "bucket": BUCKET,
                "token": TOKEN,
            },
            token="",
        )

    def make_bucket(self, name: str, forget_s: int = 0) -> None:
        """Make a bucket that forgets after ``forget_s`` seconds; 0 for never."""
        (org,) = self.call("GET", f"/api/v2/orgs?org={ORG}")["orgs"]
        rules = [{"type": "expire", "everySeconds": forget_s}] if forget_s else []
        bucket = {"orgID": org["id"], "name": name, "retentionRules": rules}
        self.call("POST", "/api/v2/buckets", bucket)

    def call(self, method: str, path: str, body: object = None, token: str = TOKEN) -> Any:  # noqa: ANN401
        """Return the JSON answer of one API call."""
        request = urllib.request.Request(  # noqa: S310
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"}
            | ({"Authorization": f"Token {token}"} if token else {}),
        )
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return json.loads(answer.read() or b"null")

    def stop(self) -> None:
        """Stop the server as its service manager would."""
        self._end("terminate")

    def kill(self) -> None:
        """Kill the server with SIGKILL."""
        self._end("kill")

    def _end(self, how: str) -> None:
        if self.process is not None:
            getattr(self.process, how)()
            self.process.wait(30)
            self.process = None
