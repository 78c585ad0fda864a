"""A real InfluxDB 2 for the demo and for tests, where there is one: started, set up, stopped."""

from __future__ import annotations

import csv
import io
import json
import os
import secrets
import shutil
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Final

from hub.config.settings import InfluxSettings
from hub.demo.processes import DemoError, Program, wait_for_port
from hub.ports import free_port
from hub.store.influx import InfluxStore

if TYPE_CHECKING:
    from pathlib import Path

VARIABLE: Final = "TOCSIN_INFLUXD"
ORG: Final = "tocsin"
BUCKET: Final = "observations"
COUNT: Final = """
from(bucket: bucket) |> range(start: 1970-01-01T00:00:00Z, stop: 2200-01-01T00:00:00Z)
  |> filter(fn: (r) => r._field == "quality") |> group() |> count()
"""
READY_S: Final = 60.0


def find_influxd() -> str | None:
    """Return an influxd to run, from TOCSIN_INFLUXD or PATH; None where there is none."""
    return os.environ.get(VARIABLE) or shutil.which("influxd")


class Influx:
    """One server with a bucket and a token of its own, in ``folder``."""

    def __init__(self, program: str, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.token = secrets.token_urlsafe(32)
        self.token_file = folder / "token"
        self.server = Program(
            name="influxd",
            command=(
                program, "run", "--bolt-path", str(folder / "i.bolt"),
                "--sqlite-path", str(folder / "i.sqlite"), "--engine-path", str(folder / "engine"),
                "--http-bind-address", f"127.0.0.1:{self.port}", "--reporting-disabled",
                "--log-level", "error",
            ),
            log=folder / "influxd.log",
            environment={},
        )  # fmt: skip

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self.server.start()
        wait_for_port(self.port, self.server)
        until = time.monotonic() + READY_S
        while time.monotonic() < until:
            if self._answers():
                return
            time.sleep(0.1)
        raise DemoError("InfluxDB does not become ready")

    def set_up(self) -> None:
        """Make organisation, bucket and token; once per folder."""
        body = {"username": "tocsin", "password": secrets.token_urlsafe(16), "org": ORG,
                "bucket": BUCKET, "token": self.token}  # fmt: skip
        self._call("/api/v2/setup", body)
        self.token_file.touch(mode=0o600)
        self.token_file.write_text(self.token, "utf-8")

    @property
    def table(self) -> dict[str, str]:
        """Return the configuration's table of this server."""
        return {"url": self.url, "org": ORG, "bucket": BUCKET, "token_file": str(self.token_file)}

    @property
    def settings(self) -> InfluxSettings:
        """Return how the hub's own client gets in."""
        return InfluxSettings(
            url=self.url, org=ORG, bucket=BUCKET, token_file=self.token_file, timeout_s=60.0
        )

    def points(self) -> int:
        """Return how many observations can be read back."""
        store = InfluxStore(self.settings)
        try:
            answer = store.query(COUNT, {}).decode()
        finally:
            store.close()
        rows = list(csv.DictReader(io.StringIO(answer)))
        return int(rows[0]["_value"]) if rows else 0

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _call(self, path: str, body: dict[str, str]) -> None:
        request = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=30):
                return
        except (urllib.error.URLError, OSError) as error:
            raise DemoError(f"InfluxDB cannot be set up: {error}") from error
