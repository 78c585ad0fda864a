"""What keeps the hub from running, in English and Chinese: the loops, their clock, recordings."""

from __future__ import annotations

from typing import Final

from hub.words import Words

RUNS_ALREADY: Final = Words(
    "process {owner} already runs {loop} on {folder}: stop it first",
    "进程 {owner} 已在 {folder} 上运行 {loop}：请先停止它",
)
UNKNOWN_OWNER: Final = Words("unknown", "（编号不明）")
NO_LOOP: Final = Words("{name!r} is none of {names}", "没有“{name}”：可选 {names}")
NO_CLOCK: Final = Words("{text!r} is no clock: {why}", "“{text}”不是时钟设定：{why}")
WOULD_CALL: Final = Words(
    "channel {name} would call real people: unset it",
    "渠道 {name} 会真的通知到人：请取消此环境变量",
)
UNREADABLE: Final = Words("cannot be read: {why}", "无法读取：{why}")
NOTHING_IN_IT: Final = Words("there is nothing in it", "文件中没有数据")
FIRST_LINE: Final = Words("the first line must be {columns}", "首行应为 {columns}")
NO_RECORDINGS: Final = Words(
    "holds no recordings (index.json and NAME.csv.gz): {why}",
    "目录中没有记录（index.json 和 NAME.csv.gz）：{why}",
)
NO_NODES: Final = Words("holds no node: the demo needs some", "目录中没有节点：演示至少需要一个")
DISK_FULL: Final = Words("the disk is full: {do}", "磁盘已满：{do}")
DISK_DO: Final = Words(
    "nothing is taken in, nodes keep what they send, open incidents are paged; free space on it",
    "暂停接收，节点自行保存数据，未结事件照常通知；请清理磁盘",
)
