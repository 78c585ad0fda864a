"""``tocsin incidents`` and ``tocsin quarantine``: what stands, and what could not be taken in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hub.cli.place import clock_of, opened
from hub.cli.show import coloured, columns, local_time, print_json, printable, span
from hub.cli.words import of_pair, say
from hub.config import read_config
from hub.dispatch.words import LEVELS
from hub.store.book import Book
from hub.store.log import Log
from hub.words import Words

if TYPE_CHECKING:
    import argparse

    from hub.cli.parsers import Commands
    from hub.model.incident import Incident
    from hub.store.log import QuarantineRow

MOST: Final = 1000
PAYLOAD_SHOWN: Final = 65_536


def add(commands: Commands, shared: argparse.ArgumentParser) -> None:
    """Add the parsers of this family."""
    lists = commands.add_parser(
        "incidents", parents=[shared], help=Words("list open incidents", "列出未结事件")
    )
    lists.add_argument(
        "--all",
        action="store_true",
        help=Words("resolved ones too, newest first", "包括已解除的，新的在前"),
    )
    lists.add_argument(
        "--limit",
        type=limit,
        default=50,
        metavar="N",
        help=Words("at most N (50)", "最多 N 条（50）"),
    )
    lists.add_argument(
        "--json", action="store_true", help=Words("one JSON array", "输出一个 JSON 数组")
    )
    lists.set_defaults(run=incidents)
    kept = commands.add_parser(
        "quarantine",
        parents=[shared],
        help=Words("list what could not be taken in, and why", "列出未能入库的消息及原因"),
    )
    kept.add_argument(
        "--show",
        type=int,
        metavar="N",
        help=Words("show entry N with its payload", "显示第 N 条及其内容"),
    )
    kept.add_argument(
        "--limit",
        type=limit,
        default=50,
        metavar="N",
        help=Words("at most N (50)", "最多 N 条（50）"),
    )
    kept.add_argument(
        "--json", action="store_true", help=Words("one JSON array", "输出一个 JSON 数组")
    )
    kept.set_defaults(run=quarantine)


def limit(text: str) -> int:
    """Return a number of rows from 1 to ``MOST``."""
    return min(max(int(text), 1), MOST)


def incidents(args: argparse.Namespace) -> int:
    """List incidents, the gravest first."""
    configuration = read_config(args.config)
    with opened(configuration) as connection:
        book, now_us = Book(connection), clock_of(connection).now_us()
        found = list(book.incidents(args.limit) if args.all else book.open_incidents())
    if not args.all:
        found = sorted(found, key=lambda i: (-i.severity.rank, i.triggered_us))[: args.limit]
    if args.json:
        print_json(found)
        return 0
    if not found:
        print(say(args.lang, "no incidents at all" if args.all else "no incidents"))
    for line in table(found, now_us, args.lang):
        print(line)
    return 0


def table(found: list[Incident], now_us: int, language: str) -> list[str]:
    """Return one line per incident: code, level, state, elapsed time, headline."""
    rows = [row(incident, now_us, language) for incident in found]
    lines = columns(rows) if rows else []
    return [coloured(line, i.severity) for line, i in zip(lines, found, strict=True)]


def row(incident: Incident, now_us: int, language: str) -> tuple[str, ...]:
    """Return the cells of one line."""
    by = incident.resolved_by or incident.acknowledged_by
    status = say(language, incident.status) + (f" ({by})" if by else "")
    until = incident.resolved_us or now_us
    marks = [key for key in ("drill", "found_late") if getattr(incident, key)]
    words = [say(language, key.replace("_", " ")) for key in marks]
    headline = of_pair(language, incident.headline_en, incident.headline_zh)
    return (
        incident.code,
        of_pair(language, *LEVELS[incident.severity]),
        status,
        say(language, incident.presence),
        span(until - incident.triggered_us, language),
        " ".join([*words, headline]),
    )


def quarantine(args: argparse.Namespace) -> int:
    """List the quarantine, or show one entry of it."""
    configuration = read_config(args.config)
    with opened(configuration) as connection:
        log = Log(connection)
        found = log.quarantined(MOST if args.show else args.limit)
    if args.show:
        found = [entry for entry in found if entry.id == args.show]
    if args.json:
        print_json([facts(entry) for entry in found])
        return 0
    if not found:
        print(say(args.lang, "no quarantine"))
        return 1 if args.show else 0
    for entry in found:
        print(line_of(entry, configuration.hub.zone, args.lang))
    if args.show:
        print(printable(found[0].payload[:PAYLOAD_SHOWN].decode("utf-8", "replace")))
    return 0


def facts(entry: QuarantineRow) -> dict[str, object]:
    """Return an entry for JSON, its payload as text."""
    names = (name for name in type(entry).__slots__ if name != "payload")
    payload = entry.payload[:PAYLOAD_SHOWN].decode("utf-8", "replace")
    return {name: getattr(entry, name) for name in names} | {"payload": payload}


def line_of(entry: QuarantineRow, zone: str, language: str) -> str:
    """Return one line: number, when and how often, from where, which message, why."""
    number = "" if entry.seq is None else f"{entry.boot}:{entry.seq}"
    part = "" if entry.pos is None else f"[{entry.pos}]"
    which = f"{number}{part}" or say(language, "all of it")
    source = entry.topic or entry.node or entry.door
    when = local_time(entry.received_us, zone)
    times = f" ×{entry.count}" if entry.count > 1 else ""
    if entry.last_us is not None:
        times += f" ({local_time(entry.last_us, zone)})"
    done = "" if entry.retaken_us is None else f"  ({say(language, 'taken')})"
    return printable(f"{entry.id:>6}  {when}{times}  {source}  {which}  {entry.reason}{done}")
