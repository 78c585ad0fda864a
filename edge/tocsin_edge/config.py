"""The node's one TOML file as frozen data; knows shapes, asks each sensor for its own."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from tocsin_edge import refusals
from tocsin_edge.errors import ConfigError
from tocsin_edge.message import NAME
from tocsin_edge.reasons import why
from tocsin_edge.sensors import SENSORS
from tocsin_edge.table import join, meant, read_table
from tocsin_edge.worlds import WORLDS

if TYPE_CHECKING:
    from tocsin_edge.sensors.base import World

MESSAGE_OBSERVATIONS: Final = 1000  # keeps a message well under the brokers' 1 MB
SMALLEST_SPOOL: Final = 100_000


def _positive(owner: object, *names: str) -> None:
    for name in names:
        value = getattr(owner, name)
        if value is not None and not 0 < value < math.inf:
            raise ValueError(f"{name} must be positive, got {value}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """Where the broker is and how the node proves who it is; secrets come from files."""

    host: str = "127.0.0.1"
    port: int = 1883
    username: str = ""
    password_file: Path | None = None
    tls: bool = False
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    keepalive_s: int = 30
    timeout_s: float = 10.0
    reconnect_min_s: float = 1.0
    reconnect_max_s: float = 60.0

    def __post_init__(self) -> None:
        _positive(self, "port", "keepalive_s", "timeout_s", "reconnect_min_s", "reconnect_max_s")
        if self.port > 65535:
            raise ValueError(f"port must be at most 65535, got {self.port}")
        if self.username and self.password_file is None:
            raise ValueError("username needs password_file")
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolSettings:
    """Where messages wait for the hub's receipt, and how much space they may take.

    ``commit_s`` is how long routine readings may wait for the disk: longer spares an
    SD card, shorter loses less in a power cut. Alarming ones never wait.
    """

    folder: Path
    max_bytes: int = 64_000_000
    commit_s: float = 5.0

    def __post_init__(self) -> None:
        _positive(self, "commit_s")
        if self.max_bytes < SMALLEST_SPOOL:
            raise ValueError(f"max_bytes must be at least {SMALLEST_SPOOL}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SendSettings:
    """How readings are packed and sent.

    ``upload_s`` is on the node's clock; ``resend_s``, ``resend_max_s`` and ``state_s``
    are real seconds. ``tries`` without a receipt, while later messages get theirs, set
    a message aside.
    """

    upload_s: float = 60.0
    batch: int = 50
    resend_s: float = 10.0
    resend_max_s: float = 300.0
    in_flight: int = 100
    tries: int = 5
    state_s: float = 60.0

    def __post_init__(self) -> None:
        _positive(self, "upload_s", "batch", "resend_s", "resend_max_s", "in_flight", "tries")
        _positive(self, "state_s")
        if self.batch > MESSAGE_OBSERVATIONS:
            raise ValueError(f"batch must be at most {MESSAGE_OBSERVATIONS}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSettings:
    """How far the node's clock may be believed; ``auto`` asks the kernel."""

    source: Literal["auto", "ntp", "rtc", "unset"] = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One datastream: what is read how often, and when a value is alarming.

    ``unit`` is UCUM and the unit of ``alarm_above`` and ``alarm_below``.
    """

    name: str
    unit: str
    sensor: dict  # type: ignore[type-arg]  # replaced by ``settings`` once its kind is known
    interval_s: float = 60.0
    alarm_above: float | None = None
    alarm_below: float | None = None
    settings: Any = field(default=None, metadata={"internal": True})

    def __post_init__(self) -> None:
        _positive(self, "interval_s")
        if not NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is no name: 1 to 64 of A-Z a-z 0-9 _ -")
        above, below = self.alarm_above, self.alarm_below
        if above is not None and below is not None and below >= above:
            raise ValueError(f"alarm_below {below} is not below alarm_above {above}")

    @property
    def kind(self) -> str:
        """Return the sensor's kind, a key of SENSORS."""
        return str(self.sensor["kind"])

    def alarming(self, result: float | None) -> bool:
        """Return whether ``result`` is to be spooled at once and sent first."""
        if result is None:
            return False
        above = self.alarm_above is not None and result >= self.alarm_above
        return above or (self.alarm_below is not None and result <= self.alarm_below)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeConfig:
    """Everything one node is told; ``world`` is what its simulated sensors look at."""

    site: str
    node: str
    spool: SpoolSettings
    broker: BrokerSettings = field(default_factory=BrokerSettings)
    send: SendSettings = field(default_factory=SendSettings)
    clock: ClockSettings = field(default_factory=ClockSettings)
    world: dict | None = None  # type: ignore[type-arg]
    datastream: tuple[Stream, ...] = ()
    world_settings: Any = field(default=None, metadata={"internal": True})

    def __post_init__(self) -> None:
        for name in ("site", "node"):
            value = getattr(self, name)
            if not NAME.fullmatch(value):
                raise ValueError(f"{name} {value!r} is no name: 1 to 64 of A-Z a-z 0-9 _ -")
        names = [stream.name for stream in self.datastream]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two datastreams are called {twice!r}")

    def topic(self, last: str) -> str:
        """Return the node's topic that ends in ``last``."""
        return f"tocsin/v1/{self.site}/{self.node}/{last}"

    def make_world(self) -> World | None:
        """Return the simulated world, if the file has one."""
        if self.world is None:
            return None
        _, build = WORLDS[str(self.world["kind"])]
        return build(self.world_settings)


def read_config(path: Path) -> NodeConfig:
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
    config = read_table(table, NodeConfig, f"{path}: ")
    streams = tuple(
        _with_sensor(stream, f"{path}: datastream[{i}].sensor")
        for i, stream in enumerate(config.datastream)
    )
    world = None if config.world is None else _world(config.world, f"{path}: world")
    return replace(config, datastream=streams, world_settings=world)


def _with_sensor(stream: Stream, where: str) -> Stream:
    settings, _ = SENSORS[_kind(stream.sensor, SENSORS, where)]
    return replace(stream, settings=read_table(_options(stream.sensor), settings, where))


def _world(table: dict[str, object], where: str) -> object:
    settings, _ = WORLDS[_kind(table, WORLDS, where)]
    return read_table(_options(table), settings, where)


def _options(table: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in table.items() if key != "kind"}


def _kind(table: dict[str, object], known: dict[str, Any], where: str) -> str:
    kind = table.get("kind")
    if kind is None:
        raise ConfigError(join(where, "kind"), refusals.MISSING)
    if not isinstance(kind, str) or kind not in known:
        unknown = refusals.UNKNOWN_KIND.filled(kind=kind, near=meant(str(kind), known))
        raise ConfigError(join(where, "kind"), unknown)
    return kind
