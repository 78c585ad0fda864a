"""What the hub says of itself: alive, ready, and in which words it is not."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from aiohttp import web

import hub
from hub.console.asking import answer
from hub.console.deps import DEPS, THREADS
from hub.console.shapes import CheckShape, HealthShape, Words
from hub.console.words import HISTORY_FULL, HISTORY_LOCAL, instant
from hub.errors import StoreError

if TYPE_CHECKING:
    import sqlite3

    from hub.console.deps import ConsoleDeps

PROBE_S: Final = 2.0
# What a check is of, by its first word, and what a Chinese reader is told to do about it:
# the reason itself stands in English, in the provider's or the system's own words.
CHINESE: Final = {
    "log": ("日志存储", "无法写入，请清理所在磁盘"),
    "broker": ("消息代理", "没有连接，请检查代理服务"),
    "intake": ("接收", "接收出错，正在重试，请查看中心日志"),
    "watch": ("监测", "监测出错，请查看中心日志"),
    "respond": ("响应", "响应出错，正在重试，请查看中心日志"),
    "deliver": ("发送", "发送出错，正在重试，请查看中心日志"),
    "store": ("历史写入", "写入出错，报警不受影响"),
    "influx": ("InfluxDB", "无法写入，数据仍在本地日志中"),
    "channel": ("渠道", "通知发不出去，请检查服务商账号与网络"),
    "rule": ("规则", "运行出错，请修正规则"),
    "dead-man": ("外部值守", "无法报平安，请检查网络与地址"),
    "console": ("页面", "页面更新滞后，请查看中心日志"),
    "sms": ("短信收件人", "已拒收短信，请联系本人恢复接收"),
}
OTHERWISE: Final = "请查看中心日志"


def health_of(deps: ConsoleDeps) -> HealthShape:
    """Return the hub's state from its checks; a required check that never spoke is not well."""
    checks = {
        name: CheckShape(ok=check.ok, words=check.words)
        for name, check in sorted(deps.health.checks().items())
    }
    missing = {
        name: CheckShape(ok=False, words="not started yet")
        for name in deps.settings.required
        if name not in checks
    }
    every = checks | missing
    red = [
        name for name in (*deps.settings.required, "log") if name in every and not every[name].ok
    ]
    return HealthShape(
        ready=not red,
        version=hub.__version__,
        now=instant(deps.clock.now_us()),
        rate=deps.clock.rate,
        history=HISTORY_FULL if deps.settings.influx else HISTORY_LOCAL,
        trouble=[trouble(name, check) for name, check in every.items() if not check.ok],
        checks=every,
    )


def trouble(name: str, check: CheckShape) -> Words:
    """Return what is not well in both languages; English has the check's own reason."""
    first, _, rest = name.replace(":", " ", 1).partition(" ")
    called, advice = CHINESE.get(first, (first, OTHERWISE))
    of = "" if first == "watch" else rest
    return Words(
        en=f"{name}: {check.words}", zh=f"{' '.join(filter(None, (called, of)))}异常：{advice}"
    )


async def healthz(request: web.Request) -> web.Response:
    """Say that the process is alive."""
    del request
    return web.Response(text="alive\n")


async def readyz(request: web.Request) -> web.Response:
    """Say whether the alarm path works: the log takes writes, the broker is there, loops run.

    503 when it does not, with words.
    """
    deps = request.app[DEPS]
    await probe_log(request.app)
    state = health_of(deps)
    return answer(state, 200 if state.ready else 503)


async def probe_log(app: web.Application) -> None:
    """Write to the log's own file and put the outcome among the checks; at most every 2 s."""
    if time.monotonic() - app[PROBE].at < PROBE_S:
        return
    health = app[DEPS].health
    try:
        await app[THREADS].write(touch)
    except StoreError as error:
        health.ill("log", f"{error}; free space on its disk, then the hub goes on by itself")
    else:
        health.well("log")
    app[PROBE].at = time.monotonic()


def touch(connection: sqlite3.Connection) -> None:
    """Write one small row, as every commit must."""
    connection.execute(
        "INSERT INTO meta VALUES ('console_probe', ?)"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (str(time.time_ns()),),
    )


class Probe:
    """When the log was last probed (monotonic seconds)."""

    def __init__(self) -> None:
        self.at = float("-inf")


PROBE: web.AppKey[Probe] = web.AppKey("probe")
