"""Help and usage in the reader's language: argparse speaks English, this tells it in Chinese.

Hub and node have this file each, for the node needs nothing of the hub.
"""

from __future__ import annotations

import argparse
import re
import sys
import unicodedata
from typing import TYPE_CHECKING, Any, Final, NoReturn

from tocsin_edge.words import EN, LANGUAGES, ZH, Phrasebook, Words, language_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PIECE: Final = re.compile(r"[!-~]+|\s+|.", re.DOTALL)
HEADING: Final = re.compile(r"^([^\s:]+):$", re.MULTILINE)
NEVER_FIRST: Final = frozenset("，。、；：）？！”")
WIDE: Final = ("W", "F")

USAGE: Final = Words("usage: ", "用法：")
ERROR: Final = Words("{prog}: error: {problem}", "{prog}：用法有误：{problem}")
CHARACTERS: Final = Words("1 to {most} characters, please", "应为 1 至 {most} 个字符")
POSITIVE: Final = Words("must be positive", "应为正数")
FROM_TO: Final = Words("must be from {low} to {high}", "应在 {low} 至 {high} 之间")

HELP: Final = Phrasebook(
    (
        CHARACTERS,
        POSITIVE,
        FROM_TO,
        Words("positional arguments", "参数"),
        Words("options", "选项"),
        Words("show this help message and exit", "显示此帮助并退出"),
        Words("show program's version number and exit", "显示版本号并退出"),
        Words("argument {name}: {problem}", "参数 {name}：{problem}"),
        Words("expected one argument", "需要一个值"),
        Words("expected at most one argument", "最多一个值"),
        Words("expected at least one argument", "至少一个值"),
        Words("expected {n} arguments", "需要 {n} 个值"),
        Words("invalid choice: {value} (choose from {names})", "没有 {value}，可选：{names}"),
        Words("unknown parser {value} (choices: {names})", "没有命令 {value}，可选：{names}"),
        Words("invalid {kind} value: {value}", "{value} 不是{kind}"),
        Words("not allowed with argument {name}", "不能与 {name} 同时使用"),
        Words("ignored explicit argument {value}", "此选项不带值，多写了 {value}"),
        Words("unrecognized arguments: {names}", "没有这些参数：{names}"),
        Words("the following arguments are required: {names}", "还缺少：{names}"),
        Words("one of the arguments {names} is required", "以下参数须选其一：{names}"),
        Words("ambiguous option: {name} could match {names}", "{name} 有歧义，可能是 {names}"),
        Words("int", "整数"),
        Words("float", "数"),
        Words("limit", "整数"),
        Words("seconds", "秒数"),
        Words("port", "端口号"),
    )
)


class ChineseHelp(argparse.HelpFormatter):
    """Help in Chinese; argparse's own words are looked up, and lines end where they are full."""

    def add_usage(
        self,
        usage: str | None,
        actions: Iterable[argparse.Action],
        groups: Any,  # noqa: ANN401  private to argparse
        prefix: str | None = None,
    ) -> None:
        """Begin with the usage."""
        super().add_usage(usage, actions, groups, USAGE.zh if prefix is None else prefix)

    def start_section(self, heading: str | None) -> None:
        """Begin a section under its heading."""
        super().start_section(HELP.both(heading).zh if heading else heading)

    def add_text(self, text: str | None) -> None:
        """Add a description."""
        super().add_text(text.zh if isinstance(text, Words) else text)

    def format_help(self) -> str:
        """Return the whole help, its headings with a colon of their own width."""
        return HEADING.sub(r"\1：", super().format_help())

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return HELP.both(action.help).zh if action.help else action.help

    def _split_lines(self, text: str, columns: int) -> list[str]:
        return lines_of(text, columns)


class ChineseParser(argparse.ArgumentParser):
    """A parser, with all parsers of its commands, whose help and errors are in Chinese."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401
        super().__init__(formatter_class=ChineseHelp, **options)

    def error(self, message: str) -> NoReturn:
        """Say how the command is used and what is wrong, and exit with 2."""
        self.print_usage(sys.stderr)
        told = ERROR.filled(prog=self.prog, problem=HELP.both(message))
        self.exit(2, f"{told.zh}\n")


PARSERS: Final[dict[str, type[argparse.ArgumentParser]]] = {
    EN: argparse.ArgumentParser,
    ZH: ChineseParser,
}


def chosen_language(argv: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return the language to speak, known before the rest is parsed: --lang, else the locale."""
    first = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    first.add_argument("--lang", choices=LANGUAGES)
    try:
        found = first.parse_known_args(argv)[0].lang
    except argparse.ArgumentError:
        found = None
    return str(found or language_of(environment))


def lines_of(text: str, columns: int) -> list[str]:
    """Return ``text`` in lines of at most ``columns``, where a Chinese character takes two."""
    lines = [""]
    for piece in PIECE.findall(" ".join(text.split())):
        full = width(lines[-1] + piece) > columns and piece not in NEVER_FIRST
        if full and lines[-1]:
            lines.append("")
        lines[-1] += piece if lines[-1] or piece != " " else ""
    return [line.rstrip() for line in lines]


def width(text: str) -> int:
    """Return how many columns ``text`` takes on a terminal."""
    return sum(2 if unicodedata.east_asian_width(c) in WIDE else 1 for c in text)
