"""``tocsin replay FILE``: a recording through the hub's own code, told in both languages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from hub.cli import main

if TYPE_CHECKING:
    from pathlib import Path

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """The river rises through watch, warning and danger, two centimetres a minute."""
    lines = ["time,sensor,kind,unit,value"]
    for minute in range(80):
        hour, rest = divmod(minute, 60)
        stage = 3.0 + 0.02 * minute
        at = f"2026-06-01T{hour:02}:{rest:02}:00+00:00"
        lines.append(f"{at},qx-bridge-01/stage,stage,m,{stage:.2f}")
    path = tmp_path / "rise.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def test_a_recorded_rise_is_told_in_both_languages(
    folder: Path, recording: Path, capsys: Captured
) -> None:
    """When each level would have been passed, the incident, and the page's text."""
    assert main(["replay", str(recording), "--config", str(folder), "--lang", "zh"]) == 0
    out = capsys.readouterr().out
    assert "状况变化" in out
    assert "2026-06-01 09:15:00 +08:00  加重" in out
    assert "红色" in out
    assert "silence" not in out


def test_a_replay_as_data(folder: Path, recording: Path, capsys: Captured) -> None:
    """--json: raised once, worsened twice, one incident, and at least one page."""
    assert main(["replay", str(recording), "--config", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [step["change"] for step in found["transitions"]] == ["raised", "worsened", "worsened"]
    assert [step["severity"] for step in found["transitions"]] == ["moderate", "severe", "extreme"]
    assert len(found["incidents"]) == 1
    assert found["pages"]


def test_a_replay_leaves_no_data(folder: Path, recording: Path, capsys: Captured) -> None:
    """The hub's own data folder is not even made."""
    assert main(["replay", str(recording), "--config", str(folder)]) == 0
    assert capsys.readouterr().err == ""
    assert not (folder.parent / "data").exists()


def test_a_bad_recording_is_named_by_line(folder: Path, recording: Path, capsys: Captured) -> None:
    """One line on stderr with file and line, exit 2."""
    recording.write_text(recording.read_text("utf-8") + "yesterday,a,b,c,1\n", "utf-8")
    assert main(["replay", str(recording), "--config", str(folder)]) == 2
    assert "rise.csv: line 82" in capsys.readouterr().err
