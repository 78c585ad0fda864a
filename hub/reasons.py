"""Why something outside the hub failed - the system, SQLite, a parser - in both languages.

They speak English only; what they are known to say is written down here in Chinese too.
"""

from __future__ import annotations

import errno
from typing import Final

from hub.words import Phrasebook, Words

SYSTEM: Final = {
    errno.ENOENT: Words("no such file or folder", "文件或目录不存在"),
    errno.EEXIST: Words("it exists already", "已经存在"),
    errno.EACCES: Words("permission denied", "权限不足"),
    errno.EPERM: Words("not permitted", "不允许此操作"),
    errno.EISDIR: Words("it is a folder", "这是目录，不是文件"),
    errno.ENOTDIR: Words("a part of the path is no folder", "路径中有一级不是目录"),
    errno.ENAMETOOLONG: Words("the name is too long", "名称过长"),
    errno.ENOSPC: Words("the disk is full", "磁盘已满"),
    errno.EROFS: Words("the disk is read-only", "磁盘只读"),
    errno.EIO: Words("the disk failed (I/O error)", "磁盘读写出错"),
    errno.EMFILE: Words("too many open files", "打开的文件过多"),
    errno.EADDRINUSE: Words("another program uses this port", "端口已被其他程序占用"),
    errno.EADDRNOTAVAIL: Words("this machine has no such address", "本机没有这个地址"),
    errno.ECONNREFUSED: Words("nobody listens there", "对方没有服务在监听"),
    errno.ECONNRESET: Words("the connection was cut", "连接被对方中断"),
    errno.ETIMEDOUT: Words("no answer in time", "超时无应答"),
    errno.EHOSTUNREACH: Words("the host cannot be reached", "主机不可达"),
    errno.ENETUNREACH: Words("the network cannot be reached", "网络不可达"),
}

TOML: Final = (
    Words("{what} (at line {line}, column {column})", "第 {line} 行第 {column} 列：{what}"),
    Words("{what} (at end of document)", "文件末尾：{what}"),
    Words("Invalid value", "值无效"),
    Words("Invalid statement", "语句无效"),
    Words("Invalid date or datetime", "日期或时间无效"),
    Words("Invalid initial character for a key part", "键名的首字符无效"),
    Words("Expected '=' after a key in a key/value pair", "键名后应有等号"),
    Words("Expected newline or end of document after a statement", "一行只能写一条语句"),
    Words("Expected ']' at the end of a table declaration", "表名后缺少 ]"),
    Words("Expected ']]' at the end of an array declaration", "表名后缺少 ]]"),
    Words("Unclosed array", "列表没有结尾的 ]"),
    Words("Unclosed inline table", "行内表没有结尾的 }}"),
    Words("Unterminated string", "字符串没有结尾的引号"),
    Words("Unescaped '\\' in a string", "字符串中的反斜杠没有转义"),
    Words("Illegal character {character}", "不允许的字符 {character}"),
    Words("Found invalid character {character}", "不允许的字符 {character}"),
    Words("Cannot overwrite a value", "这个键写了两次"),
    Words("Cannot declare {table} twice", "表 {table} 写了两次"),
    Words("Duplicate inline table key {key}", "行内表的键 {key} 写了两次"),
    Words("Cannot mutate immutable namespace {table}", "不能改写已有的表 {table}"),
)

JSON: Final = (
    Words(
        "{what}: line {line} column {column} (char {char})",
        "第 {line} 行第 {column} 列：{what}",
    ),
    Words("Expecting value", "此处应有值"),
    Words("Extra data", "结尾之后还有多余内容"),
    Words("Expecting property name enclosed in double quotes", "键名应写在双引号内"),
    Words("Expecting ',' delimiter", "缺少逗号"),
    Words("Expecting ':' delimiter", "缺少冒号"),
    Words("Unterminated string starting at", "字符串没有结尾的引号"),
    Words("Invalid control character at", "不允许的控制字符"),
    Words("Invalid \\escape", "转义写法无效"),
    Words("JSON is malformed: {what} (byte {byte})", "JSON 第 {byte} 字节处有误：{what}"),
)

SQLITE: Final = (
    Words("unable to open database file", "数据库文件打不开"),
    Words("database is locked", "数据库正被占用"),
    Words("file is not a database", "这不是数据库文件"),
    Words("attempt to write a readonly database", "数据库只读"),
    Words("disk I/O error", "磁盘读写出错"),
    Words("database disk image is malformed", "数据库文件已损坏"),
    Words("database or disk is full", "磁盘已满"),
    Words("no such table: {table}", "数据库中没有表 {table}"),
)

SETTINGS: Final = (
    Words("rule {rule}: {what}", "规则 {rule}：{what}"),
    Words("the name is used twice", "名称重复"),
    Words("no detector {name}; there are {names}", "没有检测器 {name}；可选：{names}"),
    Words("direction must be rise or fall, got {got}", "direction 应为 rise 或 fall，现为 {got}"),
    Words("most must be at least raise_at, got {got}", "most 不得小于 raise_at，现为 {got}"),
    Words("the rate of a clock must be positive, got {got}", "时钟倍率应为正数，现为 {got}"),
    Words("Object missing required field `{name}`{rest}", "缺少 {name}"),
    Words("Expected `{kind}`, got `{got}` - at `$.{name}`", "{name} 的类型应为 {kind}，现为 {got}"),
    Words("Invalid enum value {value} - at `$.{name}`", "{name} 不能是 {value}"),
    Words("{call} missing {n} required positional argument{s}: {names}", "缺少 {names}"),
    Words("{call} got an unexpected keyword argument {name}", "没有 {name} 这一项"),
    Words("not enough values to unpack (expected {n}, got {got})", "应有 {n} 项，现有 {got} 项"),
    Words("too many values to unpack (expected {n})", "多于 {n} 项"),
)

OTHERS: Final = (
    Words(
        "'{codec}' codec can't decode byte {byte} in position {at}: {what}",
        "第 {at} 字节 {byte} 不是 {codec} 编码",
    ),
    Words("Invalid isoformat string: {text}", "日期写法无效：{text}"),
    Words("could not convert string to float: {text}", "{text} 不是数字"),
    Words("invalid literal for int() with base 10: {text}", "{text} 不是整数"),
    Words("maximum recursion depth exceeded{rest}", "嵌套过深"),
    Words("timed out", "超时无应答"),
    Words("The read operation timed out", "超时无应答"),
)

BOOK: Final = Phrasebook((*TOML, *JSON, *SQLITE, *SETTINGS, *OTHERS))


def why(error: BaseException) -> Words:
    """Return what ``error`` says, in both languages as far as it is known."""
    if isinstance(error, OSError) and error.errno in SYSTEM:
        return SYSTEM[error.errno]
    said = error.args[0] if error.args and isinstance(error.args[0], Words) else str(error)
    return BOOK.both(said or type(error).__name__)
