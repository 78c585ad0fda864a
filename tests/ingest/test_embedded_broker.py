"""The embedded broker: found, refused when too old, ended with the hub."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hub.ingest.broker import (
    BrokerError,
    EmbeddedBroker,
    EmbeddedSettings,
    find_program,
    reachable,
    settings_text,
)
from hub.ports import free_port

ROOT = Path(__file__).parents[2]
PARENT = """
import sys, time
from pathlib import Path
from hub.ingest.broker import EmbeddedBroker, EmbeddedSettings
broker = EmbeddedBroker(EmbeddedSettings(folder=Path(sys.argv[1]), port=int(sys.argv[2])))
broker.start()
print(broker.pid, flush=True)
time.sleep(60)
"""


def program(folder: Path, words: str) -> str:
    """Return a program that only says ``words``."""
    path = folder / "some-server"
    path.write_text(f"#!/bin/sh\necho '{words}'\n")
    path.chmod(0o755)
    return str(path)


def test_package_brings_its_own() -> None:
    """The nats-server of the package is found without any setting."""
    assert Path(find_program()).name == "nats-server"


@pytest.mark.parametrize(
    ("words", "problem"),
    [("nats-server: v2.9.10", "at least 2.10"), ("hello", "is not a nats-server")],
)
def test_wrong_program_is_refused(tmp_path: Path, words: str, problem: str) -> None:
    """A server that is too old, or something else, is refused in words."""
    with pytest.raises(BrokerError, match=problem):
        find_program(program(tmp_path, words))


def test_variable_names_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TOCSIN_NATS_SERVER outranks the package's."""
    named = program(tmp_path, "nats-server: v2.11.3")
    monkeypatch.setenv("TOCSIN_NATS_SERVER", named)
    assert find_program() == named
    monkeypatch.setenv("TOCSIN_NATS_SERVER", str(tmp_path / "missing"))
    with pytest.raises(BrokerError, match="cannot be run"):
        find_program()


def test_settings_sync_every_second(tmp_path: Path) -> None:
    """What the broker confirmed is on disk a second later at most."""
    text = settings_text(EmbeddedSettings(folder=tmp_path, username='a"b'), 1883, 4222)
    assert 'sync_interval: "1s"' in text
    assert '"127.0.0.1:1883"' in text
    assert r'user: "a\"b"' in text


def test_broker_that_cannot_start_says_why(tmp_path: Path) -> None:
    """A program that ends at once is reported with what it wrote."""
    said = program(tmp_path, "nats-server: v2.11.3 no disk today")
    broker = EmbeddedBroker(EmbeddedSettings(folder=tmp_path / "b", port=0, program=said))
    with pytest.raises(BrokerError, match="no disk today"):
        broker.start(timeout_s=1.5)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's help is Linux's")
def test_broker_ends_with_a_killed_hub(tmp_path: Path) -> None:
    """A hub that is killed leaves no broker behind, and the next one starts on the folder."""
    port = free_port()
    command = [sys.executable, "-c", PARENT, str(tmp_path), str(port)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as hub:
        assert hub.stdout
        pid = int(hub.stdout.readline())
        assert reachable("127.0.0.1", port)
        hub.send_signal(signal.SIGKILL)
    second = EmbeddedBroker(EmbeddedSettings(folder=tmp_path, port=port))
    second.start()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert second.pid not in {None, pid}
    second.stop()
