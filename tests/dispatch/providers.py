"""The demo's provider as its own process, for tests of any area: ``running_provider``."""

# ruff: noqa: ANN401  fields of any kind pass through
from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ACCOUNT = "AC" + "0" * 32
TOKEN = "demo-token"  # noqa: S105  of a provider that plays


@dataclass(frozen=True)
class ProviderProcess:
    """A running provider: where it is, and how to order and read it (blocking calls)."""

    url: str
    process: subprocess.Popen[str]

    def order(self, what: str, **details: Any) -> None:
        """Order a misbehaviour; see hub/demo/misbehaviour.py for the words."""
        self.post("/misbehave", {"what": what, **details})

    def ledger(self, kind: str = "sms") -> list[dict[str, Any]]:
        """Return the entries of ``kind`` so far, oldest first."""
        return [entry for entry in self.get("/ledger") if entry["kind"] == kind]

    def reply(self, **fields: Any) -> dict[str, Any]:
        """Send the hub an SMS from a phone."""
        return self.post("/reply", fields)

    def get(self, path: str) -> Any:
        """Return the JSON at ``path``."""
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:  # noqa: S310
            return json.load(answer)

    def post(self, path: str, body: object) -> Any:
        """Post JSON and return JSON."""
        request = urllib.request.Request(  # noqa: S310
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=15) as answer:  # noqa: S310
            return json.load(answer)


@contextmanager
def running_provider(
    ledger: Path, *, callback: str = "", token: str = TOKEN, port: int = 0
) -> Iterator[ProviderProcess]:
    """Run a provider on a free port until the block ends."""
    command = [sys.executable, "-m", "hub.demo.provider", "--port", str(port)]
    command += ["--ledger", str(ledger), "--callback", callback, "--token", token]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        try:
            yield ProviderProcess(f"http://127.0.0.1:{ready['port']}", process)
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()


def until(ready: Callable[[], Any], timeout_s: float = 10.0) -> Any:
    """Return the first true answer of ``ready``; fail after ``timeout_s``."""
    end = time.monotonic() + timeout_s
    while not (answer := ready()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return answer
