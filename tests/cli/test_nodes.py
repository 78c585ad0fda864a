"""The commands about nodes, against the hub's own database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.cli import main
from hub.clock import SystemClock
from hub.store.database import transaction
from hub.store.log import Log
from hub.store.losses import HOUR_US, Counts, Losses

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    import pytest


def test_nodes_are_listed_with_their_state(
    folder: Path, connection: sqlite3.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    """A node's site, spool and clock error are shown, in both languages."""
    with transaction(connection) as db:
        db.execute(
            "INSERT INTO node (name, site, state, state_us, clock_s) VALUES (?, ?, ?, ?, ?)",
            ("qx-bridge-01", "qingxi-bridge", '{"online":true,"queue":7}', 0, 95.0),
        )
    assert main(["--config", str(folder), "--lang", "en", "nodes"]) == 0
    english = capsys.readouterr().out
    assert "qx-bridge-01" in english
    assert "7 waiting" in english
    assert "clock off by 95 s" in english
    assert main(["--config", str(folder), "--lang", "zh", "nodes"]) == 0
    assert "待传 7 条" in capsys.readouterr().out


def test_a_node_moves_when_a_person_says_so(
    folder: Path, connection: sqlite3.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    """accept-node moves a known node to a known site and leaves a control entry."""
    with transaction(connection) as db:
        db.execute("INSERT INTO node (name, site) VALUES ('np-room-02', 'qingxi-bridge')")
    command = ["--config", str(folder), "accept-node", "np-room-02"]
    assert main([*command, "nowhere"]) == 2
    assert "is no site" in capsys.readouterr().err
    assert main([*command, "north-pumps", "--by", "gao"]) == 0
    log = Log(connection)
    assert [node.site for node in log.nodes()] == ["north-pumps"]
    entry = log.read(0, 100).controls[-1]
    assert (entry.kind, entry.by) == ("moved", "gao")


def test_losses_are_listed(
    folder: Path, connection: sqlite3.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    """What came of each node's messages is shown in sum, and of one node hour by hour."""
    hour = SystemClock().now_us() // HOUR_US
    assert main(["--config", str(folder), "--lang", "en", "losses"]) == 0
    assert "No message came" in capsys.readouterr().out
    with transaction(connection):
        Losses(connection).add([Counts(hour=hour, node="qx-bridge-01", received=90, late=3)])
        Losses(connection).skipped([("qx-bridge-01", "b", 4, 9, hour * HOUR_US)])
    assert main(["--config", str(folder), "--lang", "zh", "losses", "--node", "qx-bridge-01"]) == 0
    heading, row = capsys.readouterr().out.splitlines()
    assert "缺失" in heading
    assert row.split()[2:6] == ["qx-bridge-01", "90", "6", "3"]
    assert main(["--config", str(folder), "losses", "--json"]) == 0
    assert '"missing":6' in capsys.readouterr().out
