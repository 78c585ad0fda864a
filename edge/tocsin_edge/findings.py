"""What ``doctor`` finds, in English and Chinese: a finding, then what to do about it."""

from __future__ import annotations

from typing import Final

from tocsin_edge.words import NOTHING, Words

FINDINGS: Final[dict[str, tuple[Words, Words]]] = {
    "config-ok": (
        Words(
            "configuration: {streams} datastreams of {site}/{node}",
            "配置：{site}/{node} 共 {streams} 个数据流",
        ),
        NOTHING,
    ),
    "no-streams": (
        Words("no datastreams: the node would say nothing", "没有数据流：节点不会发送任何数据"),
        Words("add a [[datastream]] table", "请添加 [[datastream]] 表"),
    ),
    "password-open": (
        Words(
            "{file} can be read by others (mode {mode})", "其他用户可以读取 {file}（权限 {mode}）"
        ),
        Words("chmod 600 {file}", "执行 chmod 600 {file}"),
    ),
    "password-ok": (Words("password file {file}", "密码文件 {file}"), NOTHING),
    "secret-unreadable": (
        Words("{file} cannot be read: {why}", "无法读取 {file}：{why}"),
        Words("check the path and its owner", "请检查路径和所有者"),
    ),
    "no-tls": (
        Words(
            "no TLS to {host}: anybody on the way reads and forges readings",
            "到 {host} 的连接没有 TLS：途中任何人都能读取或伪造数据",
        ),
        Words(
            "set broker.tls = true and broker.ca_file", "设置 broker.tls = true 和 broker.ca_file"
        ),
    ),
    "broker-ok": (
        Words("broker {host}:{port} accepts the node", "消息代理 {host}:{port} 接受本节点"),
        NOTHING,
    ),
    "broker-refuses": (
        Words(
            "broker {host}:{port} refuses the node: {why}",
            "消息代理 {host}:{port} 拒绝本节点：{why}",
        ),
        Words("check user name and password", "请检查用户名和密码"),
    ),
    "broker-unreachable": (
        Words(
            "broker {host}:{port} cannot be reached: {why}", "无法连接消息代理 {host}:{port}：{why}"
        ),
        Words(
            "check cable, SIM card, address and firewall; the spool keeps readings meanwhile",
            "请检查网线、SIM 卡、地址和防火墙；在此期间数据保存在本地",
        ),
    ),
    "spool-ok": (
        Words(
            "spool {folder}: {used_mb} of {max_mb} MB used, {queue} messages wait",
            "缓存 {folder}：已用 {used_mb}/{max_mb} MB，{queue} 条消息等待回执",
        ),
        NOTHING,
    ),
    "spool-bad": (
        Words("spool cannot be used: {why}", "缓存不可用：{why}"),
        Words("check the folder's owner and free space", "请检查目录所有者和剩余空间"),
    ),
    "disk-small": (
        Words(
            "only {free_mb} MB free where the spool may grow to {max_mb} MB",
            "磁盘只剩 {free_mb} MB，而缓存可增至 {max_mb} MB",
        ),
        Words("free space or lower spool.max_bytes", "清理磁盘或调低 spool.max_bytes"),
    ),
    "evicted": (
        Words(
            "{n} messages were evicted without a receipt since this spool was made",
            "自缓存建立以来有 {n} 条消息未获回执即被清除",
        ),
        Words(
            "raise spool.max_bytes or find out why the hub was away so long",
            "调高 spool.max_bytes 或查明中心长时间离线的原因",
        ),
    ),
    "aside": (
        Words("{n} messages were set aside", "{n} 条消息被搁置"),
        Words("see: tocsin-edge status", "查看：tocsin-edge status"),
    ),
    "clock-ntp": (Words("clock is set by the network", "时钟已由网络校准"), NOTHING),
    "clock-rtc": (
        Words("clock runs on its battery only, it drifts", "时钟仅靠电池运行，会漂移"),
        Words("let the node reach a time server", "请让节点能访问时间服务器"),
    ),
    "clock-unset": (
        Words(
            "clock was never set: readings carry no time, the hub restores it",
            "时钟从未校准：数据不带时间，由中心推算",
        ),
        Words(
            "add a battery clock or let the node reach a time server",
            "加装时钟电池或让节点能访问时间服务器",
        ),
    ),
    "sensor-ok": (Words("{name}: {value}", "{name}：{value}"), NOTHING),
    "sensor-quiet": (
        Words("{name}: answers, nothing to say at the moment", "{name}：有响应，暂无数据"),
        NOTHING,
    ),
    "sensor-suspect": (
        Words("{name}: {value}, suspect: {why}", "{name}：{value}，可疑：{why}"),
        Words("compare with a second instrument", "请与另一台仪器比对"),
    ),
    "sensor-bad": (
        Words("{name}: {why}", "{name}：{why}"),
        Words("check wiring, power and the sensor table", "请检查接线、电源和 sensor 配置"),
    ),
    "journal-wears": (
        Words(
            "the system log is written to the card and wears it out",
            "系统日志写入存储卡，会缩短其寿命",
        ),
        Words(
            "set Storage=volatile in /etc/systemd/journald.conf",
            "在 /etc/systemd/journald.conf 中设置 Storage=volatile",
        ),
    ),
    "commits-wear": (
        Words("commit_s = {commit_s} writes the card often", "commit_s = {commit_s} 会频繁写卡"),
        Words(
            "5 s or more spares it; alarming readings never wait", "建议 5 秒以上；告警数据不受影响"
        ),
    ),
}
"""Key -> (finding, fix)."""
