"""``tocsin run`` and ``tocsin check``."""

from __future__ import annotations

import asyncio
import ctypes
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hub.cli.plugins import check_plugins, check_secrets, secrets_of_channel
from hub.cli.show import columns, local_time, print_json
from hub.cli.summary import ON_CALL, summary, watched
from hub.cli.words import say
from hub.clock import SystemClock
from hub.config import read_config, read_secret
from hub.dispatch.roster import uncovered
from hub.errors import ConfigError
from hub.words import Words

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from hub.cli.parsers import Commands
    from hub.config import Configuration

AHEAD_US: Final = 14 * 86_400_000_000
M_ARENA_MAX: Final = -8  # glibc, malloc.h
LOG_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def add(commands: Commands, shared: argparse.ArgumentParser) -> None:
    """Add the parsers of this family."""
    runs = commands.add_parser(
        "run",
        parents=[shared],
        help=Words("run the hub until it is stopped", "运行中心，直到被停止"),
    )
    runs.add_argument(
        "--loops",
        metavar="A,B",
        type=lambda text: tuple(filter(None, text.split(","))),
        help=Words(
            "only these loops: intake, watch, respond, deliver, store, web",
            "只运行这些环节：intake、watch、respond、deliver、store、web",
        ),
    )
    runs.add_argument(
        "--token-file",
        type=Path,
        help=Words("guard the page with the token in this file", "用此文件中的令牌保护页面"),
    )
    runs.set_defaults(run=run)
    checks = commands.add_parser(
        "check", parents=[shared], help=Words("read the configuration and stop", "检查配置后退出")
    )
    checks.add_argument(
        "--json", action="store_true", help=Words("one line of JSON", "输出一行 JSON")
    )
    checks.set_defaults(run=check)


def run(args: argparse.Namespace) -> int:
    """Run the hub in the foreground."""
    from hub import app  # noqa: PLC0415  the whole hub: only this command pays for it

    share_heap()
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    configuration = read_config(args.config)
    if args.token_file:
        web = replace(configuration.web, token_file=args.token_file.resolve())
        configuration = replace(configuration, web=web)
    check_secrets(configuration)
    asyncio.run(app.run_hub(configuration, loops=args.loops))
    return 0


def share_heap() -> None:
    """Let all threads allocate from one heap; nothing where the C library has no such switch.

    A heap each keeps what one thread let go from the others: 60 MB with 10,000 datastreams.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, 1)


def check(args: argparse.Namespace) -> int:
    """Say what would run with this configuration; touches no network."""
    configuration = read_config(args.config)
    check_plugins(configuration)
    rows = [(say(args.lang, key), words) for key, words in summary(configuration, args.lang)]
    warnings = list(warnings_of(configuration, args.lang))
    if args.json:
        facts = [{"what": key, "words": words} for key, words in summary(configuration, "en")]
        print_json({"ok": True, "version": configuration.version, "runs": facts,
                    "warnings": list(warnings_of(configuration, "en"))})  # fmt: skip
        return 0
    facts_ = {"folder": configuration.folder, "version": configuration.version}
    print(say(args.lang, "config good", **facts_))
    print("\n".join(f"  {line}" for line in columns(rows)))
    for words in warnings:
        print(f"{say(args.lang, 'warning')}{say(args.lang, 'colon')}{words}")
    return 0


def warnings_of(configuration: Configuration, language: str) -> Iterator[str]:
    """Yield what is allowed and still worth a look: no secret yet, holes in rosters, idle rules."""
    for where, file, variable in secrets_of(configuration):
        try:
            read_secret(file, variable, where)
        except ConfigError as error:
            why = error.problem.of(language)
            yield say(language, "no secret", where=where, why=why)
    yield from unmanned(configuration, language, SystemClock().now_us())
    for rule in configuration.rules:
        if not watched(configuration, rule.name):
            yield say(language, "silent rules", rule=rule.name)


def unmanned(configuration: Configuration, language: str, now_us: int) -> Iterator[str]:
    """Yield the first hole in the coming two weeks of each roster that a policy calls."""
    people, zone = configuration.people, configuration.hub.zone
    named = {n for p in people.policies.values() for step in p.steps for n in step.notify}
    for roster in sorted(n.removeprefix(ON_CALL) for n in named if n.startswith(ON_CALL)):
        holes = uncovered(people.shifts, roster, now_us, now_us + AHEAD_US)
        for start_us, end_us in holes[:1]:
            start, end = local_time(start_us, zone), local_time(end_us, zone)
            yield say(language, "nobody on call", roster=roster, start=start, end=end)


def secrets_of(configuration: Configuration) -> Iterator[tuple[str, Path | None, str]]:
    """Yield (key path, file, variable) of every secret that is named."""
    broker, web, influx = configuration.broker, configuration.web, configuration.influx
    yield "broker.password", broker.password_file, broker.password_env
    yield "web.token", web.token_file, web.token_env
    if influx:
        yield "influx.token", influx.token_file, influx.token_env
    for channel in configuration.channels:
        yield from secrets_of_channel(channel)
