"""The oracle, asked about made-up ledgers: it sees what is lost, changed, doubled and untold."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ordeal.oracle import answer
from ordeal.programs import with_tests

TABLES = """
CREATE TABLE datastream (slot INTEGER, node TEXT, name TEXT);
CREATE TABLE message (id INTEGER PRIMARY KEY, node TEXT, boot TEXT, seq INTEGER);
CREATE TABLE observation (slot INTEGER, time_us INTEGER, result REAL, message INTEGER, pos INTEGER);
CREATE TABLE notification (id TEXT, channel TEXT, state TEXT);
INSERT INTO datastream VALUES (0, 'n1', 'stage');
"""
DAY = "2026-01-01T00:00:0"
FLOOD = "橙色洪水 演练点001"
FIRST_US = 1_767_225_600_000_000


@dataclass(slots=True)
class Night:
    """A night in which all went well, to be spoilt: one node, three values, one flood, one page."""

    folder: Path
    seen: list[float] = field(default_factory=lambda: [1.0, 2.0, 5.0])
    spooled: list[float] = field(default_factory=lambda: [1.0, 2.0, 5.0])
    receipted: list[list[int]] = field(default_factory=lambda: [[1, 3]])
    stored: list[tuple[int, float]] = field(default_factory=lambda: [(1, 1.0), (2, 2.0), (3, 5.0)])
    sms: list[tuple[str, str]] = field(
        default_factory=lambda: [
            ("a1", "橙色洪水 演练点001：水位5米"),
            ("a2", "蓝色传感器故障 仓库"),
        ]
    )
    outbox: list[tuple[str, str, str]] = field(
        default_factory=lambda: [("a1", "sms", "sent"), ("a2", "sms", "delivered")]
    )
    again: int = 0

    def ask(self) -> dict[str, Any]:
        """Write all ledgers and return what the oracle says."""
        self.write()
        return answer(self.folder)

    def write(self) -> None:
        """Write all ledgers."""
        rows = [f"{DAY}{second}+00:00,stage,stage,m,{v}" for second, v in enumerate(self.seen)]
        (self.folder / "n1.csv").write_text("\n".join(["time,sensor,kind,unit,value", *rows]))
        lines: list[dict[str, Any]] = [
            {"e": "spooled", "node": "n1", "boot": "b", "seq": n + 1, "n": 1,
             "obs": [{"ds": "stage", "t": f"{DAY}{n}Z", "r": value}]}
            for n, value in enumerate(self.spooled)
        ]  # fmt: skip
        lines.append({"e": "receipted", "node": "n1", "boot": "b", "seq": self.receipted})
        (self.folder / "n1.jsonl").write_text("\n".join(map(json.dumps, lines)) + '\n{"e":"sp')
        said = [
            {"kind": "sms", "to": "+1", "body": body, "at_s": 110.0 + n,
             "status_callback": f"http://h/twilio/status?n={note}"}
            for n, (note, body) in enumerate(self.sms)
        ]  # fmt: skip
        (self.folder / "provider.jsonl").write_text("\n".join(map(json.dumps, said)))
        self.write_store()
        danger = {"node": "n1", "datastream": "stage", "above": 4.0,
                  "place": ["Place 001", "演练点001"], "hazard": ["flood", "洪水"],
                  "level": ["ORANGE", "橙色", "RED", "红色"]}  # fmt: skip
        facts = {
            "clock": f"100000000,{FIRST_US},1",
            "ledgers": ["n1.jsonl"],
            "provider": "provider.jsonl",
            "database": "hub.db",
            "recordings": {"n1": {"stage": "n1.csv"}},
            "dangers": [danger],
            "again": self.again,
            "influx": None,
        }
        (self.folder / "facts.json").write_text(json.dumps(facts))

    def write_store(self) -> None:
        """Write what the hub holds."""
        with closing(sqlite3.connect(self.folder / "hub.db")) as store, store:
            store.executescript(TABLES)
            for number, (seq, value) in enumerate(self.stored):
                store.execute("INSERT INTO message VALUES (?, 'n1', 'b', ?)", (number, seq))
                at_us = FIRST_US + (seq - 1) * 1_000_000
                store.execute(
                    "INSERT INTO observation VALUES (0, ?, ?, ?, 0)", (at_us, value, number)
                )
            store.executemany("INSERT INTO notification VALUES (?, ?, ?)", self.outbox)


@pytest.fixture
def night(tmp_path: Path) -> Night:
    """A night in which all went well."""
    return Night(tmp_path)


def test_a_good_night_is_good(night: Night) -> None:
    """With nothing wrong it says so, and how long after the breach the page came."""
    found = night.ask()
    assert found["wrong"] == []
    assert (found["receipted"], found["stored"], found["incidents"], found["notified"]) == (
        3,
        3,
        1,
        1,
    )
    assert found["told"] == [[102.0, 8.0]] or found["told"] == [(102.0, 8.0)]


def test_it_sees_what_was_lost(night: Night) -> None:
    """A receipt without its row is a loss; one that never got a receipt is another thing."""
    night.stored = [(1, 1.0), (3, 5.0)]
    assert any("1 observations had a receipt and are gone" in line for line in night.ask()["wrong"])


def test_it_sees_what_got_no_receipt(night: Night) -> None:
    """What is neither stored nor receipted is no loss and not well either."""
    night.stored, night.receipted = [(1, 1.0), (3, 5.0)], [[1, 1], [3, 3]]
    found = night.ask()
    assert found["lost"] == 0
    assert found["wrong"] == ["1 observations have no receipt"]


def test_it_sees_what_was_changed(night: Night) -> None:
    """A value that is not as it was spooled."""
    night.stored[1] = (2, 2.5)
    assert night.ask()["changed"] == 1


def test_it_sees_what_is_there_twice(night: Night) -> None:
    """The same observation in two rows."""
    night.stored.append((2, 2.0))
    found = night.ask()
    assert found["twice"] == 1
    assert found["wrong"]


def test_it_sees_what_nobody_sent(night: Night) -> None:
    """A row that no node ever spooled."""
    night.stored.append((9, 9.0))
    assert night.ask()["changed"] == 1


def test_it_sees_what_was_sensed_and_not_spooled(night: Night) -> None:
    """The recordings say what sensors saw: once each, with that value."""
    night.spooled[1] = 2.25
    night.stored[1] = (2, 2.25)
    assert night.ask()["wrong"] == ["2 readings were not spooled exactly once as they were sensed"]


@pytest.mark.parametrize(
    "sms",
    [
        [],
        [("a1", "橙色火警 演练点001：浓烟")],  # another hazard
        [("a1", "橙色洪水 演练点002：水位5米")],  # another place
        [("a1", "黄色洪水 演练点001：水位3米")],  # a lower level
    ],
)
def test_it_sees_an_incident_that_nobody_was_told_of(
    night: Night, sms: list[tuple[str, str]]
) -> None:
    """Only a message about that hazard at that place tells of it."""
    night.sms, night.outbox = sms, [("a1", "sms", "pending")]
    found = night.ask()
    assert found["untold"] == ["n1 stage"]
    assert any("nobody was told of" in line for line in found["wrong"])


def test_a_forecast_that_was_told_before_is_early(night: Night) -> None:
    """A page of that level before the breach tells of it."""
    night.spooled = night.seen = [1.0, 2.0, 5.0]
    night.write()
    facts = json.loads((night.folder / "facts.json").read_text())
    facts["clock"] = f"130000000,{FIRST_US},1"
    (night.folder / "facts.json").write_text(json.dumps(facts))
    assert answer(night.folder)["told"] == [(132.0, -22.0)]


def test_it_sees_an_sms_that_the_hub_imagines(night: Night) -> None:
    """The hub believes it sent what no phone got."""
    night.outbox.append(("a3", "sms", "delivered"))
    assert night.ask()["imagined"] == 1


def test_it_sees_an_sms_that_the_hub_forgot(night: Night) -> None:
    """A phone got what no row of the outbox stands for."""
    night.outbox.pop()
    assert night.ask()["unknown"] == 1


@pytest.mark.parametrize(
    "second",
    [("a1", "橙色洪水 演练点001：水位5.1米"), ("a9", "橙色洪水 演练点001：水位5米（重发）")],
)
def test_it_sees_an_sms_that_came_twice(night: Night, second: tuple[str, str]) -> None:
    """By the hub's number for it or, should that be new, by its words; as many as may come pass."""
    night.sms.append(second)
    night.outbox.append(("a9", "sms", "sent"))
    night.outbox = night.outbox[: 3 if second[0] == "a9" else 2]
    assert night.ask()["wrong"] == ["1 SMS came twice, 0 might"]


def test_a_second_sms_in_a_kill_may_be(night: Night) -> None:
    """One more per kill of the hub is the price of an alarm that is not missed."""
    night.sms.append(("a1", "橙色洪水 演练点001：水位5米（重发）"))
    night.again = 1
    assert night.ask()["wrong"] == []


def test_it_is_a_process_that_knows_nothing_of_the_hub(night: Night) -> None:
    """It answers with one JSON line and exit 1 for what is wrong, and loads no hub."""
    night.stored.pop()
    night.write()
    source = (
        "import sys; from ordeal import oracle; code = oracle.main(sys.argv[1:]);"
        "assert not {n.split('.')[0] for n in sys.modules} & {'hub', 'tocsin_edge'}; sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", source, str(night.folder)],
        env=with_tests(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["lost"] == 1
