"""A real hub, a real watcher and two providers that play the phones, each a process of its own."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hub.demo.ledgers import read_jsonl
from hub.demo.processes import Program, wait_for_port
from hub.demo.scene import Scene, hub_program, provider_program, set_scene
from hub.ports import free_port

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable
    from contextlib import ExitStack

ROOT = Path(__file__).parents[2]
PATIENCE_S = 40.0
ACCOUNT = "AC" + "1" * 32
OPERATOR = "+15550100199"
RULES = """
[[rule]]
name = "silence"
detector = "stale"
node = "om-watch-01"
severity = "minor"
[rule.options]
floor_s = 3
"""
NODE = """
[[node]]
id = "om-watch-01"

[[node.datastream]]
name = "canary"
property = "canary"
unit = "1"
label_en = "Hub watcher"
label_zh = "中心值守"
interval_s = 1
"""
WATCHER = """
site = "old-mill"
node = "om-watch-01"
name_en = "Qingxi Emergency"
name_zh = "青溪应急"
folder = "{folder}"

[broker]
port = {broker}

[pace]
every_s = 1
limit_s = {limit_s}
recover_s = 1
repeat_s = {repeat_s}

[provider]
base_url = "http://127.0.0.1:{provider}"
sender = "+15550100198"
account_env = "WATCHER_ACCOUNT"
token_env = "WATCHER_TOKEN"

[[recipient]]
number = "{operator}"
language = "en"
"""


def wait_until(true: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
    """Return once ``true()``; fail saying ``what`` did not happen."""
    until = time.monotonic() + patience_s
    while not true():
        if time.monotonic() > until:
            pytest.fail(f"{what}: not within {patience_s} s")
        time.sleep(0.05)


@dataclass
class Town:
    """Everything of one test; ``hub`` and ``watcher`` are not running yet."""

    scene: Scene
    hub: Program
    watcher: Program
    folder: Path

    def pages(self) -> list[dict[str, Any]]:
        """Return what the watcher's own provider took, oldest first."""
        return [e for e in read_jsonl(self.folder / "watcher.jsonl") if e["kind"] == "sms"]

    def bodies(self) -> list[str]:
        """Return the texts of those."""
        return [page["body"] for page in self.pages()]

    def hub_pages(self) -> list[str]:
        """Return the texts that the hub sent by its own account."""
        return [e["body"] for e in read_jsonl(self.scene.provider_ledger) if e["kind"] == "sms"]

    def start_hub(self) -> None:
        """Start the hub and wait for its page."""
        self.hub.start()
        wait_for_port(self.scene.web_port, self.hub)

    def well(self) -> bool:
        """Say whether a canary went all the way since the hub's newest start."""
        return self.one("SELECT value FROM meta WHERE key = 'canary:om-watch-01'").endswith("3]")

    def one(self, sql: str) -> str:
        """Return the first value of a query of the hub's database; empty without any."""
        import sqlite3  # noqa: PLC0415  only here

        if not self.scene.database.exists():
            return ""
        connection = sqlite3.connect(f"file:{self.scene.database}?mode=ro", uri=True, timeout=10)
        try:
            row = connection.execute(sql).fetchone()
        except sqlite3.OperationalError:
            return ""
        finally:
            connection.close()
        return str(row[0]) if row else ""

    def signal_hub(self, number: signal.Signals) -> None:
        """Send ``number`` to the hub's process alone."""
        assert self.hub.process is not None
        self.hub.process.send_signal(number)


def found_town(folder: Path, stack: ExitStack, broker_port: int, **pace: float) -> Town:
    """Return a town whose broker listens on ``broker_port`` (0: the hub's own)."""
    scene = replace(set_scene(ROOT / "config", folder, rate=1, port=0), clock="")
    hub_toml = scene.config / "hub.toml"
    if broker_port:
        text = hub_toml.read_text("utf-8").replace('kind = "embedded"', 'kind = "external"')
        hub_toml.write_text(text.replace(f"port = {scene.broker_port}", f"port = {broker_port}"))
    (scene.config / "rules.toml").write_text(RULES, "utf-8")
    site = scene.config / "sites" / "old-mill.toml"
    site.write_text(site.read_text("utf-8") + NODE, "utf-8")
    own = provider_of_watcher(scene, stack)
    hub_side = provider_program(scene)
    stack.callback(hub_side.stop)
    hub_side.start()
    wait_for_port(scene.provider_port, hub_side)
    hub = hub_program(scene)
    watcher = watcher_program(scene, broker_port or scene.broker_port, own, **pace)
    for program in (hub, watcher):
        stack.callback(program.kill)
    return Town(scene=scene, hub=hub, watcher=watcher, folder=folder)


def provider_of_watcher(scene: Scene, stack: ExitStack) -> int:
    """Start the provider where the watcher has an account of its own; return its port."""
    port = free_port()
    provider = Program(
        name="watcher-provider",
        command=(
            sys.executable, "-m", "hub.demo.provider", "--port", str(port),
            "--ledger", str(scene.folder / "watcher.jsonl"),
            "--account", ACCOUNT, "--token", "own-token",
        ),
        log=scene.folder / "watcher-provider.log",
        environment={},
    )  # fmt: skip
    stack.callback(provider.stop)
    provider.start()
    wait_for_port(port, provider)
    return port


def watcher_program(
    scene: Scene, broker: int, provider: int, *, limit_s: float = 5.0, repeat_s: float = 600.0
) -> Program:
    """Return the watcher: the shipped command on a configuration of the test's pace."""
    file = scene.folder / "watcher.toml"
    folder = scene.folder / "watcher"
    file.write_text(
        WATCHER.format(folder=folder, broker=broker, provider=provider, operator=OPERATOR,
                       limit_s=limit_s, repeat_s=repeat_s),
        "utf-8",
    )  # fmt: skip
    return Program(
        name="watcher",
        command=(sys.executable, "-m", "tocsin_edge", "watch-hub", str(file)),
        log=scene.folder / "watcher.log",
        environment={"WATCHER_ACCOUNT": ACCOUNT, "WATCHER_TOKEN": "own-token", "TOCSIN_CLOCK": ""},
    )
