"""The loss ledger in the API and as a plain page: what came of each node's messages."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from aiohttp import web

from hub.clock import from_us
from hub.console.asking import answer, instant_us, whole
from hub.console.deps import DEPS, THREADS
from hub.console.problem import ProblemError
from hub.console.shapes import LossHour, LossNode, LossShape
from hub.console.words import instant, printable
from hub.store.losses import HOUR_US, KEPT_HOURS, Counts, Losses

if TYPE_CHECKING:
    import sqlite3

DAY_US: Final = 24 * HOUR_US
MOST_ROWS: Final = 10_000
PAGE_ROWS: Final = 500
COLUMNS: Final = (
    ("received", "Received", "已收"),
    ("missing", "Missing", "缺失"),
    ("late", "Late", "迟到"),
    ("duplicates", "Duplicates", "重复"),
    ("quarantined", "Quarantined", "隔离"),
    ("evicted", "Evicted by the node", "节点已弃"),
    ("asked", "Asked for again", "要求重传"),
)
NOBODY: Final = ("no known node", "未知节点")
FRAME: Final = """<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="/static/icon.svg"><link rel="stylesheet" href="/static/link.css">
</head><body><main class="wide"><h1>{title}</h1><p>{words}</p>{body}</main>
<footer><a href="/">{home}</a> <a href="?lang={other}" lang="{other}">{switch}</a></footer>
</body></html>
"""
WORDS: Final = (
    (
        "Messages of the last 24 hours by node. Missing are numbers that were skipped and have "
        "neither come, been evicted nor gone to quarantine; the node still owes them or lost them."
    ),
    (
        "近 24 小时各节点的消息。缺失：被跳过且尚未到达、未被节点弃置、也不在隔离区的编号，"
        "即节点仍欠传或已丢失。"
    ),
)


async def losses(request: web.Request) -> web.Response:
    """Show what came of the messages of each node, in sum and hour by hour."""
    now_us = request.app[DEPS].clock.now_us()
    end_us = instant_us(request, "end", now_us + HOUR_US)
    start_us = instant_us(request, "start", end_us - DAY_US)
    node = request.query.get("node", "")
    limit = whole(request, "limit", 1000, MOST_ROWS)
    if not start_us < end_us:
        raise ProblemError(
            400, "bad-parameter", "'start' must be before 'end'.", "start 应早于 end。"
        )
    first, end = start_us // HOUR_US, -(-end_us // HOUR_US)
    found = await request.app[THREADS].read(
        lambda connection: shape_of(connection, (first, end), node, limit)
    )
    return answer(found)


def shape_of(
    connection: sqlite3.Connection, hours: tuple[int, int], node: str, limit: int
) -> LossShape:
    """Return sums and hours of the ledger, of ``node`` if given."""
    ledger = Losses(connection)
    sums = [c for c in ledger.totals(*hours) if node in ("", c.node)]
    return LossShape(
        kept_hours=KEPT_HOURS,
        nodes=[LossNode(node=printable(c.node), **numbers(c)) for c in sums[:limit]],
        hours=[
            LossHour(node=printable(c.node), hour=instant(c.hour * HOUR_US), **numbers(c))
            for c in ledger.between(*hours, node, limit)
        ],
    )


def numbers(counts: Counts) -> dict[str, int]:
    """Return the counted columns by name."""
    return {name: getattr(counts, name) for name, _, _ in COLUMNS}


async def losses_page(request: web.Request) -> web.Response:
    """Show the last day's losses by node, and by hour where something was lost."""
    deps = request.app[DEPS]
    chinese = request.query.get("lang", "zh") != "en"
    end = deps.clock.now_us() // HOUR_US + 1
    zone = next((site.zone for site in deps.network.sites.values()), "UTC")

    def read(connection: sqlite3.Connection) -> tuple[list[Counts], list[Counts]]:
        ledger = Losses(connection)
        return ledger.totals(end - 24, end), ledger.between(end - 24, end)

    sums, hours = await request.app[THREADS].read(read)
    troubled = [c for c in hours if c.missing or c.evicted or c.quarantined]
    body = table(sums[:PAGE_ROWS], chinese=chinese)
    body += table(troubled[:PAGE_ROWS], chinese=chinese, zone=zone) if troubled else ""
    page = FRAME.format(
        lang="zh-CN" if chinese else "en",
        title="消息损失账" if chinese else "Loss ledger",
        words=WORDS[chinese],
        body=body,
        home="主页" if chinese else "Main page",
        other="en" if chinese else "zh",
        switch="English" if chinese else "中文",
    )
    return web.Response(text=page, content_type="text/html", charset="utf-8")


def table(rows: list[Counts], *, chinese: bool, zone: str = "") -> str:
    """Return ``rows`` as a table, with the hour in local time where ``zone`` is given."""
    names = [("小时" if chinese else "Hour")] if zone else []
    names += ["节点" if chinese else "Node", *(column[1 + chinese] for column in COLUMNS)]
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    lines = "".join(f"<tr>{cells(row, zone, chinese=chinese)}</tr>" for row in rows)
    return f'<div class="scroll"><table><tr>{head}</tr>{lines}</table></div>'


def cells(row: Counts, zone: str, *, chinese: bool) -> str:
    """Return one row's cells; what should be zero and is not stands out."""
    name = printable(row.node) or NOBODY[chinese]
    first = (
        [f"{from_us(row.hour * HOUR_US).astimezone(ZoneInfo(zone)):%m-%d %H:%M}"] if zone else []
    )
    texts = "".join(f"<td>{escape(text)}</td>" for text in (*first, name))
    loud = {"missing", "evicted", "quarantined"}
    counts = (
        f'<td class="{"number bad" if value and key in loud else "number"}">{value}</td>'
        for key, value in numbers(row).items()
    )
    return texts + "".join(counts)
