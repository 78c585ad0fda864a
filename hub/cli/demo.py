"""``tocsin demo`` and ``tocsin replay-real``: the arguments only; hub.demo does the rest."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hub.cli.parsers import Commands

PORT_LIMIT = 65_535


def add(commands: Commands, shared: argparse.ArgumentParser) -> None:
    """Add the parsers of this family."""
    demos = commands.add_parser(
        "demo", parents=[shared], help="three simulated sites, a real broker and a real page"
    )
    demos.add_argument(
        "--for", dest="for_s", type=seconds, metavar="S", help="stop after S real seconds"
    )
    demos.add_argument("--json", action="store_true", help="end with one line of JSON")
    demos.add_argument("--kill", action="store_true", help="kill -9 the hub once, midway")
    demos.add_argument(
        "--rate", type=seconds, default=60.0, help="simulated seconds per real second (60)"
    )
    demos.add_argument("--port", type=port, default=None, help="of the page (from the config)")
    demos.set_defaults(run=run_demo)
    real = commands.add_parser(
        "replay-real", parents=[shared], help="recorded floods and fires through node and hub"
    )
    real.add_argument("dir", type=Path, metavar="DIR", help="the folder of the recordings")
    real.add_argument("--json", action="store_true", help="one line of JSON per file")
    real.set_defaults(run=run_replay_real)


def run_demo(args: argparse.Namespace) -> int:
    """Run the demonstration; ``--lang`` chooses the language of what it prints."""
    from hub import demo  # noqa: PLC0415  the whole hub: only this command pays for it

    return int(demo.run_demo(args))


def run_replay_real(args: argparse.Namespace) -> int:
    """Replay the recordings in DIR over a real broker."""
    from hub import demo  # noqa: PLC0415

    return int(demo.run_replay_real(args))


def seconds(text: str) -> float:
    """Return a positive, finite number."""
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError("must be positive")
    return value


def port(text: str) -> int:
    """Return a TCP port; 0 takes a free one."""
    value = int(text)
    if not 0 <= value <= PORT_LIMIT:
        raise argparse.ArgumentTypeError(f"must be from 0 to {PORT_LIMIT}")
    return value
