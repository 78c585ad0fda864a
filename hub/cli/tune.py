"""``tocsin tune STREAM``: what its rules would have done over its stored history.

Beside a running hub or without one; it reads log and InfluxDB and changes nothing.
"""

from __future__ import annotations

import sys
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from hub.cli.place import clock_of, opened
from hub.cli.show import columns, local_time, print_json
from hub.cli.words import say
from hub.clock import to_us
from hub.config import read_config
from hub.config.problems import did_you_mean
from hub.errors import ConfigError
from hub.model.catalogue import Catalogue
from hub.store.log import Log
from hub.words import Words

if TYPE_CHECKING:
    import argparse
    import sqlite3
    from collections.abc import Iterator

    from hub.cli.parsers import Commands
    from hub.config import Configuration
    from hub.flow.tune import RuleTuned, Tried, Tuned
    from hub.model.network import Datastream

DAYS: Final = 400
DAY_US: Final = 86_400_000_000
NO_STREAM: Final = Words("no datastream is called so; {near}", "没有这个名称的数据流；{near}")
NO_TIME: Final = Words(
    "{given!r} is no time: write 2026-05-01 or 2026-05-01T06:00",
    "{given!r} 不是时间：请写成 2026-05-01 或 2026-05-01T06:00",
)
BACKWARDS: Final = Words("--from must be before --to", "--from 必须早于 --to")


def add(commands: Commands, shared: argparse.ArgumentParser) -> None:
    """Add the parser of this family."""
    words = Words(
        "hold a datastream's rules against its stored history and people's answers",
        "用已存历史和人员答复检验一个数据流的规则",
    )
    command = commands.add_parser("tune", parents=[shared], help=words)
    command.add_argument("stream", metavar="NODE/NAME", help=Words("the datastream", "数据流"))
    command.add_argument(
        "--from", dest="start", default="", metavar="TIME",
        help=Words("from here on (400 days before the end)", "起始时间（结束前 400 天）"),
    )  # fmt: skip
    until = Words("up to here (now)", "结束时间（现在）")
    command.add_argument("--to", dest="end", default="", metavar="TIME", help=until)
    command.add_argument(
        "--picture", type=Path, metavar="FILE",
        help=Words("draw it into this SVG file", "把图画到此 SVG 文件"),
    )  # fmt: skip
    command.add_argument(
        "--json", action="store_true", help=Words("one line of JSON", "输出一行 JSON")
    )
    command.set_defaults(run=tune)


def tune(args: argparse.Namespace) -> int:
    """Backtest, print what came of it, and draw it if asked."""
    # pandas and the detectors: only this command pays for them
    from hub.cli.tune_picture import drawn  # noqa: PLC0415
    from hub.flow.tune import column_of  # noqa: PLC0415
    from hub.flow.tune import tune as backtest  # noqa: PLC0415
    from hub.store.answers import answers  # noqa: PLC0415
    from hub.store.history import History  # noqa: PLC0415
    from hub.store.influx import InfluxStore  # noqa: PLC0415

    configuration = read_config(args.config)
    zone = configuration.hub.zone
    influx = InfluxStore(configuration.influx) if configuration.influx else None
    with (
        opened(configuration) as connection,
        closing(History(configuration.hub.database, influx)) as history,
    ):
        stream = stream_of(configuration, connection, args.stream)
        start_us, end_us = span_of(args, zone, clock_of(connection).now_us())
        progress(0.0)
        frame = history.range(stream, start_us, end_us)
        said = answers(connection, stream.id)
    found = backtest(stream, configuration.rules, frame, said, progress)
    progress_ends()
    if args.picture:
        args.picture.write_text(drawn(found, stream, column_of(frame), zone, args.lang), "utf-8")
    if args.json:
        print_json(found)
        return 0
    print("\n".join(told(found, zone, args.lang)))
    if args.picture:
        print(say(args.lang, "picture drawn", file=args.picture))
    return 0


