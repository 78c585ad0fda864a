"""``doctor`` and ``status`` say in words and numbers what is wrong with a node."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from chinese import english_in
from edge_kit import free_port, wait_until

from tocsin_edge.cli import main
from tocsin_edge.findings import FINDINGS

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from edge_kit import Broker, Hub, Node

CONFIG = """
site = "mill"
node = "n-1"
[broker]
port = {port}
timeout_s = 2
{broker}
[spool]
folder = "{folder}"
[[datastream]]
name = "temp"
unit = "Cel"
sensor = {{ kind = "ds18b20", id = "28-0316a279e4ff", bus = "{folder}" }}
"""


def write(tmp_path: Path, port: int, broker: str = "") -> str:
    """Write a node's file and return its path."""
    file = tmp_path / "node.toml"
    file.write_text(CONFIG.format(port=port, broker=broker, folder=tmp_path))
    return str(file)


def test_all_is_said_of_a_node_in_trouble(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No broker, an open password file, no sensor: each with a remedy, and exit 1."""
    password = tmp_path / "password"
    password.write_text("secret\n")
    password.chmod(0o644)
    broker = f'username = "n-1"\npassword_file = "{password}"'
    assert main(["doctor", write(tmp_path, free_port(), broker)]) == 1
    said = capsys.readouterr().out
    assert "✗ broker 127.0.0.1" in said
    assert f"→ chmod 600 {password}" in said
    assert "✗ temp: 1-wire sensor does not answer" in said
    assert "✓ spool" in said
    assert "secret" not in said


def test_a_healthy_node_is_said_to_be_so(
    tmp_path: Path, broker: Broker, capsys: pytest.CaptureFixture[str]
) -> None:
    """With broker, sensor and clock all marks are good and the exit is 0, in Chinese too."""
    (tmp_path / "28-0316a279e4ff").mkdir()
    frame = "72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n72 01 4b 46 7f ff 0e 10 57 t=23125\n"
    (tmp_path / "28-0316a279e4ff" / "w1_slave").write_text(frame)
    file = write(tmp_path, broker.port)
    assert main(["doctor", file, "--clock", "0,0,1", "--lang", "zh"]) == 0
    said = capsys.readouterr().out
    assert "✓ temp：23.125 Cel" in said
    assert "✗" not in said


def test_status_counts_what_waits(hub: Hub, node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    """Beside a running node, status says how many messages have no receipt."""
    hub.answer = lambda _: None
    node.start()
    wait_until(lambda: len(hub.messages) > 3, "messages arrive")
    assert main(["status", str(node.config)]) == 0
    status = json.loads(capsys.readouterr().out)
    assert status["waiting"] >= 3
    assert status["evicted"] == 0


def test_status_of_a_node_that_never_ran(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No spool is said, not made."""
    assert main(["status", write(tmp_path, 1)]) == 1
    assert "ever run" in capsys.readouterr().err


def test_every_finding_has_both_languages() -> None:
    """Words exist in every language with the same facts in them."""
    for finding, fix in FINDINGS.values():
        for words in (finding, fix):
            facts = [
                {part.split("}")[0] for part in text.split("{")[1:]} for text in (words, words.zh)
            ]
            assert facts[0] == facts[1]
            assert bool(words) == bool(words.zh)


def test_a_node_in_trouble_is_told_in_chinese(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also why something failed is told in Chinese: names and values alone stay English."""
    broker = f'username = "n-1"\npassword_file = "{tmp_path / "nothing"}"'
    assert main(["doctor", write(tmp_path, free_port(), broker), "--lang", "zh"]) == 1
    said = capsys.readouterr().out.replace(str(tmp_path), "DIR")
    assert "1-wire 传感器没有应答：文件或目录不存在" in said
    assert not english_in(said), said
