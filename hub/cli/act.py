"""The commands by which people act: each only appends to the log and waits for the answer.

So they work from any process beside a running hub, and lose nothing when none runs.
"""

from __future__ import annotations

import argparse
import getpass
import os
import re
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from hub.cli.helping import CHARACTERS
from hub.cli.place import clock_of, opened
from hub.cli.refusals import NO_INSTANT, NOTHING_CALLED, OVER_ALREADY
from hub.cli.show import print_json
from hub.cli.words import of_pair, say
from hub.clock import from_us, to_us
from hub.config import read_config
from hub.config.problems import did_you_mean
from hub.errors import ConfigError
from hub.model.incident import ActionKind
from hub.model.network import Hazard, Severity
from hub.store.book import Book
from hub.store.log import Log
from hub.words import Words, listed

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from hub.cli.parsers import Commands
    from hub.config import Configuration
    from hub.model.book import ActionResult

Details = dict[str, str | int | float | None]

POLL_S: Final = 0.05
SPAN: Final = re.compile(r"(\d{1,5})\s*(min|m|h|d)")
SECONDS: Final = {"min": 60, "m": 60, "h": 3_600, "d": 86_400}
TEXT_LIMIT: Final = 500
INCIDENT: Final = Words("an incident's id or reply code", "事件编号或回复码")
TARGET: Final = Words("NODE/STREAM, a node or a site", "数据流 NODE/STREAM、节点或站点")
ON_INCIDENT: Final = {
    "ack": (
        ActionKind.ACKNOWLEDGE,
        Words("say that you have taken an incident", "接警：表明由你处置此事件"),
    ),
    "arrived": (ActionKind.ARRIVED, Words("say that you are on the spot", "报告已到场")),
    "escalate": (ActionKind.ESCALATE, Words("call the next step now", "立即通知下一级")),
    "resolve": (ActionKind.RESOLVE, Words("say that the emergency is over", "解除：险情已经结束")),
    "false-alarm": (
        ActionKind.FALSE_ALARM,
        Words("close an incident that never was one", "以误报结案"),
    ),
    "stand-down": (
        ActionKind.STAND_DOWN,
        Words(
            "close an incident and tell everyone who was paged",
            "解除响应：结案并告知所有接到通知的人",
        ),
    ),
}


def add(commands: Commands, shared: argparse.ArgumentParser) -> None:
    """Add the parsers of this family."""
    for name, (kind, words) in ON_INCIDENT.items():
        parser = new(commands, shared, name, words, lambda args: (args.incident, reason_of(args)))
        parser.add_argument("incident", metavar="ID", help=INCIDENT)
        parser.add_argument(
            "--reason", type=text, help=Words("why, for the timeline", "原因，记入经过")
        )
        parser.set_defaults(kind=kind)
    add_note(commands, shared)
    add_open(commands, shared)
    add_mute(commands, shared)
    add_test(commands, shared)


def add_note(commands: Commands, shared: argparse.ArgumentParser) -> None:
    """Add ``note`` and ``hand-over``."""
    note = new(
        commands,
        shared,
        "note",
        Words("add a note", "添加备注"),
        lambda a: (a.incident, {"text": a.text}),
    )
    note.add_argument("incident", metavar="ID", help=INCIDENT)
    note.add_argument("text", type=text, metavar="TEXT", help=Words("what to note", "备注内容"))
    note.set_defaults(kind=ActionKind.NOTE)
    hand = new(
        commands,
        shared,
        "hand-over",
        Words("give it to somebody", "移交给他人"),
        lambda a: (a.incident, {"to": a.to}),
    )
    hand.add_argument("incident", metavar="ID", help=INCIDENT)
    hand.add_argument("--to", required=True, metavar="PERSON", help=Words("to whom", "移交给谁"))
    hand.set_defaults(kind=ActionKind.HAND_OVER)


