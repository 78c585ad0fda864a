"""No text of the programs exists in one language only: templates, foreign reasons, tables."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING

import pytest
from chinese import CHINESE, is_chinese

from hub.cli.words import PHRASES
from hub.reasons import BOOK, why
from hub.words import Phrasebook, Words, language_of

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*(ROOT / "hub").rglob("*.py"), *(ROOT / "edge/tocsin_edge").rglob("*.py")])
REFUSING = [p for p in SOURCES if {"detect", "dispatch"} & set(p.parts)]
LETTERS = re.compile(r"[A-Za-z]{2,}")
PLACE = re.compile(r"\{[^}]*\}")


def templates(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield (line, English, Chinese) of every ``Words(...)`` written out in a file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Words":
            texts = [a.value for a in node.args if isinstance(a, ast.Constant)]
            if len(texts) == len(node.args) == 2:
                yield node.lineno, texts[0], texts[1]


TEMPLATES = [
    pytest.param(en, zh, id=f"{p.relative_to(ROOT)}:{n}")
    for p in SOURCES
    for n, en, zh in templates(p)
]


def places(template: str) -> set[str]:
    """Return the names of the places in a template."""
    return {name for _, name, _, _ in Formatter().parse(template) if name}


def test_the_walk_finds_the_texts() -> None:
    """Several hundred texts are looked at: an empty walk would prove nothing."""
    assert len(TEMPLATES) > 300


@pytest.mark.parametrize(("english", "chinese"), TEMPLATES)
def test_every_template_says_the_same_in_both_languages(english: str, chinese: str) -> None:
    """Both sides have the same places; the Chinese is Chinese and the English has none in it."""
    assert places(chinese) <= places(english)
    assert not CHINESE.search(english)
    spoken = LETTERS.search("".join(text for text, _, _, _ in Formatter().parse(english)))
    assert is_chinese(chinese) or not spoken, chinese


@pytest.mark.parametrize(("english", "chinese"), PHRASES.values(), ids=PHRASES)
def test_every_phrase_has_two_sides(english: str, chinese: str) -> None:
    """What the commands print has the same places in both languages."""
    assert places(chinese) == places(english)
    assert CHINESE.search(chinese) or not LETTERS.search(PLACE.sub("", english))


def raised(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, an example) of every ValueError that is raised with a plain English text."""
    nodes = [n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Raise)]
    for call in (node.exc for node in nodes if isinstance(node.exc, ast.Call)):
        plain = call.args and isinstance(call.args[0], ast.Constant | ast.JoinedStr)
        if plain and getattr(call.func, "id", "") == "ValueError":
            yield call.lineno, example(call.args[0])


def example(text: ast.expr) -> str:
    """Return what an f-string could become."""
    if isinstance(text, ast.Constant):
        return str(text.value)
    parts = text.values if isinstance(text, ast.JoinedStr) else []
    return "".join(str(p.value) if isinstance(p, ast.Constant) else "7" for p in parts)


INNER = {"it does not flap", "no id in the provider's yes"}  # no person wrote what is refused


def test_what_a_plugin_refuses_is_known_in_chinese() -> None:
    """A detector or channel that refuses a setting in plain English is understood all the same."""
    unknown = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in REFUSING
        for line, text in raised(path)
        if text not in INNER and not CHINESE.search(BOOK.both(text).zh)
    ]
    assert not unknown, "\n".join(unknown)


@pytest.mark.parametrize(
    ("error", "chinese"),
    [
        (FileNotFoundError(2, "No such file or directory", "x"), "文件或目录不存在"),
        (ValueError("Invalid value (at line 3, column 5)"), "第 3 行第 5 列：值无效"),
        (ValueError("Expecting value: line 1 column 9 (char 8)"), "第 1 行第 9 列：此处应有值"),
        (ValueError("rule x: limit must be funny"), "规则 x：limit must be funny"),
    ],
)
def test_foreign_reasons_are_told_in_chinese(error: Exception, chinese: str) -> None:
    """What the system or a parser says is known by its shape; what is unknown stays as it is."""
    assert why(error).zh == chinese


def test_words_are_english_for_programs_and_chinese_for_a_reader() -> None:
    """A text is a plain English string that is filled in both languages at once."""
    inner = Words("a list", "列表")
    filled = Words("must be {what}, not {n:g}", "应为{what}，现为 {n:g}").filled(what=inner, n=2.50)
    assert filled == "must be a list, not 2.5"
    assert filled.of("zh") == "应为列表，现为 2.5"
    assert type(filled.of("en")) is str


def test_a_phrasebook_looks_into_the_places() -> None:
    """What stands in a place of a known sentence is looked up in turn."""
    book = Phrasebook((Words("argument {x}: {why}", "参数 {x}：{why}"), Words("too long", "过长")))
    assert book.both("argument --a: too long").zh == "参数 --a：过长"
    assert book.both("something else").zh == "something else"


def test_the_locale_chooses_the_language() -> None:
    """The first locale variable that is set decides; anything but Chinese is English."""
    assert language_of({"LANG": "zh_CN.UTF-8"}) == "zh"
    assert language_of({"LC_ALL": "C.UTF-8", "LANG": "zh_CN.UTF-8"}) == "en"
    assert language_of({}) == "en"
