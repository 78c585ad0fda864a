"""The parser of all commands, which helps and complains in the reader's language."""

from __future__ import annotations

import argparse
import re
import sys
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias

from hub.cli.show import width
from hub.cli.usage import ERROR, HELP, USAGE
from hub.words import EN, ZH, Words

if TYPE_CHECKING:
    from collections.abc import Iterable

    Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001  it has no other name

PIECE: Final = re.compile(r"[!-~]+|\s+|.", re.DOTALL)
HEADING: Final = re.compile(r"^([^\s:]+):$", re.MULTILINE)
NEVER_FIRST: Final = frozenset("，。、；：）？！”")


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


def lines_of(text: str, columns: int) -> list[str]:
    """Return ``text`` in lines of at most ``columns``, where a Chinese character takes two."""
    lines = [""]
    for piece in PIECE.findall(" ".join(text.split())):
        full = width(lines[-1] + piece) > columns and piece not in NEVER_FIRST
        if full and lines[-1]:
            lines.append("")
        lines[-1] += piece if lines[-1] or piece != " " else ""
    return [line.rstrip() for line in lines]
