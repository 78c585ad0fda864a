"""What is misconfigured is said with file, key path and what was probably meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from tocsin_edge.cli import main
from tocsin_edge.clock import ScaledClock, clock_from
from tocsin_edge.config import read_config
from tocsin_edge.errors import ConfigError
from tocsin_edge.readers import build_sensor

GOOD = """
site = "mill"
node = "n-1"
[spool]
folder = "spool"
[world]
kind = "pumps"
[[datastream]]
name = "sump"
unit = "m"
sensor = { kind = "simulate", quantity = "level" }
"""
SHIPPED = sorted((Path(__file__).parents[2] / "config" / "nodes").glob("*.toml"))


@pytest.mark.parametrize(
    ("old", "new", "path", "problem"),
    [
        ("folder", "foldr", "spool.foldr", "did you mean 'folder'"),
        ("[spool]", "[spol]", "spol", "did you mean 'spool'"),
        ('unit = "m"', "unit = 3", "datastream[0].unit", "expected text, got 3"),
        ('unit = "m"', "", "datastream[0].unit", "missing"),
        ('kind = "simulate"', 'kind = "simulat"', "sensor.kind", "did you mean 'simulate'"),
        ("quantity", "quantty", "datastream[0].sensor.quantty", "did you mean 'quantity'"),
        ('kind = "pumps"', 'kind = "pump"', "world.kind", "did you mean 'pumps'"),
        ('kind = "pumps"', 'kind = "pumps"\nswing_s = 0', "world", "positive"),
        ('node = "n-1"', 'node = "n/1"', ".toml", "no name"),
        ('unit = "m"', 'unit = "m"\ninterval_s = nan', "datastream[0]", "positive"),
        (
            'unit = "m"',
            'unit = "m"\nalarm_above = 1\nalarm_below = 2',
            "datastream[0]",
            "not below",
        ),
        ('folder = "spool"', 'folder = "spool"\nmax_bytes = 10', "spool", "at least"),
        ("[spool]", '[broker]\nusername = "x"\n[spool]', "broker", "password_file"),
        ("[spool]", "[broker]\nport = true\n[spool]", "broker.port", "expected a whole number"),
        ("[spool]", '[clock]\nsource = "gps"\n[spool]', "clock.source", "none of auto"),
        ("[spool]", "[spool", ".toml", "is not TOML"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, path: str, problem: str) -> None:
    """One wrong key or value: an error with its path and a hint, never a guess."""
    file = tmp_path / "node.toml"
    assert old in GOOD
    file.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        read_config(file)
    assert str(file) in caught.value.where
    assert path in caught.value.where
    assert problem in caught.value.problem


def test_the_command_exits_2_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A broken or missing file ends the command with status 2 and its reason."""
    assert main(["run", str(tmp_path / "none.toml")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("file", SHIPPED, ids=lambda f: f.stem)
def test_shipped_nodes_are_right(file: Path, tmp_path: Path) -> None:
    """Every node of the demo can be read, is named as its file, and all its sensors answer."""
    config = read_config(file)
    assert config.node == file.stem
    clock = ScaledClock(wall_start_us=0, start_us=0, rate=1.0)
    for stream in config.datastream:
        sensor = build_sensor(config, stream, folder=tmp_path, clock=clock, memory=None)
        assert all(reading.result is not None for reading in sensor.read(60_000_000))


def test_there_are_nodes_to_ship() -> None:
    """The demo has five nodes."""
    assert len(SHIPPED) == 5


@pytest.mark.parametrize("text", ["1,2", "a,b,c", "1,2,0", "1,2,-1", "1,2,nan", "1,2,inf"])
def test_a_clock_that_is_none_is_refused(text: str) -> None:
    """The shared clock is three numbers of which the last is positive."""
    with pytest.raises(ConfigError):
        clock_from(text)
