"""What the node refuses and why something failed: in English and Chinese."""

from __future__ import annotations

import argparse
import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from chinese import CHINESE, english_in, is_chinese

from tocsin_edge import cli
from tocsin_edge.cli import main
from tocsin_edge.reasons import BOOK, SYSTEM, TOML

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
EDGE = ROOT / "edge/tocsin_edge"
TOLD = {"ValueError", "SensorError", "SpoolError", "LinkError"}
OURS = {  # read by the hub or by nobody
    "a receipt of 7 bytes",
    "nested too deeply",
    "names no boot",
    "names no boot of ours",
    "expected ranges, got 7",
    "7 is no message number",
    "an answer without sid",
}


def raised() -> Iterator[tuple[str, str]]:
    """Yield (where, an example) of every error whose sentence a person may read."""
    for path in sorted(EDGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                call = node.exc
                plain = call.args and isinstance(call.args[0], ast.Constant | ast.JoinedStr)
                if plain and getattr(call.func, "id", "") in TOLD:
                    yield f"{path.relative_to(ROOT)}:{call.lineno}", example(call.args[0])


def example(text: ast.expr) -> str:
    """Return what an f-string could become."""
    if isinstance(text, ast.Constant):
        return str(text.value)
    parts = text.values if isinstance(text, ast.JoinedStr) else []
    return "".join(str(p.value) if isinstance(p, ast.Constant) else "7" for p in parts)


def test_every_sentence_of_the_node_is_known_in_chinese() -> None:
    """Whoever adds a sensor, a setting or a failure writes its Chinese too."""
    found = list(raised())
    assert len(found) > 50
    unknown = [
        f"{w}: {t}" for w, t in found if t not in OURS and not CHINESE.search(BOOK.both(t).zh)
    ]
    assert not unknown, "\n".join(unknown)


COPIES = {"words.py": "hub/words.py", "helping.py": "hub/cli/helping.py"}


@pytest.mark.parametrize("name", COPIES)
def test_node_and_hub_speak_by_the_same_means(name: str) -> None:
    """The node needs nothing of the hub, so it has copies: they may not drift apart."""
    hub = (ROOT / COPIES[name]).read_text("utf-8").replace("from hub.", "from tocsin_edge.")
    assert (EDGE / name).read_text("utf-8") == hub


def test_node_and_hub_know_the_same_reasons() -> None:
    """What the system and TOML say reads alike in both programs."""
    from hub import reasons  # noqa: PLC0415  the node is tested where the hub is

    assert all(reasons.SYSTEM[number].zh == words.zh for number, words in SYSTEM.items())
    known = {words: words.zh for words in (*reasons.TOML, *reasons.OTHERS)}
    assert all(known.get(words, words.zh) == words.zh for words in TOML[:20])


GOOD = """
site = "mill"
node = "n-1"
[broker]
port = 1883
[spool]
folder = "spool"
[[datastream]]
name = "temp"
unit = "Cel"
sensor = { kind = "ds18b20", id = "28-0316a279e4ff" }
"""
BROKEN = {
    "unknown key": ("port =", "prot =", "broker.prot", "是否应为“port”"),
    "unknown table": ("[broker]", "[borker]", "borker", "是否应为“broker”"),
    "missing": ('site = "mill"', "", "site", "缺少此项"),
    "type": ("1883", '"1883"', "broker.port", "应为整数，现为“1883”"),
    "port": ("1883", "70000", "broker", "port 最大为 65535"),
    "table": ("[spool]\n", "spool = 1\n[x]\n", "", ""),
    "kind": ('"ds18b20"', '"ds18b2"', "datastream[0].sensor.kind", "是否应为“ds18b20”"),
    "no kind": ('kind = "ds18b20", ', "", "datastream[0].sensor.kind", "缺少此项"),
    "id": ("28-03", "99-03", "datastream[0].sensor", "不是 1-wire 编号"),
    "name": ('"temp"', '"a b"', "datastream[0]", "不能用作名称"),
    "interval": ('"Cel"', '"Cel"\ninterval_s = 0', "datastream[0]", "应为正数"),
    "clock": ("[spool]", '[clock]\nsource = "gps"\n[spool]', "clock.source", "不在可选值之内"),
    "toml": ("[spool]", "[spool", "", "表名后缺少 ]"),
    "spool": ('folder = "spool"', 'folder = "spool"\nmax_bytes = 1', "spool", "最小为"),
}


@pytest.mark.parametrize("case", [c for c in BROKEN if BROKEN[c][3]])
def test_a_mistake_in_a_nodes_file_is_told_in_chinese(
    tmp_path: Path, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each broken file is refused at its key path, in whole Chinese sentences, with exit 2."""
    old, new, key, words = BROKEN[case]
    assert old in GOOD
    file = tmp_path / "node.toml"
    file.write_text(GOOD.replace(old, new, 1), "utf-8")
    assert main(["--lang", "zh", "status", str(file)]) == 2
    said = capsys.readouterr().err
    assert f"tocsin-edge：{file}" in said
    assert key in said
    assert words in said
    assert is_chinese(said.replace(str(file), "")), said


def test_a_mistake_stays_english_without_chinese(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """English is what everybody else reads, and what goes into logs."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert main(["status", str(tmp_path / "no.toml")]) == 2
    assert capsys.readouterr().err == (
        f"tocsin-edge: {tmp_path / 'no.toml'}: cannot be read: no such file or folder\n"
    )


def test_the_help_of_the_node_is_chinese() -> None:
    """Headings, commands and options, in the top parser and in every command's own."""
    top = cli._parser("zh")
    below = next(a for a in top._actions if isinstance(a, argparse._SubParsersAction))
    for parser in (top, *below.choices.values()):
        body = re.sub(r"^用法：.*?(?=\n\n)", "", parser.format_help(), flags=re.DOTALL)
        assert not english_in(body), body
        assert "选项：" in body
