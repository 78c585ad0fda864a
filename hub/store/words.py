"""What a store says when it refuses, in English and Chinese."""

from __future__ import annotations

from typing import Final

from hub.words import Words

# the hub's own database
CANNOT_OPEN: Final = Words("cannot open {path}: {why}", "无法打开 {path}：{why}")
CANNOT_WRITE_STORE: Final = Words("the store cannot be written: {why}", "数据库写不进去：{why}")
REFUSED: Final = Words("the store refused: {why}", "数据库拒绝写入：{why}")
NOT_SURE: Final = Words("{path} cannot be put on the disk: {why}", "{path} 无法可靠写入磁盘：{why}")
CANNOT_READ_LOG: Final = Words("the log cannot be read: {why}", "日志读不出来：{why}")
TOO_NEW: Final = Words(
    "the store is of version {found} and this hub knows {known}: "
    "run the newer hub, or restore a backup of this version",
    "数据库版本为 {found}，本程序只认识到 {known}：请运行新版程序，或恢复本版本的备份",
)
CHANGED_MEANWHILE: Final = Words(
    "incident {id} changed while it was being written", "事件 {id} 在写入时已被他人改动"
)

# backups
CANNOT_COPY: Final = Words("cannot copy to {target}: {why}", "无法复制到 {target}：{why}")
CANNOT_WRITE: Final = Words("cannot write {target}: {why}", "无法写入 {target}：{why}")
CANNOT_RESTORE: Final = Words("cannot restore {target}: {why}", "无法恢复 {target}：{why}")
DAMAGED: Final = Words("{path} is damaged: {why}", "{path} 已损坏：{why}")
BACKUP_TOO_NEW: Final = Words(
    "the backup is of version {found} and this hub knows {known}: install the newer hub",
    "备份的版本为 {found}，本程序只认识到 {known}：请安装新版程序",
)
EXISTS: Final = Words(
    "{target} exists: name a new folder, a backup overwrites nothing",
    "{target} 已存在：请换一个新目录，备份从不覆盖",
)
OTHER_FORMAT: Final = Words(
    "{folder}: backup of format {found!r}, this hub reads {known}",
    "{folder}：备份格式为 {found}，本程序只读格式 {known}",
)
NO_BACKUP: Final = Words(
    "{folder} is no backup: {manifest}: {why}", "{folder} 不是备份：{manifest}：{why}"
)
NOT_WHOLE: Final = Words(
    "{folder}: {name} is missing: this backup is not whole", "{folder}：缺少 {name}，备份不完整"
)
NOT_THE_SAME: Final = Words(
    "{folder}: {name} is not what was backed up (its hash differs)",
    "{folder}：{name} 与备份时不一致（校验值不同）",
)
NO_FILE_OF_BACKUP: Final = Words(
    "{folder}: {name!r} is no file of a backup", "{folder}：“{name}”不是备份中的文件"
)

# InfluxDB
HISTORY_LIMITED: Final = Words("history limited to the local log", "历史数据仅限本地日志")
BECAUSE: Final = Words("{what}: {why}", "{what}：{why}")
BAD_TOKEN: Final = Words(
    "the hub's InfluxDB token is not valid there: write a valid one where influx.token_file "
    "points; it is read again by itself",
    "InfluxDB 不认这个令牌：请把有效令牌写入 influx.token_file 所指的文件，中心会自动重读",
)
NO_RIGHT: Final = Words(
    "the hub's InfluxDB token may not use bucket {bucket!r}: give it read and write",
    "中心的 InfluxDB 令牌无权使用存储桶“{bucket}”：请授予读写权限",
)
NO_BUCKET: Final = Words(
    "organisation {org!r} or bucket {bucket!r} is not there; make it with: influx bucket "
    "create --org {org} --name {bucket} --retention 0",
    "组织“{org}”或存储桶“{bucket}”不存在；创建命令：influx bucket "
    "create --org {org} --name {bucket} --retention 0",
)
FORGETS: Final = Words(
    "bucket {bucket!r} forgets after {days} days; keep it for "
    "good with: influx bucket update --id {id} --retention 0",
    "存储桶“{bucket}”只保留 {days} 天；永久保留的命令："
    "influx bucket update --id {id} --retention 0",
)
# Its write-ahead log keeps the first such error until the process ends.
INFLUX_FULL: Final = Words(
    "InfluxDB's disk is full: free space there, then restart InfluxDB, which does not "
    "recover by itself",
    "InfluxDB 所在磁盘已满：请清理磁盘后重启 InfluxDB，它不会自行恢复",
)
BOTH: Final = Words("{fix}; {said}", "{fix}；{said}")
NO_INFLUX: Final = Words("InfluxDB is not configured", "未配置 InfluxDB")
GAVE_UP: Final = Words("InfluxDB gave up on the query: {why}", "InfluxDB 中止了查询：{why}")
NOT_INFLUX_2: Final = Words(
    "{url} is not InfluxDB 2: it gives its version as {version!r}",
    "{url} 不是 InfluxDB 2：自报版本为“{version}”",
)
CANNOT_USE: Final = Words(
    "InfluxDB at {url} cannot be used: {why}", "无法使用 {url} 的 InfluxDB：{why}"
)
STRANGE_ANSWER: Final = Words(
    "{url} does not answer as InfluxDB 2 would: {why}", "{url} 的应答不像 InfluxDB 2：{why}"
)
ANSWERED: Final = Words(
    "InfluxDB at {url} answered {status}: {said}", "{url} 的 InfluxDB 返回 {status}：{said}"
)
ONLY_STATUS: Final = Words("InfluxDB answered {status}", "InfluxDB 返回 {status}")
