"""Why something failed - the system, SQLite, TOML, a sensor, a setting - in both languages.

They speak English only: their sentences are logged, travel to the hub, or belong to others.
Whoever adds one writes its Chinese here; a test looks for those that are missing.
"""

from __future__ import annotations

import errno
from typing import Final

from tocsin_edge.words import Phrasebook, Words

SYSTEM: Final = {
    errno.ENOENT: Words("no such file or folder", "文件或目录不存在"),
    errno.EEXIST: Words("it exists already", "已经存在"),
    errno.EACCES: Words("permission denied", "权限不足"),
    errno.EPERM: Words("not permitted", "不允许此操作"),
    errno.EISDIR: Words("it is a folder", "这是目录，不是文件"),
    errno.ENOTDIR: Words("a part of the path is no folder", "路径中有一级不是目录"),
    errno.ENOSPC: Words("the disk is full", "磁盘已满"),
    errno.EROFS: Words("the disk is read-only", "磁盘只读"),
    errno.EIO: Words("the disk failed (I/O error)", "磁盘读写出错"),
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
    Words("{text} has no offset from UTC", "{text} 没有写明时区"),
    Words("Invalid isoformat string: {text}", "时间写法无效：{text}"),
    Words("could not convert string to float: {text}", "{text} 不是数字"),
    Words("not enough values to unpack (expected {n}, got {got})", "应有 {n} 列，现有 {got} 列"),
    Words("too many values to unpack (expected {n})", "多于 {n} 列"),
    Words(
        "'{codec}' codec can't decode byte {byte} in position {at}: {what}",
        "第 {at} 字节 {byte} 不是 {codec} 编码",
    ),
)

SPOOL: Final = (
    Words("spool cannot be written: {why}", "缓存写不进去：{why}"),
    Words("spool cannot be used: {why}", "缓存不可用：{why}"),
    Words("spool cannot be read: {why}", "缓存读不出来：{why}"),
    Words("{number} is no number", "{number} 不是数字"),
    Words("{file} cannot be opened: {why}", "无法打开 {file}：{why}"),
    Words("{file} does not exist: has the node ever run?", "没有 {file}：节点运行过吗？"),
    Words("{file} cannot be read: {why}", "无法读取 {file}：{why}"),
    Words("{folder} cannot be used: {why}", "无法使用 {folder}：{why}"),
    Words("{folder} is in use by another tocsin-edge", "{folder} 正被另一个 tocsin-edge 使用"),
    Words("unable to open database file", "数据库文件打不开"),
    Words("database is locked", "数据库正被占用"),
    Words("file is not a database", "这不是数据库文件"),
    Words("attempt to write a readonly database", "数据库只读"),
    Words("disk I/O error", "磁盘读写出错"),
    Words("database disk image is malformed", "数据库文件已损坏"),
    Words("database or disk is full", "磁盘已满"),
    Words("no such table: {table}", "数据库中没有表 {table}"),
)

LINK: Final = (
    Words("no receipt for {seconds} s", "{seconds} 秒没有收到回执"),
    Words("no answer", "没有应答"),
    Words("timed out", "超时无应答"),
    Words("the broker refused the node or did not answer", "消息代理拒绝本节点或没有应答"),
    Words("password file {file} cannot be read: {why}", "无法读取密码文件 {file}：{why}"),
    Words("certificate or key cannot be used: {why}", "证书或私钥不可用：{why}"),
    Words("[Errno {number}] {what}: {path}", "{path}：{what}（系统错误 {number}）"),
    Words("[Errno {number}] {what}", "{what}（系统错误 {number}）"),
    Words("No such file or directory", "文件或目录不存在"),
    Words("Permission denied", "权限不足"),
    Words("list index out of range", "文件为空"),
    Words("Name or service not known", "找不到这个主机名"),
    Words("Temporary failure in name resolution", "暂时无法解析主机名"),
    Words("Not authorized", "未获授权"),
    Words("Bad user name or password", "用户名或密码错误"),
    Words("Server unavailable", "服务不可用"),
)

SENSORS: Final = (
    Words("{file} has no sensor {name}", "{file} 中没有传感器 {name}"),
    Words("{name} is in {unit}, not in {other}", "{name} 的单位是 {unit}，不是 {other}"),
    Words("a simulated sensor needs a [world] table", "模拟传感器需要 [world] 表"),
    Words("the world has no {name}, only {names}", "模拟环境中没有 {name}，只有 {names}"),
    Words("simulated: the sensor is broken", "模拟：传感器损坏"),
    Words("{bus} needs: pip install tocsin-edge[{extra}]",
          "{bus} 需要先执行 pip install tocsin-edge[{extra}]"),
    Words("ADS1115 does not answer: {why}", "ADS1115 没有应答：{why}"),
    Words("ADS1115 does not finish its conversion", "ADS1115 转换未完成"),
    Words("4-20 mA below 3.6 mA", "4-20 mA 回路低于 3.6 mA：断线或掉电"),
    Words("4-20 mA above 21 mA", "4-20 mA 回路高于 21 mA：短路或变送器故障"),
    Words("I2C bus {number} cannot be opened: {why}", "无法打开 I2C 总线 {number}：{why}"),
    Words("1-wire sensor does not answer: {why}", "1-wire 传感器没有应答：{why}"),
    Words("1-wire sensor gave no reading", "1-wire 传感器没有读数"),
    Words("1-wire CRC error: check cable and pull-up", "1-wire 校验错误：请检查线缆和上拉电阻"),
    Words("1-wire bus is shorted: all bytes are zero", "1-wire 总线短路：读数全为零"),
    Words("85.0 is the power-on value: no conversion ran, check the supply",
          "85.0 是上电初值：没有完成测量，请检查供电"),
    Words("{value} is outside what the sensor can measure", "{value} 超出传感器量程"),
    Words("smoke detector reports a fault or has no power", "感烟探测器故障或断电"),
    Words("the sensor cannot be opened", "传感器打不开"),
)  # fmt: skip

