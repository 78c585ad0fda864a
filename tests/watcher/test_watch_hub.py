"""Who watches the watcher: real processes, killed, stopped and cut off; people's phones decide."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from watch_kit import PATIENCE_S, ROOT, Town, found_town, wait_until

from hub.dispatch.segments import segments
from hub.ingest.broker import EmbeddedBroker, EmbeddedSettings
from hub.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LIMIT_S = 5.0


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """What ends everything that was started, in reverse."""
    with ExitStack() as made:
        yield made


@pytest.fixture
def lone_broker(tmp_path: Path, stack: ExitStack) -> EmbeddedBroker:
    """A broker that does not end with the hub."""
    port = free_port()
    broker = EmbeddedBroker(EmbeddedSettings(folder=tmp_path / "broker", port=port))
    broker.start()
    stack.callback(broker.stop)
    return broker


def running(town: Town) -> Town:
    """Start hub and watcher, and wait until a canary went all the way."""
    town.start_hub()
    town.watcher.start()
    wait_until(town.well, "a canary goes through every loop")
    return town


def page_after(town: Town, count: int, since: float, limit_s: float) -> str:
    """Return the newest of ``count`` pages; fail unless it came in time."""
    wait_until(lambda: len(town.pages()) >= count, "the watcher pages")
    assert time.monotonic() - since <= limit_s + 4.0, "later than limit, look and a busy machine"
    return str(town.bodies()[-1])


def test_a_hub_killed_and_one_stopped_are_told(
    tmp_path: Path, stack: ExitStack, lone_broker: EmbeddedBroker
) -> None:
    """A kill -9 and a SIGSTOP each bring one page by the watcher itself, then "recovered"."""
    town = running(found_town(tmp_path / "town", stack, lone_broker.port, limit_s=LIMIT_S))
    dead_at = time.monotonic()
    town.hub.kill()
    down = page_after(town, 1, dead_at, LIMIT_S)
    assert "HUB DOWN Qingxi Emergency" in down
    assert "takes nothing in" in down
    assert segments(down) == ("gsm7", 1)
    town.start_hub()
    wait_until(lambda: len(town.pages()) >= 2, "recovery is told")
    assert "HUB RECOVERED" in town.bodies()[1]
    stopped_at = time.monotonic()
    town.signal_hub(signal.SIGSTOP)
    stack.callback(town.signal_hub, signal.SIGCONT)
    assert "takes nothing in" in page_after(town, 3, stopped_at, LIMIT_S)
    town.signal_hub(signal.SIGCONT)
    wait_until(lambda: len(town.pages()) >= 4, "recovery is told again")
    assert town.hub_pages() == []


def test_a_hub_that_takes_in_and_decides_nothing_is_told(
    tmp_path: Path, stack: ExitStack, lone_broker: EmbeddedBroker
) -> None:
    """A hub without its watch loop still gives receipts: the watcher says what hangs."""
    town = found_town(tmp_path / "town", stack, lone_broker.port, limit_s=LIMIT_S)
    town.hub.command = (*town.hub.command, "--loops", "intake,respond,deliver,store,web")
    town.start_hub()
    town.watcher.start()
    wait_until(town.pages, "the watcher pages")
    assert "no decisions get out" in town.bodies()[0]


def test_a_broker_that_is_gone_is_told(
    tmp_path: Path, stack: ExitStack, lone_broker: EmbeddedBroker
) -> None:
    """Without its broker a hub hears nobody: the watcher says that it is the broker."""
    town = running(found_town(tmp_path / "town", stack, lone_broker.port, limit_s=LIMIT_S))
    gone_at = time.monotonic()
    lone_broker.stop()
    assert "broker cannot be reached" in page_after(town, 1, gone_at, LIMIT_S)


def test_a_restart_within_the_grace_pages_nobody(tmp_path: Path, stack: ExitStack) -> None:
    """A hub restarted with its own broker, cleanly and by kill -9, is nobody's night call."""
    town = running(found_town(tmp_path / "town", stack, 0, limit_s=20.0))
    for end in (town.hub.stop, town.hub.kill):
        end()
        town.start_hub()
        before = town.one("SELECT count(*) FROM message")
        wait_until(
            lambda before=before: int(town.one("SELECT count(*) FROM message")) > int(before) + 3,
            "canaries flow again",
        )
    assert town.pages() == []


def test_a_silent_watcher_is_the_hubs_own_trouble(tmp_path: Path, stack: ExitStack) -> None:
    """Killed, the watcher is told of by the hub's policy "hub", and again when it is back."""
    town = running(found_town(tmp_path / "town", stack, 0))
    town.watcher.kill()
    wait_until(town.hub_pages, "the hub pages its operator")
    (text,) = town.hub_pages()
    assert "中心值守节点" in text
    hub_incident = "SELECT count(*) FROM incident WHERE hazard = 'hub' AND severity = 'severe'"
    assert town.one(hub_incident) == "1"
    town.watcher.start()
    wait_until(
        lambda: town.one(f"{hub_incident} AND status = 'resolved'") == "1",
        "the watcher's return ends it",
    )
    assert town.pages() == []


def test_it_repeats_until_somebody_says_so(tmp_path: Path, stack: ExitStack) -> None:
    """A page is repeated until SIGUSR1 or --acknowledge, also by a watcher that was restarted."""
    town = found_town(tmp_path / "town", stack, 0, limit_s=2.0, repeat_s=1.5)
    town.watcher.start()
    wait_until(lambda: len(town.pages()) >= 2, "the page is repeated")
    assert "HUB STILL DOWN" in town.bodies()[1]
    town.watcher.kill()
    log = town.scene.folder / "watcher.log"
    town.watcher.start()
    wait_until(lambda: log.read_text("utf-8").count("watching") == 2, "a new watcher is up")
    count = len(town.pages())
    wait_until(lambda: len(town.pages()) > count, "it goes on")
    assert not any("RECOVERED" in body for body in town.bodies())
    assert sum("HUB DOWN" in body for body in town.bodies()) == 1
    assert town.watcher.process is not None
    os.kill(town.watcher.process.pid, signal.SIGUSR1)
    wait_until(lambda: "acknowledged" in log.read_text("utf-8"), "the signal is taken")
    town.watcher.kill()
    count = len(town.pages())
    town.watcher.start()
    time.sleep(3.5)  # two repeats would have gone out
    assert len(town.pages()) == count


def test_the_hubs_command_runs_the_same_watcher(tmp_path: Path, stack: ExitStack) -> None:
    """``tocsin watch-hub FILE --test`` calls everybody once, as a drill."""
    town = found_town(tmp_path / "town", stack, 0)
    command = [sys.executable, "-m", "hub", "watch-hub", town.watcher.command[-1], "--test"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **town.watcher.environment}, timeout=PATIENCE_S,
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (text,) = town.bodies()
    assert text.startswith("DRILL")
