"""What can be wrong with a node's or a watcher's configuration, in English and Chinese."""

from __future__ import annotations

from typing import Final

from tocsin_edge.words import Words

AT: Final = Words("{where}: {problem}", "{where}：{problem}")

# what every table may have wrong with it
UNREADABLE: Final = Words("cannot be read: {why}", "无法读取：{why}")
NOT_TOML: Final = Words("is not TOML: {why}", "不是正确的 TOML：{why}")
NOT_A_TABLE: Final = Words("expected a table, got {got!r}", "应为一张表，现为“{got}”")
NOT_A_LIST: Final = Words("expected a list, got {got!r}", "应为列表，现为“{got}”")
OF_KIND: Final = Words("expected {kind}, got {got!r}", "应为{kind}，现为“{got}”")
KINDS: Final[dict[object, Words]] = {
    str: Words("text", "文本"),
    bool: Words("true or false", " true 或 false "),
    int: Words("a whole number", "整数"),
    float: Words("a number", "数"),
    list: Words("a list", "列表"),
    dict: Words("a table", "表"),
}
SOMETHING: Final = Words("a value of another kind", "其他类型的值")
MISSING: Final = Words("is missing", "缺少此项")
UNKNOWN_KEY: Final = Words("unknown key; {near}", "没有这个键；{near}")
UNKNOWN_KIND: Final = Words("unknown kind {kind!r}; {near}", "没有“{kind}”这一种；{near}")
UNKNOWN_UNIT: Final = Words(
    "unknown unit {unit!r}; known are {names}", "不认识单位“{unit}”；可用：{names}"
)
DID_YOU_MEAN: Final = Words("did you mean {near!r}?", "是否应为“{near}”？")
KNOWN: Final = Words("known are {names}", "可用：{names}")
NONE_OF: Final = Words("{value!r} is none of {names}", "“{value}”不在可选值之内：{names}")

# the command line
HOST_PORT: Final = Words("expected HOST:PORT, got {got!r}", "应写成 HOST:PORT，现为“{got}”")
CLOCK: Final = Words(
    "expected WALL_US,SIM_US,RATE, got {got!r}", "应写成 WALL_US,SIM_US,RATE，现为“{got}”"
)
RATE: Final = Words("the rate must be positive, got {got}", "倍率应为正数，现为 {got}")

# recordings
FIRST_LINE: Final = Words("the first line must be {columns}", "首行应为 {columns}")

# the watcher
NAME_SECRET: Final = Words("name {key}_file or _env", "请写 {key}_file 或 {key}_env")
SECRET_UNREADABLE: Final = Words("{file} cannot be read: {why}", "无法读取 {file}：{why}")
SECRET_EMPTY: Final = Words("{source} is empty or not set", "{source} 为空或未设置")
UNWRITABLE: Final = Words("{folder} cannot be written: {why}", "无法写入 {folder}：{why}")
