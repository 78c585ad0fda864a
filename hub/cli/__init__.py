"""The command ``tocsin``: one small file per family of commands, each adding its own parsers."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hub import __version__
from hub.cli import act, backup, demo, explain, look, losses, nodes, replay, run, watch_hub
from hub.config import ConfigurationError
from hub.errors import ConfigError, HubError

if TYPE_CHECKING:
    from collections.abc import Sequence

FAMILIES: Final = (run, look, nodes, losses, explain, act, replay, backup, watch_hub, demo)
OK, FAILED, UNUSABLE = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 is done, 1 refused or failed, 2 wrong usage or configuration.

    Errors go to stderr, one line each.
    """
    args = parser().parse_args(argv)
    try:
        return int(args.run(args))
    except ConfigurationError as error:
        for problem in error.problems:
            complain(str(problem))
        return UNUSABLE
    except ConfigError as error:
        complain(str(error))
        return UNUSABLE
    except HubError as error:
        complain(str(error))
        return FAILED
    except KeyboardInterrupt:
        return FAILED
    except BrokenPipeError:
        sys.stderr.close()
        return FAILED


def complain(words: str) -> None:
    """Print one line on stderr."""
    print(f"tocsin: {' '.join(words.split())}", file=sys.stderr)


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top = argparse.ArgumentParser(
        prog="tocsin", description="From a reading on the wire to a person who answers."
    )
    top.add_argument("--version", action="version", version=f"tocsin {__version__}")
    common(top, config=Path("config"), lang=language_of(os.environ))
    shared = argparse.ArgumentParser(add_help=False)
    common(shared, config=argparse.SUPPRESS, lang=argparse.SUPPRESS)
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for family in FAMILIES:
        family.add(commands, shared)
    return top


def common(into: argparse.ArgumentParser, *, config: Path | str, lang: str) -> None:
    """Add what every command takes, before or after its name."""
    into.add_argument(
        "--config", type=Path, default=config, metavar="DIR", help="configuration (./config)"
    )
    into.add_argument("--lang", choices=("en", "zh"), default=lang, help="language of the output")


def language_of(environment: os._Environ[str] | dict[str, str]) -> str:
    """Return the language that the environment asks for: zh for Chinese locales, else en."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environment.get(name, ""):
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"