SETTINGS: Final = (
    Words("{name} must be positive, got {got}", "{name} 应为正数，现为 {got}"),
    Words("{name} and {other} must be positive", "{name} 和 {other} 应为正数"),
    Words("{name} must be positive", "{name} 应为正数"),
    Words("{name} and {other} must not be negative", "{name} 和 {other} 不得为负"),
    Words("{name} must be at most {most}, got {got}", "{name} 最大为 {most}，现为 {got}"),
    Words("{name} must be at most {most}", "{name} 最大为 {most}"),
    Words("{name} must be at least twice every_s: one canary may be lost",
          "{name} 至少应为 every_s 的两倍：偶尔丢一条探测消息不算失联"),
    Words("{name} must be at least {least}", "{name} 最小为 {least}"),
    Words("{name} must be between {low} and {high}, got {got}",
          "{name} 应在 {low} 至 {high} 之间，现为 {got}"),
    Words("{name} must be within {low} to {high}, got {got}",
          "{name} 应在 {low} 至 {high} 之间，现为 {got}"),
    Words("username needs password_file", "写了 username 就要写 password_file"),
    Words("{name} and {other} belong together", "{name} 与 {other} 必须成对出现"),
    Words("{name} is no name: 1 to 64 of A-Z a-z 0-9 _ -",
          "{name} 不能用作名称：可用 1 至 64 个 A-Z a-z 0-9 _ -"),
    Words("alarm_below {below} is not below alarm_above {above}",
          "alarm_below（{below}）应低于 alarm_above（{above}）"),
    Words("two datastreams are called {name}", "有两个数据流都叫 {name}"),
    Words("channel is 0 to 3, got {got}", "channel 应为 0 至 3，现为 {got}"),
    Words("range_v is one of {names}", "range_v 可选：{names}"),
    Words("21.5 mA over {ohm} ohm do not fit {volt} V",
          "21.5 mA 流过 {ohm} 欧姆，超出 {volt} V 量程"),
    Words("at_4ma and at_20ma are equal", "at_4ma 与 at_20ma 不能相等"),
    Words("a pin is a BCM number from 0 to 27, got {got}",
          "引脚应为 0 至 27 的 BCM 编号，现为 {got}"),
    Words("pin is a BCM number from 0 to 27, got {got}",
          "pin 应为 0 至 27 的 BCM 编号，现为 {got}"),
    Words("{name} is no 1-wire id such as 28-0316a279e4ff",
          "{name} 不是 1-wire 编号，编号形如 28-0316a279e4ff"),
    Words("alarm and fault relay share one pin", "报警继电器与故障继电器不能共用一个引脚"),
    Words("a storm has a duration, a depth and a peak between 0 and 1",
          "一场暴雨须有历时、雨量和 0 至 1 之间的峰位"),
    Words("runoff is a share from 0 to 1, got {got}", "runoff 是 0 至 1 的比例，现为 {got}"),
    Words("needs either sender or service", "sender 与 service 必须且只能写一个"),
    Words("base_url must be http(s), got {got}", "base_url 应以 http 或 https 开头，现为 {got}"),
    Words("number must be E.164, as +8613800000000",
          "number 应为国际格式的电话号码，如 +8613800000000"),
    Words("name_en: 1 to 30 plain letters, digits and .,:/'()&+-",
          "name_en：1 至 30 个英文字母、数字和 .,:/'()&+-"),
    Words("name_zh: 1 to {most} characters", "name_zh：1 至 {most} 个字符"),
    Words("needs 1 to {most} tables [[recipient]]", "[[recipient]] 表应有 1 至 {most} 个"),
    Words("zone {zone} is not known here", "本机没有时区 {zone}"),
)  # fmt: skip

BOOK: Final = Phrasebook((*TOML, *SENSORS, *SETTINGS, *LINK, *SPOOL))


def why(error: BaseException) -> Words:
    """Return what ``error`` says, in both languages as far as it is known."""
    if isinstance(error, OSError) and error.errno in SYSTEM:
        return SYSTEM[error.errno]
    return BOOK.both(str(error) or type(error).__name__)
