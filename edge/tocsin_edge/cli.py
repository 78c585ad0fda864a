"""The command ``tocsin-edge``: run, replay, doctor, status, watch-hub."""

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
from typing import TYPE_CHECKING

from tocsin_edge import __version__
from tocsin_edge.clock import Timekeeper, clock_from
from tocsin_edge.config import read_config
from tocsin_edge.doctor import examine
from tocsin_edge.errors import ConfigError, EdgeError
from tocsin_edge.node import run
from tocsin_edge.replay import ReplayPlan, run_replay
from tocsin_edge.status import read_status
from tocsin_edge.watcher.config import read_config as read_watcher
from tocsin_edge.watcher.run import acknowledge, drill, watch
from tocsin_edge.words import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin_edge.config import NodeConfig


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
            raise ConfigError("--broker", f"expected HOST:PORT, got {args.broker!r}")
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tocsin-edge", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run_ = commands.add_parser("run", help=run_node.__doc__)
    run_.set_defaults(call=run_node)
    run_.add_argument("config", type=Path, help="the node's TOML file")
    replay_ = commands.add_parser("replay", help=replay.__doc__)
    replay_.set_defaults(call=replay)
    replay_.add_argument("file", type=Path, help="CSV of time,sensor,kind,unit,value; may be .gz")
    replay_.add_argument("--config", type=Path, required=True, help="the node's TOML file")
    replay_.add_argument("--window", type=int, default=32, help="messages without a receipt")
    replay_.add_argument(
        "--silence", type=float, default=60.0, metavar="S", help="give up after S without progress"
    )
    doctor_ = commands.add_parser("doctor", help=doctor.__doc__)
    doctor_.set_defaults(call=doctor)
    doctor_.add_argument("config", type=Path, help="the node's TOML file")
    doctor_.add_argument("--lang", choices=LANGUAGES, default="en", help="language")
    status_ = commands.add_parser("status", help=status.__doc__)
    status_.set_defaults(call=status)
    status_.add_argument("config", type=Path, help="the node's TOML file")
    for command in (run_, replay_, doctor_, status_):
        _shared_options(command)
    _watch_options(commands.add_parser("watch-hub", help=watch_hub.__doc__))
    return parser


def _watch_options(command: argparse.ArgumentParser) -> None:
    command.set_defaults(call=watch_hub)
    command.add_argument("config", type=Path, help="the watcher's TOML file")
    instead = command.add_mutually_exclusive_group()
    instead.add_argument("--test", action="store_true", help="call everybody once, as a drill")
    instead.add_argument(
        "--acknowledge", action="store_true", help="somebody is on it: repeat no more pages"
    )


def _shared_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--broker", metavar="HOST:PORT", help="instead of the file's broker")
    command.add_argument("--spool", type=Path, metavar="DIR", help="instead of spool.folder")
    command.add_argument("--ledger", type=Path, metavar="FILE", help="write the node's truth here")
    command.add_argument(
        "--clock",
        metavar="WALL_US,SIM_US,RATE",
        help="a scaled clock shared with the hub; also in TOCSIN_CLOCK",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 2 and one line on stderr for what was configured wrongly."""
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        return int(args.call(args))
    except ConfigError as err:
        print(f"tocsin-edge: {err}", file=sys.stderr)
        return 2
    except EdgeError as err:
        print(f"tocsin-edge: {err}", file=sys.stderr)
        return 1
