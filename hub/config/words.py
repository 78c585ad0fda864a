"""What can be wrong with a configuration and how to mend it, in English and Chinese."""

from __future__ import annotations

from typing import Final

from hub.words import Words

# what every table may have wrong with it
UNKNOWN_KEY: Final = Words("is an unknown key", "没有这个键")
MISSING: Final = Words("is missing", "缺少此项")
EMPTY: Final = Words("is empty", "不能为空")
TWICE: Final = Words("{name!r} is there twice", "“{name}”重复出现")
FIRST_IN: Final = Words("first in {where}", "首次出现在 {where}")
ADD: Final = Words("add {key} = {kind}", "请写 {key} = {kind}")
ADD_LINE: Final = Words("add {line}", "请添加 {line}")
MUST_BE: Final = Words("must be {what}, not {shown}", "应为{what}，现为{shown}")
MUST_BE_FINITE: Final = Words("must be a finite number, not {value}", "应为有限的数，现为 {value}")
MUST_BE_WORD: Final = Words("must be {word}", "应为 {word}")
TOO_LONG: Final = Words("is longer than {most} characters", "超过 {most} 个字符")
NOT_KNOWN: Final = Words("{value!r} is not known", "“{value}”不是可用的值")
NOT_A_NAME: Final = Words("{value!r} is not a name", "“{value}”不能用作名称")
NAME_OF: Final = Words("use 1 to 64 of A-Z a-z 0-9 _ -", "可用 1 至 64 个 A-Z a-z 0-9 _ -")
UNREADABLE: Final = Words("{value!r} cannot be read", "“{value}”无法识别")
WRITE_IT_AS: Final = Words("write it as {example}", "请写成 {example}")
SECRET: Final = Words("a secret must not stand in the configuration", "配置中不得写入密钥")
NAME_SECRET: Final = Words(
    "name a file ({key}_file) or an environment variable ({key}_env) that holds it",
    "请存入文件（{key}_file）或环境变量（{key}_env），配置中只写其名",
)

# kinds of values, and what was found instead
TEXT: Final = Words("text", "文本")
FLAG: Final = Words("true or false", " true 或 false ")
WHOLE: Final = Words("a whole number", "整数")
NUMBER: Final = Words("a number", "数")
LIST: Final = Words("a list", "列表")
TABLE: Final = Words("a table", "表")
DATE: Final = Words("a date or time", "日期或时间")
POSITION: Final = Words("[longitude, latitude]", " [经度，纬度] ")
OPTION: Final = Words("text, a finite number, a flag or a list", "文本、有限的数、开关值或列表")
SHOWN: Final = Words("{kind} {value!r}", "{kind}“{value}”")
OR_MORE: Final = Words("{low:g} or more", "不小于 {low:g} 的数")
OR_LESS: Final = Words("{high:g} or less", "不大于 {high:g} 的数")
FROM_TO: Final = Words("from {low:g} to {high:g}", " {low:g} 至 {high:g} ")
UNKNOWN_KIND: Final = Words("a value", "其他类型的值")
VALUE: Final = Words("{value}", " {value}")

# what was probably meant
DID_YOU_MEAN: Final = Words("did you mean {near!r}?", "是否应为“{near}”？")
KNOWN: Final = Words("known: {names}", "可选：{names}")
AND_MORE: Final = Words("{first} (and {more} more)", "{first}（另有 {more} 处）")
WITH_FIX: Final = Words("{words} ({fix})", "{words}（{fix}）")

# files
NO_FILE: Final = Words("the file is missing", "文件不存在")
MAKE_FILE: Final = Words("make it, or name another folder", "请新建该文件，或指定其他目录")
NAME_FOLDER: Final = Words("name the folder with --config DIR", "请用 --config DIR 指定配置目录")
UNREADABLE_FILE: Final = Words("cannot be read: {why}", "无法读取：{why}")
NOT_AN_OBJECT: Final = Words("it must hold an object", "内容应为一个对象")
TOO_LARGE: Final = Words("larger than {most} bytes", "超过 {most} 字节")
NO_SITE_FILE: Final = Words(
    "holds no site: nothing would be watched", "没有任何站点，等于什么也不监测"
)
ADD_SITE_FILE: Final = Words("add a file ID.toml", "请添加文件 ID.toml（ID 为站点代号）")

