"""The command ``tocsin``: one small file per family of commands, each adding its own parsers."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hub import __version__
from hub.cli import act, backup, demo, explain, look, losses, nodes, replay, run, tune, watch_hub
from hub.cli.helping import PARSERS, chosen_language
from hub.cli.show import printable
from hub.config import ConfigurationError
from hub.errors import ConfigError, HubError
from hub.words import EN, LANGUAGES, ZH, Words

if TYPE_CHECKING:
    from collections.abc import Sequence

FAMILIES: Final = (run, look, nodes, losses, explain, act, replay, tune, backup, watch_hub, demo)
OK, FAILED, UNUSABLE = 0, 1, 2
PURPOSE: Final = Words(
    "From a reading on the wire to a person who answers.", "从一个测值，到一个接警的人。"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 is done, 1 refused or failed, 2 wrong usage or configuration.

    Errors go to stderr, one line each.
    """
    language = chosen_language(sys.argv[1:] if argv is None else argv, os.environ)
    args = parser(language).parse_args(argv)
    try:
        return int(args.run(args))
    except ConfigurationError as error:
        for problem in error.problems:
            complain(problem.told, language)
        return UNUSABLE
    except ConfigError as error:
        complain(error.told, language)
        return UNUSABLE
    except HubError as error:
        complain(error.told, language)
        return FAILED
    except KeyboardInterrupt:
        return FAILED
    except BrokenPipeError:
        sys.stderr.close()
        return FAILED


def complain(words: Words, language: str) -> None:
    """Print one line on stderr."""
    said = printable(" ".join(words.of(language).split()))
    print(f"tocsin{'：' if language == ZH else ': '}{said}", file=sys.stderr)


def parser(language: str = EN) -> argparse.ArgumentParser:
    """Return the parser of all commands, its help in ``language``."""
    top = PARSERS[language](prog="tocsin", description=PURPOSE)
    top.add_argument("--version", action="version", version=f"tocsin {__version__}")
    common(top, config=Path("config"), lang=language)
    shared = argparse.ArgumentParser(add_help=False)
    common(shared, config=argparse.SUPPRESS, lang=argparse.SUPPRESS)
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for family in FAMILIES:
        family.add(commands, shared)
    return top


def common(into: argparse.ArgumentParser, *, config: Path | str, lang: str) -> None:
    """Add what every command takes, before or after its name."""
    into.add_argument(
        "--config", type=Path, default=config, metavar="DIR",
        help=Words("configuration (./config)", "配置目录（./config）"),
    )  # fmt: skip
    into.add_argument("--lang", choices=LANGUAGES, default=lang,
                      help=Words("language of the output", "输出语言"))  # fmt: skip
