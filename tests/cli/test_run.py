"""``tocsin run`` as a process of its own, and commands beside it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hub.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.config import Configuration

ROOT = Path(__file__).parents[2]
SECRETS = {
    "TOCSIN_SMS_ACCOUNT": "AC" + "0" * 32,
    "TOCSIN_SMS_TOKEN": "token",
    "TOCSIN_WEBHOOK_SECRET": "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
}
EDITS = {
    "port = 1883": "port = 0",
    "port = 8470": "port = 0",
    "https://api.twilio.com": "http://127.0.0.1:9",
}


class Hub:
    """The hub in a process, with what it says on stderr."""

    def __init__(self, folder: Path, *words: str) -> None:
        environment = {**os.environ, **SECRETS, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "hub", "run", "--config", folder, *words],
            env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.lines: list[str] = []
        self._up = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stderr or ():
            self.lines.append(line)
            if "the hub runs" in line:
                self._up.set()
        self._up.set()

    def wait_until_up(self) -> None:
        """Wait at most 30 s until every loop is started."""
        assert self._up.wait(30)
        assert self._process.poll() is None, self.lines

    def stop(self) -> int:
        """Ask it to stop; return its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self.ended()

    def ended(self) -> int:
        """Return its exit code once it ended by itself."""
        try:
            return self._process.wait(20)
        finally:
            self._process.kill()
            self._reader.join(10)
            if self._process.stderr:
                self._process.stderr.close()


@pytest.fixture
def quiet(folder: Path) -> Path:
    """The folder with free ports, and no provider behind its SMS."""
    path = folder / "hub.toml"
    text = path.read_text("utf-8")
    for old, new in EDITS.items():
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, "utf-8")
    return folder


@pytest.fixture
def hub(quiet: Path) -> Iterator[Hub]:
    """A running hub."""
    running = Hub(quiet)
    running.wait_until_up()
    yield running
    assert running.stop() == 0, running.lines


@pytest.mark.usefixtures("hub")
def test_a_person_opens_and_another_answers(
    quiet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Commands beside a running hub open, list, acknowledge and explain one incident."""
    config = ["--config", str(quiet)]
    assert main(["open", "old-mill", "fire", "smoke seen", "--by", "amara-okoye", *config]) == 0
    capsys.readouterr()
    assert main(["incidents", "--json", *config]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["site"], found["hazard"], found["status"]) == ("old-mill", "fire", "triggered")
    assert main(["ack", found["code"], "--by", "zhao-min", *config]) == 0
    capsys.readouterr()
    assert main(["explain", found["code"], "--lang", "zh", *config]) == 0
    out = capsys.readouterr().out
    assert "已接警" in out
    assert "zhao-min" in out


def test_a_second_hub_is_refused(hub: Hub, quiet: Path) -> None:
    """Two hubs on one folder would page everybody twice: the second exits 2 and says why."""
    second = Hub(quiet)
    assert second.ended() == 2
    assert any("already runs" in line for line in second.lines)
    assert hub.lines


def test_nobody_else_on_the_machine_reads_the_book(hub: Hub, configuration: Configuration) -> None:
    """The data folder and all that the hub puts into it is its owner's alone."""
    assert hub.lines
    data = configuration.hub.data
    open_to_others = [path for path in (data, *data.rglob("*")) if path.stat().st_mode & 0o077]
    assert not [path for path in open_to_others if path.is_file()]
    assert data not in open_to_others


def test_an_unknown_loop_is_refused(quiet: Path) -> None:
    """A misspelt loop is a usage error, before anything runs."""
    hub = Hub(quiet, "--loops", "intake,wach")
    assert hub.ended() == 2
    assert any("wach" in line for line in hub.lines)


def test_an_open_door_needs_its_token(quiet: Path, tmp_path: Path) -> None:
    """--token-file names the page's token; a missing file is refused before anything runs."""
    hub = Hub(quiet, "--token-file", str(tmp_path / "nothing"))
    assert hub.ended() == 2
    assert any("nothing" in line for line in hub.lines)


def test_a_port_that_is_taken_is_one_line(quiet: Path) -> None:
    """Another program on the page's port: one line says which port and why, and nothing else."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = quiet / "hub.toml"
        settings.write_text(
            settings.read_text("utf-8")
            .replace("port = 0", f"port = {port}", 2)
            .replace(f"port = {port}", "port = 0", 1),
            "utf-8",
        )
        hub = Hub(quiet)
        assert hub.ended() == 2
    said = [line for line in hub.lines if "INFO" not in line and '"info"' not in line]
    assert [line for line in said if f"{port}: another program uses this port" in line] == said[-1:]
    assert not [line for line in said if "Warning" in line]


def test_a_hole_in_a_roster_is_told(quiet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``tocsin check`` names the first hours in which a roster that a policy calls is empty."""
    people = quiet / "people.toml"
    whole = people.read_text("utf-8")
    people.unlink()  # a link to the shipped one
    people.write_text(whole, "utf-8")
    assert main(["check", "--config", str(quiet)]) == 0
    assert "nobody is on call" not in capsys.readouterr().out
    people.write_text(
        whole.replace('start = "20:00"\nend = "08:00"', 'start = "22:00"\nend = "08:00"')
    )
    assert main(["check", "--config", str(quiet), "--lang", "zh"]) == 0
    assert "值班表 duty" in (said := capsys.readouterr().out)
    assert "无人值班" in said
