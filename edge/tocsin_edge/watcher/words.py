"""What the watcher's SMS say: English in one GSM-7 part, Chinese in at most two UCS-2 parts. Pure.

Names are held to characters of one septet by the configuration, so that length alone decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from tocsin_edge.watcher.outage import News
from tocsin_edge.watcher.vigil import Cause

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST: Final = {"en": 160, "zh": 134}
LONG_S: Final = 5400

HEADS: Final = {
    News.DOWN: {
        "en": "HUB DOWN {name}: no answer since {since}",
        "zh": "【中心失联】{name}：{since}起无应答",
    },
    News.STILL: {
        "en": "HUB STILL DOWN {name}: no answer for {span}, since {since}",
        "zh": "【中心仍失联】{name}：已{span}无应答（{since}起）",
    },
    News.RECOVERED: {
        "en": "HUB RECOVERED {name}: it answers again, was away {span} from {since}",
        "zh": "【中心恢复】{name}：已恢复应答，自{since}起中断{span}",
    },
    News.DRILL: {
        "en": "DRILL: test of the hub watcher of {name}. Nothing to do",
        "zh": "【演练】{name}中心值守测试，无需处置",
    },
}
CAUSES: Final = {
    Cause.BROKER: {"en": "Its broker cannot be reached", "zh": "消息服务器无法连接"},
    Cause.INTAKE: {
        "en": "Broker up, hub takes nothing in",
        "zh": "消息服务器正常，但中心不接收数据：已停止或卡死",
    },
    Cause.CHAIN: {
        "en": "Data gets in, no decisions get out",
        "zh": "数据能接收，但不判断或不发送",
    },
}
DANGER: Final = {
    "en": "No alarm goes out: check it now",
    "zh": "期间不会发出任何警报，请立即检查",
}
FROM: Final = {"en": "Watcher {node}", "zh": "值守节点{node}"}
STOP: Final = {"en": ". ", "zh": "。"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a text rests on; ``since_s`` and ``now_s`` are seconds since 1970."""

    name_en: str
    name_zh: str
    node: str
    zone: ZoneInfo
    since_s: float
    now_s: float
    cause: Cause | None = None


def compose(news: News, facts: Facts, language: str) -> str:
    """Return the text of ``news``; what does not fit leaves from its end."""
    words = {
        "name": facts.name_zh if language == "zh" else facts.name_en,
        "since": local(facts, language),
        "span": span(facts.now_s - facts.since_s, language),
        "node": facts.node,
    }
    told = news in (News.DOWN, News.STILL)
    parts = [HEADS[news][language]]
    parts += [CAUSES[facts.cause][language], DANGER[language]] if told and facts.cause else []
    parts.append(FROM[language])
    return joined([part.format(**words) for part in parts], language)


def joined(parts: Iterable[str], language: str) -> str:
    """Return as many of ``parts`` as fit."""
    text = ""
    for part in parts:
        longer = f"{text}{STOP[language]}{part}" if text else part
        if len(longer) <= MOST[language]:
            text = longer
    return text


def local(facts: Facts, language: str) -> str:
    """Return since when, on the reader's clock; with the date unless it is today."""
    since = datetime.fromtimestamp(facts.since_s, facts.zone)
    now = datetime.fromtimestamp(facts.now_s, facts.zone)
    if since.date() == now.date():
        return f"{since:%H:%M:%S}"
    if language == "zh":
        return f"{since.month}月{since.day}日{since:%H:%M}"
    return f"{since.day} {since:%b %H:%M}"


def span(seconds: float, language: str) -> str:
    """Return a length of time in the unit people use for it."""
    chinese = language == "zh"
    if seconds < 100:
        return f"{seconds:.0f}秒" if chinese else f"{seconds:.0f} s"
    if seconds < LONG_S:
        return f"{seconds / 60:.0f}分钟" if chinese else f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f}小时" if chinese else f"{seconds / 3600:.0f} h"
