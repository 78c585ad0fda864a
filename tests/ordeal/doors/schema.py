"""schemathesis against the console's own OpenAPI document: every operation, good and bad data."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from ordeal.doors.base import Tally
from ordeal.doors.console import Served

if TYPE_CHECKING:
    from pathlib import Path

CHECKS: Final = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_schema_conformance"
)
GENERATED: Final = re.compile(r"([\d,]+) generated")
PER_EXAMPLE_S: Final = 0.5  # real seconds that one more example of each operation takes
MOST: Final = 400
SHOWN: Final = 1500


def program() -> str | None:
    """Return the program of schemathesis beside this Python, or on the path."""
    beside = shutil.which("schemathesis", path=str(sys.executable).rpartition("/")[0])
    return beside or shutil.which("schemathesis")


def press_schema(folder: Path, seed: int, seconds: float, command: str) -> Tally:
    """Let schemathesis ask for about ``seconds`` and return what it found."""
    tally = Tally("http-schema")
    served = Served(folder / "http-schema")
    examples = max(3, min(MOST, int(seconds / PER_EXAMPLE_S)))
    try:
        done = subprocess.run(
            [
                command,
                "run",
                f"http://127.0.0.1:{served.ports[0]}/api/v1/openapi.json",
                "--exclude-path-regex",
                "/feed$",
                "--checks",
                CHECKS,
                "--mode",
                "all",
                "--max-examples",
                str(examples),
                "--seed",
                str(seed),
                "--no-color",
                "--generation-database",
                "none",
                "--continue-on-failure",
                "--request-timeout",
                "15",
            ],
            capture_output=True,
            text=True,
            cwd=folder,
            timeout=4 * seconds + 120,
            check=False,
        )
    finally:
        served.close()
    found = GENERATED.findall(done.stdout)
    tally.inputs = int(found[-1].replace(",", "")) if found else 0
    tally.outcomes["answered as the document says"] = tally.inputs
    if done.returncode != 0 or not tally.inputs:
        at = done.stdout.find("= FAILURES =")
        tally.blame((done.stdout[max(at, 0) :] + done.stderr)[:SHOWN])
    return tally