# hub.toml
STORM_TOO_LONG: Final = Words(
    "is too long: most of them do not fit into window_s", "过长：window_s 内放不下 most 次汇总"
)
NO_PORT: Final = Words("0 cannot be connected to", "不能连接端口 0")
NAME_PORT: Final = Words("name the broker's port, often 8883", "请填写消息代理的端口，通常为 8883")
OPEN_BROKER: Final = Words(
    "{host} opens the embedded broker to the network without a password",
    "{host} 会把内置消息代理无密码地暴露到网络上",
)
CLOSE_BROKER: Final = Words(
    "set username and password_file, or host 127.0.0.1",
    "请设置 username 和 password_file，或将 host 改为 127.0.0.1",
)
PAIR_OF_KEYS: Final = Words(
    "certificate and key belong together", "certificate 与 key 必须成对出现"
)
BOTH_OR_NONE: Final = Words("name both or none", "要么都写，要么都不写")
OPEN_PAGE: Final = Words(
    "{host} opens the page to the network without a token",
    "{host} 会把页面无令牌地暴露到网络上",
)
CLOSE_PAGE: Final = Words(
    "set token_file, or host 127.0.0.1", "请设置 token_file，或将 host 改为 127.0.0.1"
)
NAME_TOKEN: Final = Words("name token_file or token_env", "请写 token_file 或 token_env")
NOT_A_FILTER: Final = Words("{topic!r} is not an MQTT filter", "“{topic}”不是 MQTT 主题过滤器")
STAND_ALONE: Final = Words("+ and # stand alone", "+ 和 # 必须独占一级，# 只能在末级")
NATIVE_TOPIC: Final = Words("tocsin/ is the native payload's", "tocsin/ 专供本系统的节点使用")
FOREIGN_TOPIC: Final = Words("name the foreign topic", "请填写外来设备的主题")
NO_WILDCARD: Final = Words("{place} stands for no + of the topic", "{place} 在主题中没有对应的 +")
NOT_A_URL: Final = Words("{url!r} is not a URL", "“{url}”不是网址")
SECRET_IN_URL: Final = Words("a secret must not stand in a URL", "网址中不得写入密钥")
NAME_IT_ELSEWHERE: Final = Words("name it by file or environment", "请改用文件或环境变量提供密钥")

# people.toml and policies.toml
NOT_A_DAY: Final = Words("{day} is not a day", "{day} 不是星期几")
DAYS: Final = Words("1 is Monday and 7 is Sunday", "1 为星期一，7 为星期日")
EVERY_DAY: Final = Words("leave it out for every day", "每天都值班则不写此项")
DATES_REVERSED: Final = Words(
    "{first} is after last_date, which is {last}", "{first} 晚于 last_date（{last}）"
)
SWAP: Final = Words("swap them", "请对调")
NO_STEP: Final = Words("is empty: nobody would be told", "没有任何一级：谁也不会接到通知")

# sites/*.toml
NOT_UCUM: Final = Words("{unit!r} is not a UCUM code", "“{unit}”不是 UCUM 单位代码")
UCUM_FOR_EXAMPLE: Final = Words(
    "for example m, mm, Cel, [ppm], m3/s", "例如 m、mm、Cel、[ppm]、m3/s"
)
CONVERT_TO: Final = Words("use {unit!r} and convert", "请换算后使用“{unit}”")
NOT_A_ZONE: Final = Words("{zone!r} is not a time zone", "“{zone}”不是时区名")
ZONE_FOR_EXAMPLE: Final = Words(
    "use an IANA name such as Asia/Shanghai", "请用 IANA 时区名，例如 Asia/Shanghai"
)
ONE_OF_SEVERITIES: Final = Words(
    "one of extreme, severe, moderate, minor", "可选 extreme、severe、moderate、minor"
)
ONE_SIDE: Final = Words(
    "a level needs above or below, and only one", "阈值须有 above 或 below，且只能有一个"
)
KEEP_ONE: Final = Words("keep one of them", "请保留其中一个")
SAY_WHEN_SET: Final = Words(
    "say when the level was set, as 2024-06-30", "请写明阈值的核定日期，例如 2024-06-30"
)
SAY_DATUM: Final = Words("say from where the metres are counted", "请写明水位基面，即从哪里起算")
NEVER_HIGH: Final = Words(
    "{level:g} can never be reached: range_high is {edge:g}",
    "{level:g} 永远达不到：range_high 为 {edge:g}",
)
NEVER_LOW: Final = Words(
    "{level:g} can never be reached: range_low is {edge:g}",
    "{level:g} 永远达不到：range_low 为 {edge:g}",
)
REVERSED: Final = Words(
    "{grave!r} ({graver}) at {grave_at:g} would be reached before "
    "{mild!r} ({milder}) at {mild_at:g}",
    "“{grave}”（{graver}，{grave_at:g}）会先于“{mild}”（{milder}，{mild_at:g}）达到",
)
SWAP_LEVELS: Final = Words(
    "swap the two values, or their severities", "请对调两个值，或对调两者的 severity"
)
MUST_BE_LESS: Final = Words(
    "{low:g} must be less than {other}, which is {high:g}", "{low:g} 应小于 {other}（{high:g}）"
)

