"""What the command line says, in English and Chinese."""

from __future__ import annotations

from typing import Final

Pair = tuple[str, str]

PHRASES: Final[dict[str, Pair]] = {
    # states
    "triggered": ("triggered", "待接警"),
    "acknowledged": ("acknowledged", "已接警"),
    "resolved": ("resolved", "已解除"),
    "present": ("present", "险情仍在"),
    "past": ("past", "险情已过"),
    "standing": ("standing", "持续"),
    "cleared": ("cleared", "已消除"),
    "muted": ("muted", "已静音"),
    "drill": ("DRILL", "演练"),
    "found late": ("found late", "补报发现"),
    # nodes
    "online": ("online", "在线"),
    "offline": ("offline", "离线"),
    "in spool": ("{count} waiting", "待传 {count} 条"),
    "clock off": ("clock off by {seconds:.0f} s", "时钟偏差 {seconds:.0f} 秒"),
    "moved": ("{node} now speaks from {site}", "{node} 现归属 {site}"),
    # timeline
    "raised": ("raised", "出现"),
    "worsened": ("worsened", "加重"),
    "eased": ("eased", "缓解"),
    "paged": ("paged", "已通知"),
    "sent": ("sent", "已发出"),
    "delivered": ("delivered", "已送达"),
    "failed": ("failed", "未送达"),
    "deferred": ("deferred", "待重试"),
    "pending": ("pending", "待发送"),
    "sending": ("sending", "发送中"),
    "cancelled": ("cancelled", "已取消"),
    "escalated": ("escalated", "已升级"),
    "note": ("note", "备注"),
    "stood-down": ("stood down", "已解除响应"),
    "opened": ("opened", "人工立案"),
    "open": ("opened by a person", "人工立案"),
    "queued": ("page queued", "通知待发"),
    "skipped": ("step skipped", "跳过一级"),
    "exhausted": ("nobody answered in all rounds", "各轮均无人应答"),
    "nobody-reachable": ("nobody can be reached", "无人可联系"),
    "unanswered": ("unanswered", "无人应答"),
    "unreached": ("could not be reached", "无法联系"),
    "receipt": ("no receipt in time", "未按时回执"),
    "mute": ("muted", "静音"),
    "unmute": ("mute taken back", "取消静音"),
    "mute-ended": ("mute ended", "静音结束"),
    "acknowledge": ("acknowledged", "接警"),
    "arrived": ("arrived", "到场"),
    "escalate": ("escalated by a person", "人工升级"),
    "resolve": ("resolved", "解除"),
    "false-alarm": ("false alarm", "误报"),
    "stand-down": ("stood down", "解除响应"),
    "hand-over": ("handed over", "移交"),
    # headings and labels
    "condition": ("Condition", "状况"),
    "timeline": ("Timeline", "经过"),
    "told": ("Who was told", "通知情况"),
    "nobody": ("nobody yet", "尚未通知任何人"),
    "evidence": ("Evidence", "依据"),
    "parameters": ("parameters", "参数"),
    "quality": ("quality", "质量"),
    "since": ("since", "自"),
    "value": ("value", "测值"),
    "limit": ("limit", "阈值"),
    "trend": ("trend", "趋势"),
    "expected": ("expected", "预期"),
    "statistic": ("statistic", "统计量"),
    "onset": ("onset", "起始"),
    "eta": ("reaches the limit in", "预计达阈值"),
    "detector": ("detector", "检测器"),
    "rule": ("rule", "规则"),
    "cell": ("cell", "网格"),
    "responsible": ("responsible", "责任人"),
    "deputy": ("deputy", "副责任人"),
    "resources": ("resources", "可用资源"),
    "attempt": ("attempt", "尝试"),
    "by": ("by", "由"),
    "open for": ("open for", "已历时"),
    "took": ("took", "历时"),
    "no window": ("no input window was kept", "未保存输入数据"),
    "pass": ("pass", "合格"),
    "not evaluated": ("not evaluated", "未评"),
    "suspect": ("suspect", "可疑"),
    "fail": ("fail", "不合格"),
    "missing": ("missing", "缺测"),
    # losses
    "hour": ("hour", "小时"),
    "node": ("node", "节点"),
    "received": ("received", "已收"),
    "not come": ("missing", "缺失"),
    "late": ("late", "迟到"),
    "duplicates": ("duplicates", "重复"),
    "quarantined": ("quarantined", "隔离"),
    "evicted": ("evicted", "节点已弃"),
    "asked": ("asked again", "要求重传"),
    "no known node": ("no known node", "未知节点"),
    "no losses": ("No message came in these hours.", "这段时间没有消息。"),
    # storms
    "held": ("held for the next digest", "汇总待发"),
    "listed": ("listed in a digest", "已列入汇总"),
    # sentences
    "no incidents": ("No open incident.", "没有未解除的事件。"),
    "no incidents at all": ("No incident so far.", "尚无事件。"),
    "no quarantine": ("Nothing is in quarantine.", "隔离区为空。"),
    "taken": ("taken since", "已补入库"),
    "no answer": (
        "Written to the log; no hub answered in {wait_s:g} s: it applies once tocsin run is up.",
        "已写入日志；{wait_s:g} 秒内没有中心应答：中心（tocsin run）运行后生效。",
    ),
    "config good": (
        "The configuration is good. {folder} ({version})",
        "配置正确：{folder}（{version}）",
    ),
    "no influx": (
        "no InfluxDB: history is limited to the local log",
        "未配置 InfluxDB：历史仅限本地日志",
    ),
    "no secret": ("{where} is not set yet: {why}", "{where} 尚未就绪，{why}"),
    "nobody on call": (
        "on-call:{roster}: nobody is on call from {start} to {end}: add a [[shift]] to people.toml",
        "值班表 {roster}：{start} 至 {end} 无人值班，请在 people.toml 中补充 [[shift]]",
    ),
    "silent rules": (
        "{rule} looks at no declared datastream",
        "规则 {rule} 没有匹配任何已声明的数据流",
    ),
    "tuned": (
        "{stream}: {readings} readings, {begin} to {end} ({zone})",
        "{stream}：{begin} 至 {end}（{zone}），{readings} 个测值",
    ),
    "tuned pages": (
        "These rules would have paged {pages} times; incidents of it in the book: {answers}",
        "这些规则会通知 {pages} 次；记录中与其有关的事件：{answers} 起",
    ),
    "tuned limited": ("Not all of the history: {why}", "历史不完整：{why}"),
    "alarms made": ("alarms", "告警"),
    "called real": ("right", "属实"),
    "called false": ("false", "误报"),
    "nobody said": ("unknown", "无人答复"),
    "not told of": ("missed", "漏报"),
    "as it is": (" (now)", "（现值）"),
    "pages made": ("pages", "次通知"),
    "picture drawn": ("Picture: {file}", "图：{file}"),
    "advice": (
        "{rule}: {knob} from {now} to {value}: false {wrong} -> {less}, missed {missed} -> {fewer}",
        "{rule}：{knob} 从 {now} 改为 {value}：误报 {wrong} -> {less}，漏报 {missed} -> {fewer}",
    ),
    "caution": (
        "By people's answers alone; who answers for the place decides whether a level may move.",
        "仅按人员答复得出；水位等级能否改动，由该地点的责任人决定。",
    ),
    "no advice": (
        "By people's answers no other value would have been better.",
        "按人员答复，其他取值都不会更好。",
    ),
    "no answers": (
        "Nobody has called an incident of this datastream real or false yet: nothing to judge by.",
        "还没有人答复过此数据流的事件是属实还是误报，无从判断。",
    ),
    "colon": (": ", "："),
    "comma": (", ", "，"),
    "hub runs": ("{name}, data in {data}, times of {zone}", "{name}，数据在 {data}，时区 {zone}"),
    "embedded": ("embedded", "内置"),
    "external": ("external", "外部"),
    "site runs": (
        "{site}: {cell}, {people}, {nodes} nodes, {streams} datastreams",
        "{site}：{cell}，{people}，{nodes} 个节点，{streams} 个数据流",
    ),
    "rule runs": (
        "{name}: {detector} of {count} datastreams",
        "{name}：检测器 {detector}，{count} 个数据流",
    ),
    "step runs": ("{whom} ({wait})", "{whom}（{wait}）"),
    "on call": ("on-call:{roster}", "值班表 {roster}"),
    "would run": ("Would run", "将运行"),
    "hub": ("hub", "中心"),
    "broker": ("broker", "消息代理"),
    "page": ("page", "页面"),
    "store": ("store", "存储"),
    "site": ("site", "站点"),
    "channel": ("channel", "渠道"),
    "policy": ("policy", "升级策略"),
    "people": ("people", "人员"),
    "mapping": ("mapping", "外来报文"),
    "warning": ("warning", "注意"),
    "nodes": ("nodes", "节点"),
    "datastreams": ("datastreams", "数据流"),
    "levels": ("levels", "阈值"),
    "payload": ("payload", "内容"),
    "all of it": ("whole message", "整条消息"),
    "backed up": (
        "{dest}: {size} MB, log up to {end}; restore it with: tocsin restore {dest}",
        "{dest}：{size} MB，日志至 {end}；恢复命令：tocsin restore {dest}",
    ),
    "copied": ("log and book: {percent} % copied", "日志与台账：已复制 {percent}%"),
    "checking": ("checking {name}", "正在校验 {name}"),
    "put back": (
        "Restored the backup of {made}, log up to {end}.",
        "已恢复 {made} 的备份，日志至 {end}。",
    ),
    "after restore": (
        "Open incidents: {open}. Unsent pages: {unsent} looked up first, {cancelled} dropped.",
        "未结事件 {open} 起。未发通知：{unsent} 条先核对再发，{cancelled} 条过期弃发。",
    ),
    "config back": (
        "The configuration is in {folder}; its secrets are not in a backup.",
        "配置已恢复到 {folder}；密钥不在备份中。",
    ),
    "config kept": (
        "The configuration in {folder} was left as it is.",
        "{folder} 中的现有配置保持不变。",
    ),
    "secret needed": ("Needed: {where} in {source}", "需要：{where}，位于 {source}"),
    "restored": ("hub restored from a backup", "中心由备份恢复"),
    "would raise": ("Transitions: {count}", "状况变化：{count}"),
    "would open": ("Incidents: {count}", "事件：{count}"),
    "would page": ("Pages of the first step: {count}", "首级通知：{count}"),
}
EN, ZH = 0, 1


def say(language: str, key: str, **values: object) -> str:
    """Return the phrase ``key``; a word without an entry stands for itself."""
    pair = PHRASES.get(key, (key, key))
    words = pair[ZH if language == "zh" else EN]
    return words.format(**values) if values else words


def of_pair(language: str, english: str, chinese: str) -> str:
    """Return the text in ``language``, or the other one where it is empty."""
    return (chinese or english) if language == "zh" else (english or chinese)
