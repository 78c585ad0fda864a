"""hub.toml: the hub itself, its broker, its doors, its store for good, channels, mappings."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit

from hub.config import words
from hub.config.settings import (
    BrokerSettings,
    ChannelTable,
    HubSettings,
    InfluxSettings,
    PayloadMapping,
    StormSettings,
    WebSettings,
)
from hub.config.table import SECRET_KEY, must_be
from hub.config.units import check_unit
from hub.config.zones import check_zone
from hub.words import LANGUAGES

if TYPE_CHECKING:
    from pathlib import Path

    from hub.config.table import Table
    from hub.model.rule import Option

LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
PORT_LIMIT: Final = 65_535
PLACEHOLDER: Final = re.compile(r"\{(\d+)\}")


def read_hub(top: Table, folder: Path) -> HubSettings:
    """Return the table ``[hub]``."""
    table = top.table("hub")
    settings = HubSettings(
        name_en=table.text("name_en"),
        name_zh=table.text("name_zh"),
        data=table.path_of("data", folder) or folder,
        language=table.text("language", "zh", known=LANGUAGES),
        zone=check_zone(table, "zone"),
        grace_s=table.number("grace_s", 300.0, low=0, high=86_400),
        future_s=table.number("future_s", 120.0, low=0, high=86_400),
        clock_offset_s=table.number("clock_offset_s", 60.0, low=1, high=86_400),
        retention_s=table.number("retention_s", 604_800.0, low=3_600),
        keep_bytes=keep_bytes(table),
        dead_man_url=check_url(table, "dead_man_url"),
        dead_man_s=table.number("dead_man_s", 60.0, low=5, high=86_400),
        reserve_bytes=round(table.number("reserve_bytes", 32 << 20, low=0, high=1 << 40)),
        storm=read_storm(top),
    )
    table.path_of("folder", folder)  # where all else lies: see hub.config.folder
    if not table.has("data"):
        table.wrong("data", words.MISSING, words.ADD_LINE.filled(line='data = "../data"'))
    table.close()
    return settings


def read_storm(top: Table) -> StormSettings:
    """Return the table ``[storm]``, all of which may be left out."""
    if not top.has("storm"):
        return StormSettings()
    table = top.table("storm")
    settings = StormSettings(
        most=table.whole("most", 3, high=100),
        window_s=table.number("window_s", 600.0, low=10, high=86_400),
        gather_s=table.number("gather_s", 15.0, low=0, high=600),
    )
    if settings.gather_s * max(settings.most, 1) >= settings.window_s:
        table.wrong("gather_s", words.STORM_TOO_LONG)
    table.close()
    return settings


def read_broker(top: Table, folder: Path) -> BrokerSettings:
    """Return the table ``[broker]``."""
    table = top.table("broker")
    settings = BrokerSettings(
        kind=table.text("kind", "embedded", known=("embedded", "external")),
        host=table.text("host", "127.0.0.1"),
        port=table.whole("port", 1883, high=PORT_LIMIT),
        client_id=table.name("client_id", "tocsin-hub"),
        username=table.text("username", ""),
        password_file=table.path_of("password_file", folder),
        password_env=table.text("password_env", ""),
        tls=table.flag("tls", default=False),
        ca=table.path_of("ca", folder),
        certificate=table.path_of("certificate", folder),
        key=table.path_of("key", folder),
        program=table.text("program", ""),
    )
    check_broker(table, settings)
    table.close()
    return settings


def check_broker(table: Table, broker: BrokerSettings) -> None:
    """Note what does not fit together in the table ``[broker]``."""
    if broker.kind == "external" and broker.port == 0:
        table.wrong("port", words.NO_PORT, words.NAME_PORT)
    if broker.kind == "embedded" and broker.host not in LOOPBACK and not broker.username:
        table.wrong("host", words.OPEN_BROKER.filled(host=broker.host), words.CLOSE_BROKER)
    if bool(broker.certificate) != bool(broker.key):
        table.wrong("certificate", words.PAIR_OF_KEYS, words.BOTH_OR_NONE)


def read_web(top: Table, folder: Path) -> WebSettings:
    """Return the table ``[web]``."""
    table = top.table("web")
    settings = WebSettings(
        host=table.text("host", "127.0.0.1"),
        port=table.whole("port", 8470, high=PORT_LIMIT),
        token_file=table.path_of("token_file", folder),
        token_env=table.text("token_env", ""),
        public_url=check_url(table, "public_url"),
    )
    guarded = settings.token_file or settings.token_env
    if settings.host not in LOOPBACK and not guarded:
        table.wrong("host", words.OPEN_PAGE.filled(host=settings.host), words.CLOSE_PAGE)
    table.close()
    return settings


def read_influx(top: Table, folder: Path) -> InfluxSettings | None:
    """Return the table ``[influx]``, or None without one."""
    if not top.has("influx"):
        return None
    table = top.table("influx")
    settings = InfluxSettings(
        url=check_url(table, "url", required=True),
        org=table.text("org"),
        bucket=table.text("bucket"),
        token_file=table.path_of("token_file", folder),
        token_env=table.text("token_env", ""),
        timeout_s=table.number("timeout_s", 10.0, low=0.1, high=300),
    )
    if not settings.token_file and not settings.token_env:
        table.wrong("token_file", words.MISSING, words.NAME_TOKEN)
    table.close()
    return settings


def read_channels(top: Table, folder: Path) -> tuple[ChannelTable, ...]:
    """Return the tables ``[[channel]]``; what a kind needs is that kind's business."""
    return tuple(read_channel(table, folder) for table in top.tables("channel"))


