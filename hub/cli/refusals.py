"""Why a command is refused, in English and Chinese."""

from __future__ import annotations

from typing import Final

from hub.words import Words

NO_DATA: Final = Words(
    "{path} is missing: no hub has run here yet (tocsin run)",
    "没有 {path}：这里还没有运行过中心（tocsin run）",
)
NO_INCIDENT: Final = Words(
    "no incident is called {name!r}: see tocsin incidents --all",
    "没有编号为“{name}”的事件：请查看 tocsin incidents --all",
)
NOTHING_CALLED: Final = Words("nothing is called so; {near}", "没有这个名称；{near}")
NO_SITE: Final = Words("is no site; {near}", "不是站点；{near}")
NEVER_SPOKE: Final = Words("never spoke; {near}", "从未有过此节点的消息；{near}")
NO_INSTANT: Final = Words(
    "{text!r} cannot be read: write 2h, 30min or 16:30",
    "“{text}”无法识别：请写 2h、30min 或 16:30",
)
OVER_ALREADY: Final = Words("{text} is over already", "{text} 已经过去")
NO_WATCHER: Final = Words(
    "tocsin-edge is not installed here: pip install tocsin-edge",
    "此处没有安装 tocsin-edge：请执行 pip install tocsin-edge",
)
HOLDS_NO: Final = Words(
    "{source}: the backup holds no {database}", "{source}：备份中没有 {database}"
)
DATA_EXISTS: Final = Words(
    "{target} exists: --force puts it aside under another name",
    "{target} 已存在：加 --force 会把它改名保留",
)
CANNOT_USE: Final = Words("cannot use {data}: {why}", "无法使用 {data}：{why}")
UNREADABLE: Final = Words("cannot be read: {why}", "无法读取：{why}")
NO_DETECTOR: Final = Words("no detector is {name!r}", "没有名为“{name}”的检测器")
NO_PAYLOAD: Final = Words("no payload kind is {name!r}", "没有名为“{name}”的报文格式")
AT_PLUGIN: Final = Words("{where} {problem}", "{where} {problem}")
SET_IT: Final = Words(
    "set it, or take the [[channel]] {name!r} out of hub.toml",
    "请设置，或从 hub.toml 中去掉 [[channel]]“{name}”",
)