# cells.geojson
SPLIT: Final = Words("split a MultiPolygon into cells", "请把 MultiPolygon 拆成几个网格")
HOLES: Final = Words("a cell cannot have holes", "网格内部不能有空洞")
KEEP_OUTLINE: Final = Words("keep the outline alone", "请只保留外边界")
NOT_CLOSED: Final = Words("the outline is not closed", "边界没有闭合")
CLOSE_RING: Final = Words("end it with its first point", "最后一点应与第一点相同")

# files side by side
NO_OTHER_SITE: Final = Words("no other site is {name!r}", "没有另一个名为“{name}”的站点")
NO_SITE: Final = Words("no site is {name!r}", "没有名为“{name}”的站点")
NO_CELL: Final = Words("no cell is {name!r}", "没有名为“{name}”的网格")
NO_PERSON: Final = Words("no person is {name!r}", "没有名为“{name}”的人员")
NO_POLICY: Final = Words("no policy is {name!r}", "没有名为“{name}”的升级策略")
NO_CHANNEL: Final = Words("no channel is {name!r}", "没有名为“{name}”的渠道")
NO_ROSTER: Final = Words("no shift is of the roster {name!r}", "值班表“{name}”没有任何班次")
NO_SUCH: Final = {
    "site": NO_SITE,
    "node": Words("no node is {name!r}", "没有名为“{name}”的节点"),
    "datastream": Words("no datastream is {name!r}", "没有名为“{name}”的数据流"),
}
PLACE: Final = Words(
    "latitude {latitude:g}, longitude {longitude:g}", "纬度 {latitude:g}、经度 {longitude:g}"
)
IN_NO_CELL: Final = Words(
    "{site!r} lies in no cell at {place}: nobody answers for it",
    "“{site}”（{place}）不在任何网格内：没有责任人",
)
EXTEND_CELL: Final = Words(
    "extend a cell in cells.geojson, or mend the position",
    "请扩大 cells.geojson 中的网格，或更正站点位置",
)
IN_OTHER_CELL: Final = Words(
    "{place} lies in {found!r}, not in {cell!r}", "{place}位于“{found}”，不在“{cell}”内"
)
IN_TWO_CELLS: Final = Words("{place} lies in {cells}", "{place}同时位于 {cells}")
SAY_WHICH: Final = Words("say which one", "请指明属于哪一个")
OWN_DEPUTY: Final = Words("{name!r} cannot stand in for themselves", "“{name}”不能做自己的副责任人")
NAME_ANOTHER: Final = Words("name another", "请另选一人")
NOT_E164: Final = Words("is not an E.164 number", "不是国际格式的电话号码（E.164）")
WRITE_E164: Final = Words(
    "write it as +8613800000000, no spaces", "请写成 +8613800000000，不加空格"
)
NO_WEB_ADDRESS: Final = Words("is not a URL", "不是网址")
OUT_OF_REACH: Final = Words(
    "{person!r} cannot be reached by {channels}", "通过 {channels} 联系不到“{person}”"
)
GIVE_ADDRESS: Final = Words(
    "give {person} an address in {file}", "请在 {file} 中为 {person} 填写地址"
)
POLICY_MISSING: Final = Words("the policy {name!r} is missing", "缺少升级策略“{name}”")
NOBODY: Final = Words("{whom!r} is nobody", "“{whom}”不对应任何人")

# secrets
NO_SECRET: Final = Words(
    "{source} is empty or not set: put the secret there", "{source}为空或未设置：请把密钥放在那里"
)
FROM_FILE: Final = Words("the file {file}", "文件 {file} ")
FROM_VARIABLE: Final = Words("the environment variable {name}", "环境变量 {name} ")
SECRET_UNREADABLE: Final = Words(
    "cannot read the secret file {file}: {why}", "无法读取密钥文件 {file}：{why}"
)
