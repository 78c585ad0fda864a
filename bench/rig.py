"""The rig: the shipped hub on a derived configuration, a broker, InfluxDB and a provider.

Rules, policies and the shipped sites, cells and people stay as they are in config/; load
and probe sites are added, and doors, data and the SMS provider are put on loopback.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import time
import tomllib
import urllib.error
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.load import nodes_of
from bench.meters import Usage, hub_pids, hub_usage, shared_out_mb, usage
from bench.town import CONFIG, settle
from hub.demo.influx import Influx, find_influxd
from hub.demo.processes import DemoError, Program, wait_for_port
from hub.demo.scene import Scene, hub_program, on_loopback, provider_program, set_scene
from hub.demo.toml import to_toml
from hub.ingest.broker import EmbeddedBroker, EmbeddedSettings
from hub.ports import free_port

if TYPE_CHECKING:
    from bench.load import Node

CACHED_INFLUXD: Final = Path.home() / ".cache" / "tocsin" / "influxd-2.7.12" / "influxd"
READY_S: Final = 60.0
MOSQUITTO: Final = """
per_listener_settings false
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/
autosave_interval 5
max_inflight_messages 500
max_queued_messages 1000000
max_queued_bytes 1073741824
"""
BEHIND: Final = """
SELECT count(*) FROM observation WHERE "offset" >
coalesce((SELECT "offset" FROM position WHERE loop = ?), 0)
"""


@dataclass(slots=True)
class Broker:
    """A broker outside of the hub: ``pid`` is its process."""

    port: int
    pid: int


def start_mosquitto(folder: Path, stack: ExitStack) -> Broker:
    """Start mosquitto with the settings that keep what it confirmed."""
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if program is None:
        raise DemoError("mosquitto is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o777)  # started by root it becomes the user mosquitto
    port = free_port()
    conf = folder / "mosquitto.conf"
    conf.write_text(MOSQUITTO.format(port=port, folder=folder), "utf-8")
    server = Program("mosquitto", (program, "-c", str(conf)), folder / "mosquitto.log", {})
    stack.callback(server.stop)
    server.start()
    wait_for_port(port, server)
    return Broker(port, pid_of(server))


def start_nats(folder: Path, stack: ExitStack) -> Broker:
    """Start the embedded broker by itself, exactly as the hub would."""
    broker = EmbeddedBroker(EmbeddedSettings(folder=folder, port=free_port()))
    broker.start()
    stack.callback(broker.stop)
    return Broker(broker.port, broker.pid or 0)


STARTERS: Final = {"nats": start_nats, "mosquitto": start_mosquitto}


def pid_of(program: Program) -> int:
    """Return the process id of a program that runs."""
    if program.process is None:
        raise DemoError(f"{program.name} does not run")
    return program.process.pid


class Rig:
    """A hub under test with all that it talks to; ``close`` ends every process."""

    def __init__(
        self, folder: Path, kind: str, *, with_influx: bool, streams: int, probes: int
    ) -> None:
        self.folder, self.kind, self.with_influx = folder, kind, with_influx
        self.streams, self._probes = streams, probes
        self.stack = ExitStack()
        self.influx: Influx | None = None
        self.broker: Broker | None = None
        self.nodes: list[Node] = nodes_of(CONFIG, streams)
        self.scene: Scene = replace(set_scene(CONFIG, folder, rate=1.0, port=0), clock="")
        self.hub = hub_program(self.scene)

    def open(self) -> None:
        """Start everything and wait until the hub listens."""
        if self.with_influx:
            self.influx = self._influx()
        if self.kind == "mosquitto":
            self.broker = start_mosquitto(self.folder / "mosquitto", self.stack)
        self._configure()
        for program in (provider_program(self.scene), self.hub):
            self.stack.callback(program.stop)
            program.start()
        wait_for_port(self.scene.web_port, self.hub)
        self._wait_ready()

    def close(self) -> None:
        """Stop what was started, the hub first, and remove its files."""
        self.stack.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def port(self) -> int:
        """Return the broker's port."""
        return self.broker.port if self.broker else self.scene.broker_port

    def usage(self) -> dict[str, Usage]:
        """Return CPU and memory of hub, workers, broker and InfluxDB."""
        groups = hub_usage(pid_of(self.hub))
        if self.broker:
            groups["broker"] = usage(self.broker.pid)
        groups["influx"] = usage(pid_of(self.influx.server)) if self.influx else Usage()
        return groups

    def memory_mb(self) -> float:
        """Return the memory of hub and workers, shared pages counted once."""
        return shared_out_mb(hub_pids(pid_of(self.hub)))

    def behind(self, loop: str) -> int:
        """Return how many observations of the log ``loop`` has still to take."""
        return self.one(BEHIND, loop)

    def one(self, sql: str, *arguments: object) -> int:
        """Return the one number that ``sql`` gives of the hub's file."""
        uri = f"file:{self.scene.database}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, timeout=10)
        try:
            return int(connection.execute(sql, arguments).fetchone()[0])
        finally:
            connection.close()

    def readiness(self) -> dict[str, Any]:
        """Return what the hub says of itself."""
        try:
            with urllib.request.urlopen(f"{self.scene.page}readyz", timeout=5) as answer:  # noqa: S310  loopback
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            return dict(json.loads(error.read()))
        except (urllib.error.URLError, OSError) as error:
            return {"ready": False, "trouble": str(error)}

    def _influx(self) -> Influx:
        program = influxd()
        if program is None:
            raise DemoError("there is no influxd: name one by TOCSIN_INFLUXD")
        influx = Influx(program, self.folder / "influx")
        self.stack.callback(influx.server.stop)
        influx.start()
        influx.set_up()
        return influx

    def _configure(self) -> None:
        """Write what differs from config/: doors, sites, and who answers for the probes."""
        scene = self.scene
        hub = tomllib.loads((CONFIG / "hub.toml").read_text("utf-8"))
        tables = on_loopback(hub, scene, self.influx.table if self.influx else None)
        if self.broker:
            tables["broker"] = {"kind": "external", "host": "127.0.0.1", "port": self.broker.port}
        (scene.config / "hub.toml").write_text(to_toml(tables), "utf-8")
        settle(scene.config, len(self.nodes), self.streams, self._probes)

    def _wait_ready(self) -> None:
        until = time.monotonic() + READY_S
        state: dict[str, Any] = {}
        while time.monotonic() < until:
            state = self.readiness()
            if state.get("ready"):
                return
            time.sleep(0.2)
        raise DemoError(f"the hub does not become ready: {state.get('trouble')}")


def influxd() -> str | None:
    """Return an influxd: the one that is named, on PATH, or in the cache of .ci/influxd."""
    return find_influxd() or (str(CACHED_INFLUXD) if CACHED_INFLUXD.is_file() else None)


def commit() -> str:
    """Return the commit that is checked out, with a plus when files are changed."""
    command = ["git", "-C", str(CONFIG.parent), "describe", "--always", "--dirty=+"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
