"""The configuration folder is read strictly: every mistake is named, located and mendable."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path

import pytest
from chinese import is_chinese

from hub.config import ConfigurationError, Problem, read_config
from hub.model.network import Hazard, Severity

HUB = """
[hub]
name_en = "Test"
name_zh = "测试"
data = "data"
grace_s = 300
[broker]
kind = "embedded"
[web]
port = 0
[[channel]]
name = "sms"
kind = "sms"
base_url = "http://127.0.0.1:1"
token_file = "secrets/sms"
[[channel]]
name = "terminal"
kind = "terminal"
[[mapping]]
topic = "farm/+/sensor"
kind = "flat"
site = "bridge"
node = "farm-{1}"
names = { temperature = "temp" }
units = { temp = "Cel" }
"""

SITE = """
[site]
id = "bridge"
name_en = "Bridge"
name_zh = "桥"
latitude = 0.5
longitude = 0.5
[[node]]
id = "br-01"
[[node.datastream]]
name = "stage"
property = "stage"
unit = "m"
hazard = "flood"
label_en = "Stage"
label_zh = "水位"
interval_s = 60
upload_s = 60
limits = { range_low = -1.0, range_high = 9.0, suspect_low = 0.0, suspect_high = 8.0 }
[[node.datastream.level]]
name = "watch"
severity = "moderate"
above = 3.6
datum = "gauge zero"
source = "office"
date = 2024-06-30
[[node.datastream.level]]
name = "danger"
severity = "extreme"
above = 4.5
datum = "gauge zero"
source = "office"
date = 2024-06-30
"""

CELLS = """{"type": "FeatureCollection", "features": [{"type": "Feature",
"properties": {"id": "old-town", "name_en": "Old town", "name_zh": "老城",
"responsible": "lin", "deputy": "chen", "policy": "default", "languages": ["zh"],
"resources": [{"kind": "boat", "name_en": "boat", "name_zh": "船"}]},
"geometry": {"type": "Polygon", "coordinates": [[[0,0],[1,0],[1,1],[0,1],[0,0]]]}}]}"""

PEOPLE = """
[[person]]
id = "lin"
name_en = "Lin"
name_zh = "林"
address = { sms = "+15550100001", terminal = "lin" }
[[person]]
id = "chen"
name_en = "Chen"
name_zh = "陈"
address = { sms = "+15550100002" }
[[shift]]
roster = "duty"
person = "chen"
start = "08:00"
end = "20:00"
"""

POLICIES = """
[[policy]]
name = "default"
[[policy.step]]
notify = ["responsible", "person:lin"]
by = ["sms"]
wait_s = 300
[[policy.step]]
notify = ["deputy", "on-call:duty"]
by = ["sms", "terminal"]
wait_s = 300
[[policy]]
name = "maintenance"
step = [{ notify = ["on-call:duty"], by = ["sms"], wait_s = 60 }]
[[policy]]
name = "hub"
step = [{ notify = ["on-call:duty"], by = ["sms"], wait_s = 60 }]
"""

RULES = """
[[rule]]
name = "levels"
detector = "level"
[[rule]]
name = "fast"
detector = "rate"
datastream = "stage"
severity = "severe"
options = { per_hour = 0.5 }
"""

FILES = {
    "hub.toml": HUB,
    "sites/bridge.toml": SITE,
    "cells.geojson": CELLS,
    "people.toml": PEOPLE,
    "policies.toml": POLICIES,
    "rules.toml": RULES,
}


def write(folder: Path, files: dict[str, str]) -> Path:
    """Return ``folder``, holding ``files``."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def problems_of(folder: Path, name: str, old: str, new: str) -> list[Problem]:
    """Return what is found wrong after ``old`` became ``new`` in the file ``name``."""
    assert old in FILES[name]
    files = FILES | {name: FILES[name].replace(old, new, 1)}
    with pytest.raises(ConfigurationError) as caught:
        read_config(write(folder, files))
    return list(caught.value.problems)


def test_a_good_folder_is_read_whole(tmp_path: Path) -> None:
    """What is written arrives as frozen data, with cells worked out from the map."""
    found = read_config(write(tmp_path, FILES))
    stream = found.network.datastreams["br-01", "stage"]
    assert (stream.hazard, stream.unit, stream.declared) == (Hazard.FLOOD, "m", True)
    assert [level.severity for level in stream.levels] == [Severity.MODERATE, Severity.EXTREME]
    assert stream.levels[0].date == "2024-06-30"
    assert found.network.sites["bridge"].cell == "old-town"
    assert found.network.nodes == {"br-01": "bridge"}
    assert found.network.cells["old-town"].languages == ("zh",)
    assert found.people.policies["default"].steps[1].by == ("sms", "terminal")
    assert found.people.persons["lin"].address("sms") == "+15550100001"
    assert found.hub.data == tmp_path / "data"
    assert found.influx is None
    assert found.channels[0].options["token_file"] == str(tmp_path / "secrets/sms")
    assert found.rules[1].options == {"per_hour": 0.5}
    assert found.mappings[0].units == {"temp": "Cel"}


