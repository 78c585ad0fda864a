"""Looks at everything a node needs and says in words what is wrong and how to mend it."""

from __future__ import annotations

import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from tocsin_edge.errors import EdgeError, LinkError, SensorError
from tocsin_edge.findings import FINDINGS
from tocsin_edge.link import make_client
from tocsin_edge.node import SPOOL_FILE
from tocsin_edge.readers import build_sensor
from tocsin_edge.reasons import BOOK, why
from tocsin_edge.spool_file import open_spool
from tocsin_edge.status import read_status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin_edge.clock import Timekeeper
    from tocsin_edge.config import BrokerSettings, NodeConfig, Stream

MARKS: Final = {"good": "✓", "warn": "!", "bad": "✗"}
MB: Final = 1_000_000
OPEN_TO_OTHERS: Final = 0o077
CARD_COMMIT_S: Final = 1.0
CARD: Final = Path("/sys/block/mmcblk0")
JOURNAL: Final = Path("/var/log/journal")
LOCAL: Final = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at; ``key`` names its words."""

    level: Literal["good", "warn", "bad"]
    key: str
    facts: dict[str, Any] = field(default_factory=dict)

    def say(self, language: str) -> str:
        """Return the finding in words, its remedy on a line of its own."""
        finding, fix = (text.filled(**self.facts).of(language) for text in FINDINGS[self.key])
        line = f"{MARKS[self.level]} {finding}"
        return f"{line}\n  → {fix}" if fix else line


def examine(config: NodeConfig, keeper: Timekeeper) -> Iterator[Finding]:
    """Yield what is found, each as soon as it is known."""
    yield _streams(config)
    yield from _secrets(config.broker)
    yield _broker(config)
    yield from _spool(config)
    yield _clock(keeper)
    for stream in config.datastream:
        yield _sensor(config, stream, keeper)
    yield from _card(config)


def _streams(config: NodeConfig) -> Finding:
    if not config.datastream:
        return Finding(level="bad", key="no-streams")
    facts = {"streams": len(config.datastream), "site": config.site, "node": config.node}
    return Finding(level="good", key="config-ok", facts=facts)


def _secrets(broker: BrokerSettings) -> Iterator[Finding]:
    for file in (broker.password_file, broker.key_file):
        if file is not None:
            yield _secret(file)
    if broker.host not in LOCAL and not broker.tls and broker.ca_file is None:
        yield Finding(level="warn", key="no-tls", facts={"host": broker.host})


def _secret(file: Path) -> Finding:
    try:
        mode = file.stat().st_mode & 0o777
        file.read_bytes()
    except OSError as err:
        facts = {"file": file, "why": why(err)}
        return Finding(level="bad", key="secret-unreadable", facts=facts)
    if mode & OPEN_TO_OTHERS:
        return Finding(level="bad", key="password-open", facts={"file": file, "mode": f"{mode:o}"})
    return Finding(level="good", key="password-ok", facts={"file": file})


def _broker(config: NodeConfig) -> Finding:
    broker = config.broker
    facts = {"host": broker.host, "port": broker.port}
    try:
        refusal = _try_broker(config)
    except (OSError, ValueError, LinkError) as err:
        return Finding(level="bad", key="broker-unreachable", facts=facts | {"why": why(err)})
    if refusal:
        return Finding(level="bad", key="broker-refuses", facts=facts | {"why": BOOK.both(refusal)})
    return Finding(level="good", key="broker-ok", facts=facts)


def _try_broker(config: NodeConfig) -> str:
    """Connect under another client id, so that a running node is left alone."""
    answered = threading.Event()
    answers: list[str] = []

    def connected(_c: Any, _u: Any, _f: Any, reason: Any, _p: Any) -> None:  # noqa: ANN401
        answers.append(str(reason) if reason.is_failure else "")
        answered.set()

    client = make_client(config.broker, f"tocsin-{config.node}-doctor")
    client.on_connect = connected
    try:
        client.connect(config.broker.host, config.broker.port)
        client.loop_start()
        if not answered.wait(config.broker.timeout_s):
            raise LinkError("no answer")
    finally:
        client.disconnect()
        client.loop_stop()
    return answers[0]


def _spool(config: NodeConfig) -> Iterator[Finding]:
    folder, most = config.spool.folder, config.spool.max_bytes
    try:
        folder.mkdir(parents=True, exist_ok=True)
        open_spool(folder / SPOOL_FILE).close()
        status = read_status(folder)
    except (OSError, EdgeError) as err:
        yield Finding(level="bad", key="spool-bad", facts={"why": why(err)})
        return
    used_mb, max_mb = round(status.used_bytes / MB, 1), round(most / MB, 1)
    facts = {"folder": folder, "used_mb": used_mb, "max_mb": max_mb, "queue": status.waiting}
    yield Finding(level="good", key="spool-ok", facts=facts)
    free = shutil.disk_usage(folder).free
    if free < most - status.used_bytes:
        facts = {"free_mb": round(free / MB, 1), "max_mb": max_mb}
        yield Finding(level="warn", key="disk-small", facts=facts)
    for key, n in (("evicted", status.evicted), ("aside", status.aside)):
        if n:
            yield Finding(level="warn", key=key, facts={"n": n})


def _clock(keeper: Timekeeper) -> Finding:
    trust = keeper.trust()
    return Finding(level="good" if trust == "ntp" else "warn", key=f"clock-{trust}")


def _sensor(config: NodeConfig, stream: Stream, keeper: Timekeeper) -> Finding:
    clock, folder = keeper.clock, config.spool.folder
    facts: dict[str, Any] = {"name": stream.name}
    try:
        sensor = build_sensor(config, stream, folder=folder, clock=clock, memory=None)
        try:
            readings = sensor.read(clock.now_us())
        finally:
            sensor.close()
    except SensorError as err:
        return Finding(level="bad", key="sensor-bad", facts=facts | {"why": why(err)})
    except EdgeError as err:
        return Finding(level="bad", key="sensor-bad", facts=facts | {"why": why(err)})
    if not readings:
        return Finding(level="good", key="sensor-quiet", facts=facts)
    facts |= {"value": f"{readings[-1].result} {stream.unit}", "why": BOOK.both(readings[-1].why)}
    if readings[-1].quality:
        return Finding(level="warn", key="sensor-suspect", facts=facts)
    return Finding(level="good", key="sensor-ok", facts=facts)


def _card(config: NodeConfig) -> Iterator[Finding]:
    """Say what wears out an SD card; nothing on machines without one."""
    if not CARD.exists():
        return
    if JOURNAL.exists():
        yield Finding(level="warn", key="journal-wears")
    if config.spool.commit_s < CARD_COMMIT_S:
        facts = {"commit_s": config.spool.commit_s}
        yield Finding(level="warn", key="commits-wear", facts=facts)
