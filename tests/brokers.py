"""Brokers as the tests run them: settings, programs, and where one listens."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

MOSQUITTO = """
user {user}
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/
autosave_interval 1
max_inflight_messages 500
max_queued_messages 1000000
max_queued_bytes 1073741824
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """Where a broker listens, and its process to kill."""

    kind: str
    host: str
    port: int
    pid: int | None


def mosquitto_program() -> str | None:
    """Return mosquitto's path; Debian keeps it out of a user's PATH."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
