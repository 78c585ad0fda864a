"""What ``doctor`` says, in English and Chinese: a finding, then what to do about it."""

from __future__ import annotations

from typing import Final

LANGUAGES: Final = ("en", "zh")

WORDS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "config-ok": {
        "en": ("configuration: {streams} datastreams of {site}/{node}", ""),
        "zh": ("配置：{site}/{node} 共 {streams} 个数据流", ""),
    },
    "no-streams": {
        "en": ("no datastreams: the node would say nothing", "add a [[datastream]] table"),
        "zh": ("没有数据流：节点不会发送任何数据", "请添加 [[datastream]] 表"),
    },
    "password-open": {
        "en": ("{file} can be read by others (mode {mode})", "chmod 600 {file}"),
        "zh": ("其他用户可以读取 {file}（权限 {mode}）", "执行 chmod 600 {file}"),
    },
    "password-ok": {
        "en": ("password file {file}", ""),
        "zh": ("密码文件 {file}", ""),
    },
    "secret-unreadable": {
        "en": ("{file} cannot be read: {why}", "check the path and its owner"),
        "zh": ("无法读取 {file}：{why}", "请检查路径和所有者"),
    },
    "no-tls": {
        "en": (
            "no TLS to {host}: anybody on the way reads and forges readings",
            "set broker.tls = true and broker.ca_file",
        ),
        "zh": (
            "到 {host} 的连接没有 TLS：途中任何人都能读取或伪造数据",
            "设置 broker.tls = true 和 broker.ca_file",
        ),
    },
    "broker-ok": {
        "en": ("broker {host}:{port} accepts the node", ""),
        "zh": ("消息服务器 {host}:{port} 接受本节点", ""),
    },
    "broker-refuses": {
        "en": ("broker {host}:{port} refuses the node: {why}", "check user name and password"),
        "zh": ("消息服务器 {host}:{port} 拒绝本节点：{why}", "请检查用户名和密码"),
    },
    "broker-unreachable": {
        "en": (
            "broker {host}:{port} cannot be reached: {why}",
            "check cable, SIM card, address and firewall; the spool keeps readings meanwhile",
        ),
        "zh": (
            "无法连接消息服务器 {host}:{port}：{why}",
            "请检查网线、SIM 卡、地址和防火墙；在此期间数据保存在本地",
        ),
    },
    "spool-ok": {
        "en": ("spool {folder}: {used_mb} of {max_mb} MB used, {queue} messages wait", ""),
        "zh": ("缓存 {folder}：已用 {used_mb}/{max_mb} MB，{queue} 条消息等待回执", ""),
    },
    "spool-bad": {
        "en": ("spool cannot be used: {why}", "check the folder's owner and free space"),
        "zh": ("缓存不可用：{why}", "请检查目录所有者和剩余空间"),
    },
    "disk-small": {
        "en": (
            "only {free_mb} MB free where the spool may grow to {max_mb} MB",
            "free space or lower spool.max_bytes",
        ),
        "zh": ("磁盘只剩 {free_mb} MB，而缓存可增至 {max_mb} MB", "清理磁盘或调低 spool.max_bytes"),
    },
    "evicted": {
        "en": (
            "{n} messages were evicted without a receipt since this spool was made",
            "raise spool.max_bytes or find out why the hub was away so long",
        ),
        "zh": (
            "自缓存建立以来有 {n} 条消息未获回执即被清除",
            "调高 spool.max_bytes 或查明中心长时间离线的原因",
        ),
    },
    "aside": {
        "en": ("{n} messages were set aside", "see: tocsin-edge status"),
        "zh": ("{n} 条消息被搁置", "查看：tocsin-edge status"),
    },
    "clock-ntp": {
        "en": ("clock is set by the network", ""),
        "zh": ("时钟已由网络校准", ""),
    },
    "clock-rtc": {
        "en": ("clock runs on its battery only, it drifts", "let the node reach a time server"),
        "zh": ("时钟仅靠电池运行，会漂移", "请让节点能访问时间服务器"),
    },
    "clock-unset": {
        "en": (
            "clock was never set: readings carry no time, the hub restores it",
            "add a battery clock or let the node reach a time server",
        ),
        "zh": ("时钟从未校准：数据不带时间，由中心推算", "加装时钟电池或让节点能访问时间服务器"),
    },
    "sensor-ok": {
        "en": ("{name}: {value}", ""),
        "zh": ("{name}：{value}", ""),
    },
    "sensor-quiet": {
        "en": ("{name}: answers, nothing to say at the moment", ""),
        "zh": ("{name}：有响应，暂无数据", ""),
    },
    "sensor-suspect": {
        "en": ("{name}: {value}, suspect: {why}", "compare with a second instrument"),
        "zh": ("{name}：{value}，可疑：{why}", "请与另一台仪器比对"),
    },
    "sensor-bad": {
        "en": ("{name}: {why}", "check wiring, power and the sensor table"),
        "zh": ("{name}：{why}", "请检查接线、电源和 sensor 配置"),
    },
    "journal-wears": {
        "en": (
            "the system log is written to the card and wears it out",
            "set Storage=volatile in /etc/systemd/journald.conf",
        ),
        "zh": (
            "系统日志写入存储卡，会缩短其寿命",
            "在 /etc/systemd/journald.conf 中设置 Storage=volatile",
        ),
    },
    "commits-wear": {
        "en": (
            "commit_s = {commit_s} writes the card often",
            "5 s or more spares it; alarming readings never wait",
        ),
        "zh": ("commit_s = {commit_s} 会频繁写卡", "建议 5 秒以上；告警数据不受影响"),
    },
}
"""Key -> language -> (finding, fix)."""
