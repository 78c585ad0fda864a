"""The command ``tocsin-edge``: run, replay, doctor, status, watch-hub; help in two languages."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import threading
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin_edge import __version__
from tocsin_edge.clock import Timekeeper, clock_from
from tocsin_edge.config import read_config
from tocsin_edge.doctor import examine
from tocsin_edge.errors import ConfigError, EdgeError
from tocsin_edge.helping import PARSERS, chosen_language
from tocsin_edge.node import run
from tocsin_edge.refusals import HOST_PORT
from tocsin_edge.replay import ReplayPlan, run_replay
from tocsin_edge.status import read_status
from tocsin_edge.watcher.config import read_config as read_watcher
from tocsin_edge.watcher.run import acknowledge, drill, watch
from tocsin_edge.words import LANGUAGES, ZH, Words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin_edge.config import NodeConfig

PURPOSE: Final = Words(
    "Reads sensors and keeps every reading until the hub has it.",
    "读取传感器，每个测值都保存到中心确认收妥为止。",
)
NODE_FILE: Final = Words("the node's own file", "节点自己的配置文件")
RUN: Final = Words("read sensors and send, until it is stopped", "读取传感器并发送，直到被停止")
REPLAY: Final = Words(
    "send a recording at speed, until every message has its receipt",
    "快速发送一份记录，直到每条消息都有回执",
)
DOCTOR: Final = Words(
    "say in words what is wrong with a node, and how to mend it", "检查节点：哪里有问题，如何处理"
)
STATUS: Final = Words(
    "say as JSON what waits in the spool and what was lost",
    "以 JSON 列出缓存中待传的和已丢失的消息",
)
WATCH: Final = Words(
    "watch a hub from outside, and call people when it dies", "从外部看守中心，中心失灵时通知人"
)


def run_node(args: argparse.Namespace) -> int:
    """Read sensors and send until SIGTERM or SIGINT; the spool is kept."""
    config = _config(args)
    run(config, _keeper(args, config), ledger=args.ledger, stop=_stop_on_signals())
    return 0


def replay(args: argparse.Namespace) -> int:
    """Send a recording at speed; exit 0 once every message has its receipt."""
    plan = ReplayPlan(file=args.file, window=args.window, silence_s=args.silence)
    account = run_replay(_config(args), plan, ledger=args.ledger, stop=_stop_on_signals())
    print(json.dumps(account))
    return 0 if account["ok"] else 1


def doctor(args: argparse.Namespace) -> int:
    """Say in words what is wrong with a node; exit 1 if it cannot work as it is."""
    config = _config(args)
    worst = 0
    for finding in examine(config, _keeper(args, config)):
        print(finding.say(args.lang), flush=True)
        worst = max(worst, finding.level == "bad")
    return int(worst)


def status(args: argparse.Namespace) -> int:
    """Say as JSON what waits in the spool and what was lost."""
    config = _config(args)
    found = asdict(read_status(config.spool.folder))
    print(json.dumps({"site": config.site, "node": config.node, **found}, ensure_ascii=False))
    return 0


def watch_hub(args: argparse.Namespace) -> int:
    """Send canaries through the hub; call people when none comes back, until SIGTERM."""
    config = read_watcher(args.config)
    if args.test:
        return 0 if drill(config) else 1
    if args.acknowledge:
        acknowledge(config)
        return 0
    said = threading.Event()
    signal.signal(signal.SIGUSR1, lambda *_: said.set())
    keeper = Timekeeper(clock_from(os.environ.get("TOCSIN_CLOCK")))
    watch(config, keeper, stop=_stop_on_signals(), acknowledged=said)
    return 0


def _config(args: argparse.Namespace) -> NodeConfig:
    config = read_config(args.config)
    if args.broker:
        host, _, port = args.broker.rpartition(":")
        if not host or not port.isdecimal():
            raise ConfigError("--broker", HOST_PORT.filled(got=args.broker))
        config = replace(config, broker=replace(config.broker, host=host, port=int(port)))
    if args.spool:
        config = replace(config, spool=replace(config.spool, folder=args.spool))
    return config


def _keeper(args: argparse.Namespace, config: NodeConfig) -> Timekeeper:
    text = args.clock or os.environ.get("TOCSIN_CLOCK")
    source = config.clock.source
    return Timekeeper(clock_from(text), "ntp" if text and source == "auto" else source)


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _parser(language: str) -> argparse.ArgumentParser:
    parser = PARSERS[language](prog="tocsin-edge", description=PURPOSE)
    parser.add_argument("--version", action="version", version=__version__)
    _language(parser, language)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run_ = commands.add_parser("run", help=RUN)
    run_.set_defaults(call=run_node)
    run_.add_argument("config", type=Path, metavar="NODE.toml", help=NODE_FILE)
    replay_ = commands.add_parser("replay", help=REPLAY)
    _replay_options(replay_)
    doctor_ = commands.add_parser("doctor", help=DOCTOR)
    doctor_.set_defaults(call=doctor)
    doctor_.add_argument("config", type=Path, metavar="NODE.toml", help=NODE_FILE)
    status_ = commands.add_parser("status", help=STATUS)
    status_.set_defaults(call=status)
    status_.add_argument("config", type=Path, metavar="NODE.toml", help=NODE_FILE)
    for command in (run_, replay_, doctor_, status_):
        _shared_options(command)
    watch_ = commands.add_parser("watch-hub", help=WATCH)
    _watch_options(watch_)
    for command in (run_, replay_, doctor_, status_, watch_):
        _language(command, argparse.SUPPRESS)
    return parser


def _language(command: argparse.ArgumentParser, default: str) -> None:
    words = Words("language of the output", "输出语言")
    command.add_argument("--lang", choices=LANGUAGES, default=default, help=words)


def _replay_options(command: argparse.ArgumentParser) -> None:
    command.set_defaults(call=replay)
    words = Words(
        "CSV of time,sensor,kind,unit,value; may be .gz",
        "CSV 文件，列为 time,sensor,kind,unit,value，可为 .gz",
    )
    command.add_argument("file", type=Path, metavar="FILE", help=words)
    command.add_argument("--config", type=Path, required=True, metavar="NODE.toml", help=NODE_FILE)
    words = Words("messages without a receipt (32)", "允许多少条消息尚无回执（32）")
    command.add_argument("--window", type=int, default=32, metavar="N", help=words)
    words = Words("give up after S without progress (60)", "S 秒没有进展即放弃（60）")
    command.add_argument("--silence", type=float, default=60.0, metavar="S", help=words)


def _watch_options(command: argparse.ArgumentParser) -> None:
    command.set_defaults(call=watch_hub)
    words = Words("the watcher's own file", "看守程序自己的配置文件")
    command.add_argument("config", type=Path, metavar="WATCHER.toml", help=words)
    instead = command.add_mutually_exclusive_group()
    words = Words("call everybody once, as a drill", "作为演练，通知每个人一次")
    instead.add_argument("--test", action="store_true", help=words)
    words = Words("somebody is on it: repeat no more pages", "已有人处置：不再重复通知")
    instead.add_argument("--acknowledge", action="store_true", help=words)


def _shared_options(command: argparse.ArgumentParser) -> None:
    words = Words("instead of the file's broker", "代替配置文件中的消息代理")
    command.add_argument("--broker", metavar="HOST:PORT", help=words)
    words = Words("instead of spool.folder", "代替配置文件中的 spool.folder")
    command.add_argument("--spool", type=Path, metavar="DIR", help=words)
    words = Words("write the node's truth here", "把节点实际测到的数据记入此文件")
    command.add_argument("--ledger", type=Path, metavar="FILE", help=words)
    words = Words(
        "a scaled clock shared with the hub; also in TOCSIN_CLOCK",
        "与中心共用的加速时钟，也可写在 TOCSIN_CLOCK 中",
    )
    command.add_argument("--clock", metavar="WALL_US,SIM_US,RATE", help=words)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 2 and one line on stderr for what was configured wrongly."""
    language = chosen_language(sys.argv[1:] if argv is None else argv, os.environ)
    args = _parser(language).parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        return int(args.call(args))
    except ConfigError as err:
        _complain(err, language)
        return 2
    except EdgeError as err:
        _complain(err, language)
        return 1


def _complain(err: EdgeError, language: str) -> None:
    colon = "：" if language == ZH else ": "
    print(f"tocsin-edge{colon}{err.told.of(language)}", file=sys.stderr)
