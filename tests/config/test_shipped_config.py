"""The configuration that is shipped, from which demo and tests run, is good and tells the truth."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from hub.cli.plugins import check_plugins
from hub.config import read_config
from hub.model.network import Hazard, Severity

FOLDER = Path(__file__).parents[2] / "config"
NODES = sorted((FOLDER / "nodes").glob("*.toml"))


def test_the_shipped_folder_is_valid() -> None:
    """Reader and plugins accept it whole."""
    check_plugins(read_config(FOLDER))


def test_every_site_has_a_name_behind_it() -> None:
    """Three sites, each in a cell with two people and something to send."""
    found = read_config(FOLDER)
    assert set(found.network.sites) == {"qingxi-bridge", "old-mill", "north-pumps"}
    for site in found.network.sites.values():
        cell = found.network.cells[site.cell]
        assert cell.responsible != cell.deputy
        assert cell.resources


def test_every_danger_can_page() -> None:
    """River and rooms have a level of extreme severity in the hazard they stand for."""
    streams = read_config(FOLDER).network.datastreams.values()
    extreme = {s.hazard for s in streams if any(v.severity is Severity.EXTREME for v in s.levels)}
    assert extreme >= {Hazard.FLOOD, Hazard.FIRE}


def test_all_numbers_are_fictional() -> None:
    """No shipped number can ring anywhere: all lie in the range reserved for fiction."""
    people = read_config(FOLDER).people
    numbers = [p.address("sms") or "" for p in people.persons.values()]
    assert all(re.fullmatch(r"\+155501\d{5}", number) for number in numbers)


def test_every_rule_looks_at_something_or_says_why() -> None:
    """A rule for streams that are not here must be for another naming of the property."""
    found = read_config(FOLDER)
    streams = found.network.datastreams.values()
    idle = [r.observed_property for r in found.rules if not any(map(r.matches, streams))]
    assert set(idle) <= {"river_level"}


@pytest.mark.parametrize("path", NODES, ids=lambda path: path.stem)
def test_a_shipped_node_says_what_its_site_declares(path: Path) -> None:
    """Node files and site files agree on site, node, datastreams, units and intervals."""
    node = tomllib.loads(path.read_text("utf-8"))
    network = read_config(FOLDER).network
    assert network.nodes[node["node"]] == node["site"]
    upload_s = node["send"]["upload_s"]
    said = {(s["name"], s["unit"], s["interval_s"], upload_s) for s in node["datastream"]}
    own = [s for s in network.datastreams.values() if s.node == node["node"]]
    assert said == {(s.name, s.unit, s.interval_s, s.upload_s) for s in own}