def read_channel(table: Table, folder: Path) -> ChannelTable:
    """Return one table ``[[channel]]``."""
    name, kind = table.name("name"), table.name("kind")
    options = {
        key: resolved(key, option, folder)
        for key, value in table.rest().items()
        if (option := check_option(table, key, value)) is not None
    }
    return ChannelTable(name=name, kind=kind, options=options)


def resolved(key: str, option: Option, folder: Path) -> Option:
    """Return ``option``, made absolute when ``key`` says that it names a file."""
    if key.endswith("_file") and isinstance(option, str):
        return str((folder / option).resolve())
    return option


def check_option(table: Table, key: str, value: Any) -> Option | None:  # noqa: ANN401
    """Return an option of a plugin: a finite number, text, flag or list; never a secret."""
    if SECRET_KEY.search(key):
        table.no_secret(key)
    elif key.endswith("_url") or key == "url":
        return check_url(table, key)
    elif all(plain(item) for item in (value if isinstance(value, list) else [value])):
        return cast("Option", value)
    else:
        table.wrong(key, must_be(words.OPTION, value))
    return None


def plain(value: object) -> bool:
    """Say whether ``value`` is text, a flag or a finite number."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, str | int)


def read_mappings(top: Table) -> tuple[PayloadMapping, ...]:
    """Return the tables ``[[mapping]]``."""
    return tuple(read_mapping(table) for table in top.tables("mapping"))


def read_mapping(table: Table) -> PayloadMapping:
    """Return one table ``[[mapping]]``."""
    mapping = PayloadMapping(
        topic=table.text("topic"),
        kind=table.name("kind"),
        site=table.text("site"),
        node=table.text("node"),
        names=table.mapping("names"),
        units=table.mapping("units"),
        time=table.text("time", ""),
    )
    for name in mapping.units:
        check_unit(table.table("units"), name)
    check_mapping(table, mapping)
    table.close()
    return mapping


def check_mapping(table: Table, mapping: PayloadMapping) -> None:
    """Note a filter that is none, and placeholders beyond its wildcards."""
    levels = mapping.topic.split("/")
    odd = [level for level in levels if ("+" in level or "#" in level) and len(level) > 1]
    if odd or "#" in levels[:-1]:
        table.wrong("topic", words.NOT_A_FILTER.filled(topic=mapping.topic), words.STAND_ALONE)
    if mapping.topic.startswith("tocsin/"):
        table.wrong("topic", words.NATIVE_TOPIC, words.FOREIGN_TOPIC)
    for key in ("site", "node"):
        wanted = max(map(int, PLACEHOLDER.findall(getattr(mapping, key))), default=0)
        if wanted > levels.count("+"):
            table.wrong(key, words.NO_WILDCARD.filled(place=f"{{{wanted}}}"))


def check_url(table: Table, key: str, *, required: bool = False) -> str:
    """Return an http or https URL without a name and password in it; empty when absent."""
    url = table.text(key) if required else table.text(key, "")
    if not url:
        return ""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        fix = words.WRITE_IT_AS.filled(example="https://host:port")
        table.wrong(key, words.NOT_A_URL.filled(url=url), fix)
    if parts.password:
        table.wrong(key, words.SECRET_IN_URL, words.NAME_IT_ELSEWHERE)
    return url.rstrip("/")


def keep_bytes(table: Table) -> int | None:
    """Return the size beyond which the oldest rows leave a log that has no InfluxDB."""
    wanted = table.number("keep_bytes", 0.0, low=0)
    return round(wanted) or None
