"""A recorded event sent at speed over a real broker."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tocsin_edge.clock import time_us
from tocsin_edge.errors import ConfigError
from tocsin_edge.recording import read_rows

if TYPE_CHECKING:
    from pathlib import Path

    from edge_kit import Broker, Hub

HEAD = "time,sensor,kind,unit,value\n"
CONFIG = """
site = "river"
node = "replayed"
[broker]
port = {port}
[spool]
folder = "{folder}"
[send]
upload_s = 60
resend_s = 0.5
[[datastream]]
name = "stage"
unit = "m"
alarm_above = 1.0
sensor = {{ kind = "replay", file = "{file}", sensor = "level" }}
"""


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Two sensors, 200 instants five minutes apart; the level rises past its alarm."""
    rows = [
        row
        for n in range(200)
        for row in (
            f"2018-06-01T{n // 12:02d}:{n % 12 * 5:02d}:00Z,level,river_level,ft,{n / 50}",
            f"2018-06-01T{n // 12:02d}:{n % 12 * 5:02d}:00Z,flow,river_flow,ft3/s,{n}",
        )
    ]
    file = tmp_path / "flood.csv.gz"
    file.write_bytes(gzip.compress((HEAD + "\n".join(rows) + "\n").encode()))
    return file


def replay(tmp_path: Path, port: int, file: Path) -> subprocess.CompletedProcess[str]:
    """Run the command on ``file``."""
    config = tmp_path / "node.toml"
    config.write_text(CONFIG.format(port=port, folder=tmp_path / "spool", file=file))
    command = [sys.executable, "-m", "tocsin_edge", "replay", file, "--config", config]
    return subprocess.run(
        [*command, "--window", "8", "--silence", "5"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_every_row_arrives_in_recorded_time(
    tmp_path: Path, broker: Broker, hub: Hub, recording: Path
) -> None:
    """All rows come, metric, in order, with ``sent`` on the recording's clock; exit 0."""
    done = replay(tmp_path, broker.port, recording)
    assert done.returncode == 0, done.stderr
    account: dict[str, Any] = json.loads(done.stdout)
    assert (account["rows"], account["observations"], account["waiting"]) == (400, 400, 0)
    obs = list(hub.observations().values())
    assert len(obs) == 400
    assert {(o["ds"], o["u"]) for o in obs} == {("stage", "m"), ("flow", "m3/s")}
    assert max(o["r"] for o in obs if o["ds"] == "stage") == pytest.approx(199 / 50 * 0.3048)
    sent = [time_us(m["sent"]) for m in hub.messages]
    assert sent == sorted(sent)
    assert all(time_us(m["obs"][-1]["t"]) <= at for m, at in zip(hub.messages, sent, strict=True))
    assert not any(m["late"] for m in hub.messages)


def test_the_clock_waits_for_receipts(
    tmp_path: Path, broker: Broker, hub: Hub, recording: Path
) -> None:
    """With a silent hub not more than the window goes out, and the command gives up."""
    hub.answer = lambda _: None
    done = replay(tmp_path, broker.port, recording)
    assert done.returncode == 1
    assert "no receipt" in done.stderr
    assert len({m["seq"] for m in hub.messages}) <= 9


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("when,what\n", "first line"),
        (HEAD + "2018-06-01T00:00:00Z,a,k,furlong,1\n", "line 2.*unknown unit"),
        (HEAD + "2018-06-01T00:00:00,a,k,m,1\n", "line 2.*offset"),
        (HEAD + "2018-06-01T00:00:00Z,a,k,m,x\n", "line 2"),
        (HEAD + "2018-06-01T00:00:00Z,a,k,m\n", "line 2"),
    ],
)
def test_a_broken_recording_names_its_line(tmp_path: Path, text: str, problem: str) -> None:
    """What cannot be read is refused with file, line and reason."""
    file = tmp_path / "broken.csv"
    file.write_text(text)
    with pytest.raises(ConfigError, match=problem):
        list(read_rows(file))


@pytest.mark.parametrize(
    ("unit", "value", "metric", "result"),
    [
        ("ft", "10", "m", 3.048),
        ("ft3/s", "100", "m3/s", 2.831685),
        ("degC", "21.5", "Cel", 21.5),
        ("degF", "212", "Cel", 100.0),
        ("FNU", "0.7", "[FNU]", 0.7),
        ("uS/cm", "353", "uS/cm", 353.0),
        ("1/m", "0.00038", "1/m", 0.00038),
        ("m", "nan", "m", None),
        ("m", "", "m", None),
    ],
)
def test_units_become_metric_ucum(
    tmp_path: Path, unit: str, value: str, metric: str, result: float | None
) -> None:
    """Each recorded unit is turned into its UCUM code; no number is a null."""
    file = tmp_path / "one.csv"
    file.write_text(f"{HEAD}2018-06-01T00:00:00Z,a,k,{unit},{value}\n")
    (row,) = read_rows(file)
    assert (row.unit, row.result) == (metric, result)
