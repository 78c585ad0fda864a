"""What the configuration says, as frozen data; durations in seconds, secrets by name only."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from hub.config import words
from hub.errors import ConfigError
from hub.model.network import Network
from hub.model.response import People
from hub.model.rule import Option, Rule
from hub.reasons import why

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StormSettings:
    """How many SMS one person gets in a storm: see ``hub.dispatch.storm.StormLimits``."""

    most: int = 3
    window_s: float = 600.0
    gather_s: float = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSettings:
    """The hub itself.

    ``data`` is the folder of the log and the book. ``grace_s`` is how late an
    observation may be and still be judged (the larger of it and the stream's upload
    interval), ``future_s`` how far ahead of the hub's clock its time may lie.
    ``clock_offset_s`` is the node clock error beyond which the hub corrects times.
    ``retention_s`` is how long rows stay in the log at least; without InfluxDB they
    stay for ever unless ``keep_bytes`` is set and exceeded. ``dead_man_url`` is fetched
    every ``dead_man_s`` while all is well; empty is off. ``reserve_bytes`` are kept on the
    disk for open incidents when it is full; 0 is off.
    """

    name_en: str
    name_zh: str
    data: Path
    language: str = "zh"
    zone: str = "Asia/Shanghai"
    grace_s: float = 300.0
    future_s: float = 120.0
    clock_offset_s: float = 60.0
    retention_s: float = 7 * DAY_S
    keep_bytes: int | None = None
    dead_man_url: str = ""
    dead_man_s: float = 60.0
    reserve_bytes: int = 32 << 20
    storm: StormSettings = StormSettings()

    @property
    def database(self) -> Path:
        """Return the path of the SQLite file that is log and book in one."""
        return self.data / "tocsin.db"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """The MQTT broker.

    ``kind`` "embedded" starts nats-server on ``host`` and ``port`` (0 takes a free
    one); "external" connects to one that runs. ``ca``, ``certificate`` and ``key``
    are PEM files; TLS is on when ``tls`` is true. ``program`` is a nats-server to
    prefer over the one in the package.
    """

    kind: str = "embedded"
    host: str = "127.0.0.1"
    port: int = 1883
    client_id: str = "tocsin-hub"
    username: str = ""
    password_file: Path | None = None
    password_env: str = ""
    tls: bool = False
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    program: str = ""

    def password(self) -> str:
        """Return the password now in its file or variable; empty when none is named."""
        return read_secret(self.password_file, self.password_env, "broker.password")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """The page and the API; ``public_url`` is how people and providers reach them."""

    host: str = "127.0.0.1"
    port: int = 8470
    token_file: Path | None = None
    token_env: str = ""
    public_url: str = ""

    def token(self) -> str:
        """Return the token now in its file or variable; empty when none is named."""
        return read_secret(self.token_file, self.token_env, "web.token")


@dataclass(frozen=True, slots=True, kw_only=True)
class InfluxSettings:
    """InfluxDB 2: the store for good."""

    url: str
    org: str
    bucket: str
    token_file: Path | None = None
    token_env: str = ""
    timeout_s: float = 10.0

    def token(self) -> str:
        """Return the token now in its file or variable."""
        return read_secret(self.token_file, self.token_env, "influx.token")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelTable:
    """One channel: ``kind`` is looked up in the registry, ``options`` are its own settings.

    Options whose name ends in ``_file`` are absolute paths.
    """

    name: str
    kind: str
    options: dict[str, Option] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadMapping:
    """A foreign payload: which topics, who reads them, and whose observations they are.

    ``topic`` is an MQTT filter; ``{1}`` in ``site`` and ``node`` stands for what its
    first ``+`` matched. ``names`` maps the payload's keys to datastream names and
    ``units`` datastream names to UCUM codes. ``time`` is the key of the payload's own
    time, empty for the time of arrival.
    """

    topic: str
    kind: str
    site: str
    node: str
    names: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    time: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Everything the configuration folder says; ``version`` is a hash of its files.

    ``shared`` is the folder of all files but hub.toml, where it is another.
    """

    folder: Path
    version: str
    hub: HubSettings
    broker: BrokerSettings
    web: WebSettings
    influx: InfluxSettings | None
    network: Network
    people: People
    rules: tuple[Rule, ...]
    channels: tuple[ChannelTable, ...]
    mappings: tuple[PayloadMapping, ...] = ()
    shared: Path | None = None

    def file(self, name: str) -> Path:
        """Return the path of one of the files; all but hub.toml may lie elsewhere."""
        elsewhere = self.shared is not None and name != "hub.toml"
        return (self.shared if elsewhere and self.shared else self.folder) / name


def read_secret(file: Path | None, variable: str, where: str) -> str:
    """Return the secret in ``file`` or else in the environment; empty when neither is named.

    Raises:
        ConfigError: a source is named and holds nothing.
    """
    if file is None and not variable:
        return ""
    secret = read_file(file, where) if file else os.environ.get(variable, "").strip()
    if not secret:
        named = words.FROM_VARIABLE.filled(name=variable)
        source = words.FROM_FILE.filled(file=file) if file else named
        raise ConfigError(where, words.NO_SECRET.filled(source=source))
    return secret


def read_file(file: Path, where: str) -> str:
    """Return the stripped text of ``file``.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            where, words.SECRET_UNREADABLE.filled(file=file, why=why(error))
        ) from error
