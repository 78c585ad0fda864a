"""The drill: a hub backed up, used on, lost with its disk, restored; real node, real phones."""

from __future__ import annotations

import shutil
import sqlite3
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hub.cli import main
from hub.demo import ledgers
from hub.demo.processes import Program, wait_for_port
from hub.demo.scene import Scene, hub_program, provider_program, set_scene

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
PATIENCE_S = 40.0
RULES = """
[[rule]]
name = "silence"
detector = "stale"
node = "om-hall-01"
"""
NODE = """
site = "old-mill"
node = "om-hall-01"

[broker]
port = {port}
reconnect_min_s = 0.1
reconnect_max_s = 0.5

[spool]
folder = "{folder}"
commit_s = 0.05

[send]
upload_s = 0.2
resend_s = 0.5
resend_max_s = 2
state_s = 1

[world]
kind = "building"

[[datastream]]
name = "temp"
unit = "Cel"
interval_s = 0.1
sensor = {{ kind = "simulate", quantity = "temp", noise = 0.1 }}
"""


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """What ends everything that was started, in reverse."""
    with ExitStack() as made:
        yield made


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Ports, secrets and the shipped configuration, on the machine's own clock."""
    made = replace(set_scene(ROOT / "config", tmp_path / "town", rate=1, port=0), clock="")
    (made.config / "rules.toml").write_text(RULES, "utf-8")
    return made


def wait_until(true: Callable[[], object], what: str) -> None:
    """Return once ``true()``; fail saying ``what`` did not happen."""
    until = time.monotonic() + PATIENCE_S
    while not true():
        if time.monotonic() > until:
            pytest.fail(f"{what}: not within {PATIENCE_S} s")
        time.sleep(0.05)


def node_program(scene: Scene) -> Program:
    """Return the real node, ten readings a second."""
    file = scene.folder / "node.toml"
    spool = scene.folder / "spool"
    file.write_text(NODE.format(port=scene.broker_port, folder=spool), "utf-8")
    command = ("-m", "tocsin_edge", "run", str(file), "--ledger", str(scene.folder / "node.jsonl"))
    return Program(
        name="node", command=(sys.executable, *command), log=scene.folder / "node.log",
        environment={"TOCSIN_CLOCK": ""},
    )  # fmt: skip


def truth(scene: Scene) -> ledgers.NodeTruth:
    """Return what the node's own ledger says."""
    return ledgers.read_nodes([scene.folder / "node.jsonl"])


def receipted(scene: Scene) -> int:
    """Return how many observations got a receipt so far."""
    return truth(scene).promised


def more_receipts(scene: Scene) -> None:
    """Wait until the hub took in a good deal more."""
    before = receipted(scene)
    wait_until(lambda: receipted(scene) >= before + 20, "receipts come")


def lost(scene: Scene) -> int:
    """Return how many receipted observations the hub does not hold."""
    return ledgers.lost(truth(scene), ledgers.read_stored(scene.database))


def bodies(scene: Scene) -> list[str]:
    """Return every SMS the provider took."""
    return [e["body"] for e in ledgers.read_jsonl(scene.provider_ledger) if e["kind"] == "sms"]


def fires(scene: Scene) -> list[str]:
    """Return the SMS about the fire."""
    return [body for body in bodies(scene) if "火警" in body]


def start(scene: Scene, hub: Program) -> None:
    """Start the hub and wait for its page."""
    hub.start()
    wait_for_port(scene.web_port, hub)


def one(scene: Scene, sql: str) -> int:
    """Return a count of the hub's database."""
    connection = sqlite3.connect(f"file:{scene.database}?mode=ro", uri=True, timeout=10)
    try:
        return int(connection.execute(sql).fetchone()[0])
    finally:
        connection.close()


@pytest.mark.slow
def test_restored_from_a_backup_nothing_receipted_is_lost(
    scene: Scene, stack: ExitStack, tmp_path: Path
) -> None:
    """What nodes sent after the backup comes back, once, also of starts the backup never saw.

    A page that waited in the backup and was sent after it is found at the provider and
    not sent again; the hub's operator is told.
    """
    hub, node, provider = hub_program(scene), node_program(scene), provider_program(scene)
    whole = hub.command
    for program in (provider, hub, node):
        stack.callback(program.kill)
    provider.start()
    wait_for_port(scene.provider_port, provider)
    hub.command = (*whole, "--loops", "intake,watch,respond,store,web")  # nothing is sent yet
    start(scene, hub)
    node.start()
    more_receipts(scene)
    config = ["--config", str(scene.config)]
    assert main(["open", "old-mill", "fire", "smoke seen", "--by", "zhao-min", *config]) == 0
    assert main(["backup", str(tmp_path / "b"), *config]) == 0

    hub.stop()
    hub.command = whole
    start(scene, hub)
    wait_until(lambda: fires(scene), "the page goes out")
    more_receipts(scene)
    for _ in range(2):  # starts of the node that the backup never saw
        node.kill()
        node.start()
        more_receipts(scene)
    hub.kill()
    shutil.rmtree(scene.database.parent)

    assert main(["restore", str(tmp_path / "b"), *config]) == 0
    promised = receipted(scene)
    assert lost(scene) >= 60
    start(scene, hub)
    wait_until(lambda: lost(scene) == 0, "what was receipted is there again")
    assert receipted(scene) >= promised
    assert ledgers.read_stored(scene.database).twice == 0
    wait_until(lambda: any("恢复" in body for body in bodies(scene)), "the operator is told")
    sending = "SELECT count(*) FROM notification WHERE state IN ('pending', 'sending')"
    wait_until(lambda: one(scene, sending) == 0, "the outbox settles")
    assert len(fires(scene)) == 1

    hub.kill()
    start(scene, hub)
    more_receipts(scene)
    assert sum("恢复" in body for body in bodies(scene)) == 1