def test_the_version_changes_with_any_file(tmp_path: Path) -> None:
    """Two folders of one content have one version, and any edit makes another."""
    first = read_config(write(tmp_path / "a", FILES)).version
    assert read_config(write(tmp_path / "b", FILES)).version == first
    edited = FILES | {"rules.toml": RULES.replace("0.5", "0.6")}
    assert read_config(write(tmp_path / "c", edited)).version != first


def test_the_rest_may_lie_elsewhere(tmp_path: Path) -> None:
    """[hub] folder lets a second hub.toml share sites, people and rules."""
    write(tmp_path, FILES)
    other = HUB.replace('data = "data"', 'data = "data"\nfolder = ".."')
    found = read_config(write(tmp_path / "compose", {"hub.toml": other}))
    assert found.hub.data == tmp_path / "compose/data"
    assert list(found.network.sites) == ["bridge"]


BROKEN = tomllib.loads(Path(__file__).with_name("broken.toml").read_text("utf-8"))
ELSEWHERE = {"out of reach": "cells.geojson"}


@pytest.mark.parametrize("case", sorted(BROKEN))
def test_a_mistake_is_named_with_file_key_and_mend(tmp_path: Path, case: str) -> None:
    """Each broken folder is refused at its file and key path, saying what was meant."""
    name, old, new, key, words, fix = BROKEN[case]
    problems = problems_of(tmp_path, name, old, new)
    file = str(tmp_path / ELSEWHERE.get(case, name))
    found = [p for p in problems if (p.file, p.key) == (file, key) and words in p.words]
    assert found, [str(p) for p in problems]
    assert fix in f"{found[0].words} {found[0].fix}"


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    """Five mistakes in five files are five problems of one reading."""
    files = FILES | {
        "hub.toml": HUB.replace("grace_s", "gracee_s"),
        "sites/bridge.toml": SITE.replace('"flood"', '"flod"'),
        "people.toml": PEOPLE.replace("+15550100002", "1"),
        "policies.toml": POLICIES.replace("person:lin", "person:lim"),
        "rules.toml": RULES.replace("severity", "severety"),
    }
    with pytest.raises(ConfigurationError) as caught:
        read_config(write(tmp_path, files))
    assert len(caught.value.problems) == 5
    assert "(and 4 more)" in str(caught.value)


def test_a_site_twice_is_named_with_both_files(tmp_path: Path) -> None:
    """Two files may not declare one site or one node."""
    with pytest.raises(ConfigurationError) as caught:
        read_config(write(tmp_path, FILES | {"sites/other.toml": SITE}))
    keys = {(Path(p.file).name, p.key) for p in caught.value.problems}
    assert {("other.toml", "site.id"), ("other.toml", "node[0].id")} <= keys
    assert all("bridge.toml" in p.fix for p in caught.value.problems)


@pytest.mark.parametrize("name", [n for n in FILES if n != "sites/bridge.toml"])
def test_a_missing_file_is_one_problem(tmp_path: Path, name: str) -> None:
    """A missing file is said once, without the flood of what it would have held."""
    write(tmp_path, FILES)
    (tmp_path / name).unlink()
    with pytest.raises(ConfigurationError) as caught:
        read_config(tmp_path)
    assert [(p.file, p.words) for p in caught.value.problems] == [
        (str(tmp_path / name), "the file is missing")
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("hub.toml", "[hub"),
        ("hub.toml", "\x00"),
        ("cells.geojson", "[]"),
        ("cells.geojson", '{"type":'),
        ("cells.geojson", "[" * 100_000),
        ("people.toml", "a = 1\na = 2"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_problem(tmp_path: Path, name: str, text: str) -> None:
    """Broken TOML and JSON are refused with the parser's own line and column."""
    with pytest.raises(ConfigurationError) as caught:
        read_config(write(tmp_path, FILES | {name: text}))
    assert [p.file for p in caught.value.problems] == [str(tmp_path / name)]
    assert "cannot be read" in caught.value.problems[0].words


def test_no_finite_number_is_ever_made_of_nan(tmp_path: Path) -> None:
    """NaN as a level, a limit or a coordinate is a problem, never a threshold."""
    for old in ("above = 4.5", "latitude = 0.5", "range_high = 9.0"):
        key = old.split(" = ")[0]
        problems = problems_of(tmp_path, "sites/bridge.toml", old, f"{key} = {math.nan}")
        assert any(p.key.endswith(key) and "finite" in p.words for p in problems)


@pytest.mark.parametrize("case", sorted(BROKEN))
def test_a_mistake_is_told_in_chinese(tmp_path: Path, case: str) -> None:
    """Each broken folder is explained in Chinese: only names and values stay as written."""
    name, old, new, *_ = BROKEN[case]
    for problem in problems_of(tmp_path, name, old, new):
        assert is_chinese(problem.mended.of("zh")), problem.told.of("zh")
        assert problem.told.of("zh").startswith(f"{problem.where}：")