def add_open(commands: Commands, shared: argparse.ArgumentParser) -> None:
    """Add ``open``: an incident that no sensor saw."""
    opens = new(
        commands,
        shared,
        "open",
        Words("open an incident that no sensor saw", "人工立案：传感器没有发现的险情"),
        opening,
    )
    opens.add_argument("site", metavar="SITE", help=Words("where", "站点"))
    opens.add_argument("hazard", choices=[h.value for h in Hazard], metavar="HAZARD",
                       help=listed(Hazard))  # fmt: skip
    opens.add_argument("text", type=text, metavar="TEXT", help=Words("what was seen", "看到了什么"))
    opens.add_argument("--severity", choices=[s.value for s in Severity], default="severe",
                       help=Words("how grave (severe)", "严重程度（severe）"))  # fmt: skip
    opens.set_defaults(kind=ActionKind.OPEN)


def add_mute(commands: Commands, shared: argparse.ArgumentParser) -> None:
    """Add ``mute`` and ``unmute``."""
    words = Words(
        "keep NODE/STREAM, a node or a site from paging for a while",
        "静音：某个数据流（NODE/STREAM）、节点或站点暂不通知人",
    )
    mute = new(commands, shared, "mute", words, muting)
    mute.add_argument("target", metavar="STREAM", help=TARGET)
    mute.add_argument(
        "--until",
        required=True,
        help=Words(
            "2h, 30min, 16:30 or 2026-11-23T16:30",
            "到何时为止：2h、30min、16:30 或 2026-11-23T16:30",
        ),
    )
    mute.add_argument(
        "--reason",
        type=text,
        required=True,
        help=Words("for example: cleaning the gauge", "原因，例如：清洗水位计"),
    )
    mute.set_defaults(kind=ActionKind.MUTE)
    words = Words("let it page again", "取消静音")
    unmute = new(commands, shared, "unmute", words, lambda args: (args.target, {}))
    unmute.add_argument("target", metavar="STREAM", help=TARGET)
    unmute.set_defaults(kind=ActionKind.UNMUTE)


def add_test(commands: Commands, shared: argparse.ArgumentParser) -> None:
    """Add ``test``: one page marked DRILL."""
    words = Words("send PERSON one page marked DRILL", "向 PERSON 发一条标明“演练”的通知")
    test = new(commands, shared, "test", words, lambda args: (args.person, {}))
    test.add_argument("person", metavar="PERSON", help=Words("whom", "通知谁"))
    test.set_defaults(kind=ActionKind.TEST)


def new(
    commands: Commands,
    shared: argparse.ArgumentParser,
    name: str,
    words: Words,
    asked: Callable[[argparse.Namespace], tuple[str, Details]],
) -> argparse.ArgumentParser:
    """Return the parser of one action; ``asked`` makes (target, details) of its arguments."""
    parser = commands.add_parser(name, parents=[shared], help=words)
    parser.add_argument(
        "--by", default=whoami(), help=Words("who does it (you)", "由谁执行（默认为你）")
    )
    parser.add_argument(
        "--wait",
        type=float,
        default=10.0,
        metavar="S",
        help=Words("seconds to wait for the hub (10)", "等待中心应答的秒数（10）"),
    )
    parser.add_argument(
        "--json", action="store_true", help=Words("one line of JSON", "输出一行 JSON")
    )
    parser.set_defaults(run=act, asked=asked)
    return parser


def act(args: argparse.Namespace) -> int:
    """Append the action to the log, wait for the hub's answer and print it."""
    configuration = read_config(args.config)
    with opened(configuration) as connection:
        log, clock = Log(connection), clock_of(connection)
        args.now_us, args.zone = clock.now_us(), configuration.hub.zone
        target, details = args.asked(args)
        check_target(configuration, log, args.kind, target)
        offset = log.append_action(args.kind, target, args.by, "cli", details, args.now_us)
        result = wait_for(connection, offset, args.wait)
    return answer(args, offset, result)


