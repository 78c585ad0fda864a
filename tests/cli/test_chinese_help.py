"""Help and usage errors of both programs, read by somebody who reads Chinese."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

import pytest
from chinese import english_in, is_chinese

from hub.cli import main, parser
from hub.cli.helping import chosen_language, lines_of, width
from hub.words import Words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Captured = pytest.CaptureFixture[str]

USAGE = re.compile(r"^用法：.*?(?=\n\n)", re.DOTALL)


def commands(top: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield (name, parser) of every command."""
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


CHINESE = dict(commands(parser("zh")))


@pytest.mark.parametrize("name", CHINESE)
def test_the_help_of_every_command_is_chinese(name: str) -> None:
    """Headings, options and what they are for: nothing but names stays English."""
    body = USAGE.sub("", CHINESE[name].format_help())
    assert not english_in(body), body
    for action in CHINESE[name]._actions:
        assert action.help, f"{name} {action.dest}"
        assert isinstance(action.help, Words) or action.dest == "help", f"{name} {action.dest}"


def test_every_command_is_introduced() -> None:
    """The list of commands says in Chinese what each is for."""
    body = USAGE.sub("", parser("zh").format_help())
    assert not english_in(body), body
    assert all(re.search(rf"^    {name} +.*[一-鿿]", body, re.MULTILINE) for name in CHINESE)


def test_the_help_stays_english_for_others() -> None:
    """Without Chinese asked for, argparse speaks as it always did."""
    assert "\noptions:\n" in parser("en").format_help()
    assert not re.search(r"[一-鿿]", parser("en").format_help())


WRONG = {
    "mutee": "没有 'mutee'",
    "ack": "还缺少：ID",
    "ack X --reson y": "没有这些参数：--reson y",
    "incidents --limit": "参数 --limit：需要一个值",
    "incidents --limit x": "'x' 不是整数",
    "demo --port 99999": "应在 0 至 65535 之间",
    "demo --for -3": "应为正数",
    "demo --for x": "'x' 不是秒数",
    "note X ?": "",
    "open bridge floo x": "没有 'floo'",
    "watch-hub w.toml --test --acknowledge": "不能与 --test 同时使用",
    "incidents --all=1": "不带值",
}


@pytest.mark.parametrize("words", [w for w in WRONG if WRONG[w]])
def test_wrong_usage_is_told_in_chinese(words: str, capsys: Captured) -> None:
    """What argparse finds wrong is told in Chinese, on stderr, with exit 2."""
    with pytest.raises(SystemExit) as caught:
        main(["--lang", "zh", *words.split()])
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert WRONG[words] in said
    assert not english_in(said.splitlines()[-1]), said


@pytest.mark.parametrize(
    ("words", "environment", "language"),
    [
        ("check", {"LANG": "zh_CN.UTF-8"}, "zh"),
        ("check --lang en", {"LANG": "zh_CN.UTF-8"}, "en"),
        ("--lang=zh check", {}, "zh"),
        ("check --lang", {"LANG": "zh_CN"}, "zh"),
        ("check --lang fr", {}, "en"),
        ("incidents --limit 3 --lang zh", {}, "zh"),
    ],
)
def test_the_language_is_known_before_the_rest(
    words: str, environment: dict[str, str], language: str
) -> None:
    """--lang anywhere decides, else the locale, also when the rest is wrong."""
    assert chosen_language(words.split(), environment) == language


def test_chinese_lines_end_where_the_terminal_does() -> None:
    """A Chinese character takes two columns, and no line begins with a comma."""
    text = "在中心没有运行之处恢复备份，已有的数据改名保留；tocsin-edge 不受影响。"
    lines = lines_of(text, 24)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(width(line) <= 26 for line in lines)
    assert not any(line[0] in "，；。" for line in lines)


ERRORS = {
    "check": "",
    "incidents": "这里还没有运行过中心",
    "explain X": "这里还没有运行过中心",
    "open brige flood x": "没有这个名称",
    "restore nowhere --data d": "不是备份",
    "replay nothing.csv": "无法读取",
    "accept-node n brige": "不是站点",
    "mute qingxi-bridge --until 1h --reason x": "这里还没有运行过中心",
}


@pytest.mark.parametrize("words", [w for w in ERRORS if ERRORS[w]])
def test_what_is_refused_is_told_in_chinese(folder: Path, words: str, capsys: Captured) -> None:
    """Nothing that a command refuses is told in English to who asked for Chinese."""
    if words.startswith("open"):
        from hub.config import read_config  # noqa: PLC0415
        from hub.store.database import open_database  # noqa: PLC0415

        open_database(read_config(folder).hub.database).close()
    assert main(["--config", str(folder), "--lang", "zh", *words.split()]) in (1, 2)
    said = capsys.readouterr().err
    assert ERRORS[words] in said
    assert is_chinese(said.replace(str(folder.parent), "")), said


def test_warnings_of_check_are_whole_sentences(folder: Path, capsys: Captured) -> None:
    """``tocsin check`` warns of secrets that are not there without an English half."""
    assert main(["--config", str(folder), "--lang", "zh", "check"]) == 0
    warnings = [w for w in capsys.readouterr().out.splitlines() if w.startswith("注意")]
    assert warnings
    assert all(is_chinese(line) for line in warnings), warnings
