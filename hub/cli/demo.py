"""``tocsin demo`` and ``tocsin replay-real``: the arguments only; hub.demo does the rest."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from hub.cli.helping import FROM_TO, POSITIVE
from hub.words import Words

if TYPE_CHECKING:
    from hub.cli.parsers import Commands

PORT_LIMIT = 65_535


def add(commands: Commands, shared: argparse.ArgumentParser) -> None:
    """Add the parsers of this family."""
    demos = commands.add_parser(
        "demo",
        parents=[shared],
        help=Words(
            "three simulated sites, a real broker and a real page",
            "演示：三个模拟站点，真实的消息代理和页面",
        ),
    )
    demos.add_argument(
        "--for",
        dest="for_s",
        type=seconds,
        metavar="S",
        help=Words("stop after S real seconds", "S 秒（真实时间）后停止"),
    )
    demos.add_argument(
        "--json", action="store_true", help=Words("end with one line of JSON", "最后输出一行 JSON")
    )
    demos.add_argument(
        "--kill",
        action="store_true",
        help=Words("kill -9 the hub once, midway", "中途用 kill -9 杀掉中心一次"),
    )
    demos.add_argument(
        "--rate",
        type=seconds,
        default=60.0,
        help=Words("simulated seconds per real second (60)", "每秒真实时间模拟多少秒（60）"),
    )
    demos.add_argument(
        "--port",
        type=port,
        default=None,
        help=Words("of the page (from the config)", "页面端口（默认取自配置）"),
    )
    demos.set_defaults(run=run_demo)
    real = commands.add_parser(
        "replay-real",
        parents=[shared],
        help=Words(
            "recorded floods and fires through node and hub",
            "让历史洪水和火灾记录走完节点与中心全程",
        ),
    )
    real.add_argument(
        "dir",
        type=Path,
        metavar="DIR",
        help=Words("the folder of the recordings", "存放记录的目录"),
    )
    real.add_argument(
        "--json",
        action="store_true",
        help=Words("one line of JSON per file", "每个文件输出一行 JSON"),
    )
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
        raise argparse.ArgumentTypeError(POSITIVE)
    return value


def port(text: str) -> int:
    """Return a TCP port; 0 takes a free one."""
    value = int(text)
    if not 0 <= value <= PORT_LIMIT:
        raise argparse.ArgumentTypeError(FROM_TO.filled(low=0, high=PORT_LIMIT))
    return value
