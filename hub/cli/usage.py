"""What argparse says by itself, and our own words about a wrong argument: English and Chinese."""

from __future__ import annotations

from typing import Final

from hub.words import Phrasebook, Words

USAGE: Final = Words("usage: ", "用法：")
ERROR: Final = Words("{prog}: error: {problem}", "{prog}：用法有误：{problem}")

# our own kinds of arguments
CHARACTERS: Final = Words("1 to {most} characters, please", "应为 1 至 {most} 个字符")
POSITIVE: Final = Words("must be positive", "应为正数")
FROM_TO: Final = Words("must be from {low} to {high}", "应在 {low} 至 {high} 之间")

HELP: Final = Phrasebook(
    (
        CHARACTERS,
        POSITIVE,
        FROM_TO,
        Words("positional arguments", "参数"),
        Words("options", "选项"),
        Words("show this help message and exit", "显示此帮助并退出"),
        Words("show program's version number and exit", "显示版本号并退出"),
        Words("argument {name}: {problem}", "参数 {name}：{problem}"),
        Words("expected one argument", "需要一个值"),
        Words("expected at most one argument", "最多一个值"),
        Words("expected at least one argument", "至少一个值"),
        Words("expected {n} arguments", "需要 {n} 个值"),
        Words("invalid choice: {value} (choose from {names})", "没有 {value}，可选：{names}"),
        Words("unknown parser {value} (choices: {names})", "没有命令 {value}，可选：{names}"),
        Words("invalid {kind} value: {value}", "{value} 不是{kind}"),
        Words("not allowed with argument {name}", "不能与 {name} 同时使用"),
        Words("ignored explicit argument {value}", "此选项不带值，多写了 {value}"),
        Words("unrecognized arguments: {names}", "没有这些参数：{names}"),
        Words("the following arguments are required: {names}", "还缺少：{names}"),
        Words("one of the arguments {names} is required", "以下参数须选其一：{names}"),
        Words("ambiguous option: {name} could match {names}", "{name} 有歧义，可能是 {names}"),
        Words("int", "整数"),
        Words("float", "数"),
        Words("limit", "整数"),
        Words("seconds", "秒数"),
        Words("port", "端口号"),
    )
)
