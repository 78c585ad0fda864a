"""``tocsin tune`` on a real store: what rules would have done, and what people said of it."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hub.cli import main
from hub.clock import SystemClock
from hub.model.book import Entry
from hub.store.book import Book
from hub.store.database import transaction

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

MINUTE_US = 60_000_000
STREAM = "qx-bridge-01/stage"
RISES = (1000, 3000, 5000)  # the second one is a false alarm: somebody washed the gauge


@pytest.fixture
def history(folder: Path, connection: sqlite3.Connection) -> tuple[Path, int]:
    """Five days of minutes at the bridge with three rises, and what people said of them."""
    start_us = SystemClock().now_us() // MINUTE_US * MINUTE_US - 7200 * MINUTE_US
    chance = np.random.default_rng(20261124)
    values = 1.2 + 0.01 * chance.standard_normal(7200)
    for number, rise in enumerate(RISES):
        top = 4.75 if number == 1 else 5.6
        values[rise : rise + 60] += np.linspace(0, top - 1.2, 60)
        values[rise + 60 : rise + 120] += np.linspace(top - 1.2, 0, 60)
    with transaction(connection) as db:
        db.execute(
            "INSERT OR IGNORE INTO datastream (slot, node, name, site, unit)"
            " VALUES (0, 'qx-bridge-01', 'stage', 'qingxi-bridge', 'm')"
        )
        db.execute("INSERT INTO message VALUES (1, 'qx-bridge-01', 'aa', 1, 0, NULL, x'00')")
        db.executemany(
            'INSERT INTO observation ("offset", slot, time_us, tie, start_us, result, quality,'
            " lateness, trusted, message, pos) VALUES (?, 0, ?, 0, ?, ?, 1, 0, 1, 1, ?)",
            [(i + 1, t, t, v, i) for i, v in enumerate(values.tolist())
             for t in (start_us + i * MINUTE_US,)],
        )  # fmt: skip
        book = Book(connection)
        for number, rise in enumerate(RISES):
            at_us = start_us + (rise + 55) * MINUTE_US
            name = f"incident-{number}"
            body = {"key": f"levels:{STREAM}", "time_us": at_us}
            book.add_entry(Entry(incident=name, at_us=at_us, kind="raised", body=body))
            said = "false-alarm" if number == 1 else "resolved"
            book.add_entry(Entry(incident=name, at_us=at_us, kind=said, by="lin-wei"))
    return folder, start_us


def test_alarms_are_held_against_what_people_said(
    history: tuple[Path, int], capsys: pytest.CaptureFixture[str]
) -> None:
    """Two floods were real and one was not; a higher level would have made only the real ones."""
    folder, _ = history
    assert main(["--config", str(folder), "tune", STREAM, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (rule,) = found["rules"]
    assert found["readings"] == 7200
    assert found["pages"] == 3
    assert (rule["score"]["right"], rule["score"]["wrong"], rule["score"]["missed"]) == (2, 1, 0)
    danger = [one for one in rule["advice"] if one["score"]["wrong"] == 0]
    assert danger, rule["tried"]
    assert all(one["score"]["missed"] == 0 for one in danger)


@pytest.mark.parametrize(("lang", "word"), [("en", "missed"), ("zh", "漏报")])
def test_it_is_told_in_both_languages_and_drawn(
    history: tuple[Path, int], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    lang: str, word: str,
) -> None:  # fmt: skip
    """The table names what to change; the picture is sound SVG with a bar for each alarm."""
    folder, _ = history
    picture = tmp_path / "tune.svg"
    words = ["--config", str(folder), "--lang", lang, "tune", STREAM, "--picture", str(picture)]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert word in out
    assert "-> 0" in out
    drawn = ET.fromstring(picture.read_text("utf-8"))  # noqa: S314  our own
    assert len(drawn.findall("{http://www.w3.org/2000/svg}rect")) == 1 + 3


def test_a_span_without_history_and_an_unknown_stream_are_said(
    history: tuple[Path, int], capsys: pytest.CaptureFixture[str]
) -> None:
    """Too little history, a wrong time and a name that nearly exists: each says what to do."""
    folder, _ = history
    for words, said in (
        ([STREAM, "--to", "2020-01-01"], "too few"),
        ([STREAM, "--from", "yesterday"], "2026-05-01"),
        (["qx-bridge-01/stag"], STREAM),
        ([STREAM, "--from", "2026-05-02", "--to", "2026-05-01"], "before"),
    ):
        assert main(["--config", str(folder), "--lang", "en", "tune", *words]) == 2
        assert said in capsys.readouterr().err