def answer(args: argparse.Namespace, offset: int, result: ActionResult | None) -> int:
    """Print what came of an action; 1 when it was refused or nobody answered."""
    silence = (say("en", "no answer", wait_s=args.wait), say("zh", "no answer", wait_s=args.wait))
    english, chinese = (result.words_en, result.words_zh) if result else silence
    ok = bool(result and result.ok)
    if args.json:
        incident = result.incident if result else ""
        facts = {"ok": ok, "answered": result is not None, "offset": offset, "incident": incident}
        print_json(facts | {"words_en": english, "words_zh": chinese})
    else:
        print(of_pair(args.lang, english, chinese))
    return 0 if ok else 1


def wait_for(connection: sqlite3.Connection, offset: int, wait_s: float) -> ActionResult | None:
    """Return what came of the action at ``offset``, or None after ``wait_s`` real seconds."""
    book, end = Book(connection), time.monotonic() + wait_s
    while (result := book.action_result(offset)) is None and time.monotonic() < end:
        time.sleep(POLL_S)
    return result


def check_target(configuration: Configuration, log: Log, kind: ActionKind, target: str) -> None:
    """Refuse a target that exists nowhere, saying what was meant.

    Raises:
        ConfigError: for an unknown person, site or datastream.
    """
    network = configuration.network
    known: set[str] = set()
    if kind is ActionKind.TEST:
        known = set(configuration.people.persons)
    elif kind is ActionKind.OPEN:
        known = set(network.sites)
    elif kind is ActionKind.MUTE:
        streams = {s.id for s in network.datastreams.values()}
        seen = {name for row in log.datastreams() for name in (row.node, f"{row.node}/{row.name}")}
        known = {*network.sites, *network.nodes, *streams, *seen}
    if known and target not in known:
        raise ConfigError(target, NOTHING_CALLED.filled(near=did_you_mean(target, known)))


def reason_of(args: argparse.Namespace) -> Details:
    """Return the reason that was given, if any."""
    return {"reason": args.reason} if args.reason else {}


def opening(args: argparse.Namespace) -> tuple[str, Details]:
    """Return the target and details of ``open``."""
    details: Details = {"site": args.site, "hazard": args.hazard}
    return args.site, details | {"severity": args.severity, "text": args.text}


def muting(args: argparse.Namespace) -> tuple[str, Details]:
    """Return the target and details of ``mute``."""
    until_us = until(args.until, args.now_us, args.zone)
    return args.target, {"reason": args.reason, "until_us": until_us}


def until(words: str, now_us: int, zone: str) -> int:
    """Return the instant that ``words`` mean: a span from now, a local time, or an instant.

    Raises:
        ConfigError: it cannot be read, or is over already.
    """
    end_us = parsed_until(words, now_us, zone)
    if end_us is None:
        raise ConfigError("--until", NO_INSTANT.filled(text=words))
    if end_us <= now_us:
        raise ConfigError("--until", OVER_ALREADY.filled(text=words))
    return end_us


def parsed_until(words: str, now_us: int, zone: str) -> int | None:
    """Return the instant that ``words`` mean, or None."""
    now = from_us(now_us).astimezone(ZoneInfo(zone))
    if found := SPAN.fullmatch(words.strip()):
        return to_us(now + timedelta(seconds=int(found[1]) * SECONDS[found[2]]))
    try:
        if re.fullmatch(r"\d{1,2}:\d{2}", words):
            hour, minute = map(int, words.split(":"))
            today = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
            return to_us(today if today > now else today + timedelta(days=1))
        instant = datetime.fromisoformat(words)
    except ValueError:
        return None
    local = instant if instant.tzinfo else instant.replace(tzinfo=ZoneInfo(zone))
    return to_us(local.astimezone(UTC))


def text(value: str) -> str:
    """Return a text of 1 to ``TEXT_LIMIT`` characters."""
    stripped = value.strip()
    if not 1 <= len(stripped) <= TEXT_LIMIT:
        raise argparse.ArgumentTypeError(CHARACTERS.filled(most=TEXT_LIMIT))
    return stripped


def whoami() -> str:
    """Return who acts: TOCSIN_PERSON, or the name of the account."""
    try:
        return os.environ.get("TOCSIN_PERSON") or getpass.getuser()
    except (KeyError, OSError):
        return "cli"
