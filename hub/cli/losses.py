"""``tocsin losses``: what came of each node's messages, in sum or hour by hour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hub.cli.place import clock_of, opened
from hub.cli.show import columns, local_time, print_json, printable
from hub.cli.words import say
from hub.config import read_config
from hub.store.losses import HOUR_US, KEPT_HOURS, Losses
from hub.words import Words

if TYPE_CHECKING:
    import argparse

    from hub.cli.parsers import Commands
    from hub.store.losses import Counts

COLUMNS: Final = ("received", "missing", "late", "duplicates", "quarantined", "evicted", "asked")

HEADINGS: Final = tuple("not come" if name == "missing" else name for name in COLUMNS)


def add(commands: Commands, shared: argparse.ArgumentParser) -> None:
    """Add the parser of this family."""
    words = Words(
        "what came of each node's messages: received, missing, late, evicted ...",
        "各节点消息的去向：已收、缺失、迟到、被弃……",
    )
    command = commands.add_parser("losses", parents=[shared], help=words)
    command.add_argument(
        "--node", default="", help=Words("only this node, hour by hour", "只看此节点，逐小时")
    )
    command.add_argument(
        "--hours",
        type=int,
        default=24,
        metavar="N",
        help=Words("the last N hours (24, at most 744)", "最近 N 小时（24，最多 744）"),
    )
    command.add_argument(
        "--json", action="store_true", help=Words("one JSON array", "输出一个 JSON 数组")
    )
    command.set_defaults(run=losses)


def losses(args: argparse.Namespace) -> int:
    """Show the sums of the last hours by node, or the hours of one node."""
    configuration = read_config(args.config)
    with opened(configuration) as connection:
        end = clock_of(connection).now_us() // HOUR_US + 1
        first = end - min(max(args.hours, 1), KEPT_HOURS)
        ledger = Losses(connection)
        found = ledger.between(first, end, args.node) if args.node else ledger.totals(first, end)
    if args.json:
        print_json(found)
        return 0
    if not found:
        print(say(args.lang, "no losses"))
        return 0
    zone = configuration.hub.zone if args.node else ""
    heading = [say(args.lang, "hour")] if zone else []
    heading += [say(args.lang, name) for name in ("node", *HEADINGS)]
    for line in columns([heading, *(row(counts, zone, args.lang) for counts in found)]):
        print(line)
    return 0


def row(counts: Counts, zone: str, language: str) -> list[str]:
    """Return one row, beginning with its hour where ``zone`` is given."""
    hour = [local_time(counts.hour * HOUR_US, zone)[:16]] if zone else []
    node = printable(counts.node) or say(language, "no known node")
    return [*hour, node, *(str(getattr(counts, name)) for name in COLUMNS)]