def stream_of(
    configuration: Configuration, connection: sqlite3.Connection, name: str
) -> Datastream:
    """Return the datastream called ``name`` (``node/name``).

    Raises:
        ConfigError: there is none, saying which was perhaps meant.
    """
    catalogue = Catalogue(configuration.network)
    for row in Log(connection).datastreams():
        catalogue.add(row.slot, row.site, row.node, row.name, row.unit, learnt_s=row.learnt_s)
    known = {stream.id: stream for stream in catalogue.all()}
    if name not in known:
        raise ConfigError(name, NO_STREAM.filled(near=did_you_mean(name, known)))
    return known[name]


def span_of(args: argparse.Namespace, zone: str, now_us: int) -> tuple[int, int]:
    """Return the instants between which history is read.

    Raises:
        ConfigError: a time cannot be read, or they are the wrong way round.
    """
    end_us = time_of(args.end, "--to", zone) if args.end else now_us + 1
    start_us = time_of(args.start, "--from", zone) if args.start else end_us - DAYS * DAY_US
    if start_us >= end_us:
        raise ConfigError("--from", BACKWARDS)
    return start_us, end_us


def time_of(text: str, where: str, zone: str) -> int:
    """Return the instant of a local date or time.

    Raises:
        ConfigError: it is none.
    """
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(where, NO_TIME.filled(given=text)) from error
    return to_us(instant if instant.tzinfo else instant.replace(tzinfo=ZoneInfo(zone)))


def progress(share: float) -> None:
    """Show how much is done, where somebody looks."""
    if sys.stderr.isatty():
        print(f"\rtune: {share:4.0%}", end="", file=sys.stderr, flush=True)


def progress_ends() -> None:
    """Leave the line of the progress."""
    if sys.stderr.isatty():
        print(file=sys.stderr)


def told(found: Tuned, zone: str, language: str) -> Iterator[str]:
    """Yield the account, line by line."""
    begin, end = (local_time(us, zone)[:16] for us in (found.begin_us, found.end_us))
    stream, readings = found.stream, found.readings
    yield say(language, "tuned", stream=stream, readings=readings, begin=begin, end=end, zone=zone)
    yield say(language, "tuned pages", pages=found.pages, answers=len(found.answers))
    if found.limited:
        yield say(language, "tuned limited", why=found.limited)
    heading = [say(language, name) for name in ("rule", *COUNTS)]
    rows = [[rule.rule, *counts(rule.score)] for rule in found.rules]
    yield from columns([heading, *rows])
    for rule in found.rules:
        yield from knobs(rule, language)
    advice = [line for rule in found.rules for line in advised(rule, language)]
    yield ""
    if advice:
        yield from [*advice, say(language, "caution")]
    else:
        yield say(language, "no advice" if found.answers else "no answers")


COUNTS: Final = ("alarms made", "called real", "called false", "nobody said", "not told of")


def counts(score: object) -> list[str]:
    """Return a score as columns."""
    names = ("alarms", "right", "wrong", "unknown", "missed")
    return [str(getattr(score, name)) for name in names]


def knobs(rule: RuleTuned, language: str) -> Iterator[str]:
    """Yield what other values of the rule's knobs would have done."""
    for knob in dict.fromkeys(one.knob for one in rule.tried):
        own = [one for one in rule.tried if one.knob == knob]
        yield ""
        yield f"{rule.rule}, {knob}:"
        marked = [[value_of(one, language), *counts(one.score)] for one in own]
        yield from (f"  {line}" for line in columns(marked))


def value_of(one: Tried, language: str) -> str:
    """Return a knob's value, the present one marked."""
    return f"{one.value:g}{say(language, 'as it is') if one.current else ''}"


def advised(rule: RuleTuned, language: str) -> Iterator[str]:
    """Yield what to change, and what that would have done."""
    for one in rule.advice:
        now = next(o for o in rule.tried if o.knob == one.knob and o.current)
        yield say(
            language, "advice", rule=rule.rule, knob=one.knob, now=f"{now.value:g}",
            value=f"{one.value:g}", wrong=now.score.wrong, less=one.score.wrong,
            missed=now.score.missed, fewer=one.score.missed,
        )  # fmt: skip
