"""``tocsin watch-hub``: the node's own watcher, under the hub's command.

The process becomes ``tocsin-edge watch-hub``: nothing of the hub is left in it.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from hub.errors import ConfigError

if TYPE_CHECKING:
    import argparse

    from hub.cli.parsers import Commands


def add(commands: Commands, shared: argparse.ArgumentParser) -> None:
    """Add the parser of this command."""
    watches = commands.add_parser(
        "watch-hub", parents=[shared], help="watch a hub from outside, and call people when it dies"
    )
    watches.add_argument("file", type=Path, metavar="WATCHER.toml", help="the watcher's own file")
    instead = watches.add_mutually_exclusive_group()
    instead.add_argument("--test", action="store_true", help="call everybody once, as a drill")
    instead.add_argument(
        "--acknowledge", action="store_true", help="somebody is on it: repeat no more pages"
    )
    watches.set_defaults(run=watch_hub)


def watch_hub(args: argparse.Namespace) -> int:
    """Become the watcher; it ends as ``tocsin-edge`` does."""
    if find_spec("tocsin_edge") is None:
        raise ConfigError("watch-hub", "tocsin-edge is not installed here: pip install tocsin-edge")
    chosen = [f"--{name}" for name in ("test", "acknowledge") if getattr(args, name)]
    command = [sys.executable, "-m", "tocsin_edge", "watch-hub", str(args.file), *chosen]
    sys.stdout.flush()
    os.execv(sys.executable, command)  # noqa: S606  our own program, no shell
