"""The watcher's own TOML file; its credentials come from files or the environment."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tocsin_edge import refusals
from tocsin_edge.config import BrokerSettings, NodeConfig, SpoolSettings
from tocsin_edge.errors import ConfigError
from tocsin_edge.message import NAME
from tocsin_edge.reasons import why
from tocsin_edge.table import read_table
from tocsin_edge.watcher.vigil import Pace

NUMBER: Final = re.compile(r"\+[1-9]\d{6,14}")
PLAIN: Final = re.compile(r"[A-Za-z0-9 .,:/'()&+-]{1,30}")  # one GSM-7 septet each
LONGEST_ZH: Final = 20
MOST_TOLD: Final = 10
QUICK_S: Final = 2.0  # a restart of the hub must not be outlasted by a pause of ours
KEEPALIVE_S: Final = 10
CONNECT_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """Twilio's Messages API, under an account of the watcher's own.

    ``sender`` is an E.164 number or ``service`` a messaging service's id; ``timeout_s``
    is for one request.
    """

    sender: str = ""
    service: str = ""
    base_url: str = "https://api.twilio.com"
    account_file: Path | None = None
    account_env: str = ""
    token_file: Path | None = None
    token_env: str = ""
    timeout_s: float = 10.0

    def __post_init__(self) -> None:
        if bool(self.sender) == bool(self.service):
            raise ValueError("needs either sender or service")
        if urlsplit(self.base_url).scheme not in ("http", "https"):
            raise ValueError(f"base_url must be http(s), got {self.base_url!r}")
        if not 0 < self.timeout_s <= 30:
            raise ValueError(f"timeout_s must be within 0 to 30, got {self.timeout_s}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Somebody to call when the hub is down, and the language they read."""

    number: str
    language: Literal["en", "zh"] = "zh"

    def __post_init__(self) -> None:
        if not NUMBER.fullmatch(self.number):
            raise ValueError("number must be E.164, as +8613800000000")


@dataclass(frozen=True, slots=True, kw_only=True)
class WatcherConfig:
    """Everything a watcher is told.

    ``site``, ``node`` and ``datastream`` are declared in the hub's configuration with
    ``property = "canary"``. ``folder`` keeps its state.
    """

    site: str
    node: str
    name_en: str
    name_zh: str
    folder: Path
    provider: ProviderSettings
    recipient: tuple[Recipient, ...]
    datastream: str = "canary"
    zone: str = "Asia/Shanghai"
    broker: BrokerSettings = field(default_factory=BrokerSettings)
    pace: Pace = field(default_factory=Pace)

    def __post_init__(self) -> None:
        for name in ("site", "node", "datastream"):
            if not NAME.fullmatch(getattr(self, name)):
                raise ValueError(f"{name} is no name: 1 to 64 of A-Z a-z 0-9 _ -")
        if not PLAIN.fullmatch(self.name_en):
            raise ValueError("name_en: 1 to 30 plain letters, digits and .,:/'()&+-")
        if not 1 <= len(self.name_zh) <= LONGEST_ZH or not self.name_zh.isprintable():
            raise ValueError(f"name_zh: 1 to {LONGEST_ZH} characters")
        if not 1 <= len(self.recipient) <= MOST_TOLD:
            raise ValueError(f"needs 1 to {MOST_TOLD} tables [[recipient]]")
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as err:
            raise ValueError(f"zone {self.zone!r} is not known here") from err

    def node_config(self) -> NodeConfig:
        """Return what the link to the broker needs; it looks for the broker often."""
        broker = replace(
            self.broker,
            keepalive_s=min(self.broker.keepalive_s, KEEPALIVE_S),
            timeout_s=min(self.broker.timeout_s, CONNECT_S),
            reconnect_min_s=min(self.broker.reconnect_min_s, QUICK_S),
            reconnect_max_s=min(self.broker.reconnect_max_s, QUICK_S),
        )
        spool = SpoolSettings(folder=self.folder)
        return NodeConfig(site=self.site, node=self.node, spool=spool, broker=broker)


def read_config(path: Path) -> WatcherConfig:
    """Return the configuration in ``path``; touches nothing else.

    Raises:
        ConfigError: with file, key path and what was probably meant.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise ConfigError(str(path), refusals.UNREADABLE.filled(why=why(err))) from err
    except (ValueError, RecursionError) as err:
        raise ConfigError(str(path), refusals.NOT_TOML.filled(why=why(err))) from err
    return read_table(table, WatcherConfig, f"{path}: ")


def read_secret(file: Path | None, variable: str, where: str) -> str:
    """Return the secret in ``file``, or else in the environment.

    Raises:
        ConfigError: neither holds one.
    """
    if file is None and not variable:
        key = where.rpartition(".")[2]
        raise ConfigError(where, refusals.NAME_SECRET.filled(key=key))
    try:
        found = file.read_text("utf-8").strip() if file else os.environ.get(variable, "").strip()
    except (OSError, UnicodeDecodeError) as err:
        unreadable = refusals.SECRET_UNREADABLE.filled(file=file, why=why(err))
        raise ConfigError(where, unreadable) from err
    if not found:
        raise ConfigError(where, refusals.SECRET_EMPTY.filled(source=file or variable))
    return found
