"""``tocsin watch-hub``: the node's own watcher, under the hub's command.

The process becomes ``tocsin-edge watch-hub``: nothing of the hub is left in it.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from hub.cli.refusals import NO_WATCHER
from hub.errors import ConfigError
from hub.words import Words

if TYPE_CHECKING:
    import argparse

    from hub.cli.parsers import Commands


def add(commands: Commands, shared: argparse.ArgumentParser) -> None:
    """Add the parser of this command."""
    watches = commands.add_parser(
        "watch-hub",
        parents=[shared],
        help=Words(
            "watch a hub from outside, and call people when it dies",
            "从外部看守中心，中心失灵时通知人",
        ),
    )
    watches.add_argument(
        "file",
        type=Path,
        metavar="WATCHER.toml",
        help=Words("the watcher's own file", "看守程序自己的配置文件"),
    )
    instead = watches.add_mutually_exclusive_group()
    instead.add_argument(
        "--test",
        action="store_true",
        help=Words("call everybody once, as a drill", "作为演练，通知每个人一次"),
    )
    instead.add_argument(
        "--acknowledge",
        action="store_true",
        help=Words("somebody is on it: repeat no more pages", "已有人处置：不再重复通知"),
    )
    watches.set_defaults(run=watch_hub)


def watch_hub(args: argparse.Namespace) -> int:
    """Become the watcher; it ends as ``tocsin-edge`` does."""
    if find_spec("tocsin_edge") is None:
        raise ConfigError("watch-hub", NO_WATCHER)
    chosen = [f"--{name}" for name in ("test", "acknowledge") if getattr(args, name)]
    command = [sys.executable, "-m", "tocsin_edge", "watch-hub", str(args.file), *chosen]
    sys.stdout.flush()
    os.execv(sys.executable, command)  # noqa: S606  our own program, no shell
