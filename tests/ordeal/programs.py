"""The programs of a stage: InfluxDB, brokers, the crowd, whoever holds the store, a planted hub."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from contextlib import contextmanager
from getpass import getuser
from typing import TYPE_CHECKING, Any, Final

from brokers import MOSQUITTO, mosquitto_program

from hub.demo.influx import Influx
from hub.demo.processes import Program
from hub.demo.scene import Scene, node_file, set_scene
from hub.demo.scene import program as python_program
from hub.demo.toml import to_toml
from hub.ingest.broker import EmbeddedSettings, find_program, settings_text
from hub.ports import free_port
from ordeal.city import LANES, ROOT, City

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SMS_TIMEOUT_S: Final = 3.0
CROWDED: Final = 40  # nodes in a process: paho's select() takes no file number beyond 1023
HOLDER: Final = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


def open_influx(program: str | None, folder: Path) -> Influx | None:
    """Return a running InfluxDB with its bucket, None where there is no program for it."""
    if program is None:
        return None
    influx = Influx(program, folder / "influx")
    influx.start()
    influx.set_up()
    return influx


def open_scene(city: City, folder: Path, influx: Influx | None) -> Scene:
    """Return a scene of the city at its rate, behind a broker of its own."""
    table = influx.table if influx else None
    scene = set_scene(city.config, folder, rate=city.size.rate, port=0, influx=table)
    file = scene.config / "hub.toml"
    hub = tomllib.loads(file.read_text("utf-8"))
    hub["broker"] = {"kind": "external", "host": "127.0.0.1", "port": scene.broker_port}
    for channel in hub["channel"]:
        if channel["kind"] == "sms":
            channel |= {"timeout_s": SMS_TIMEOUT_S, "at_once": LANES}
    file.write_text(to_toml(hub), "utf-8")
    people = scene.config / "people.toml"
    people.write_text(to_toml(with_hooks(people, scene)), "utf-8")
    return scene


def with_hooks(people: Path, scene: Scene) -> dict[str, Any]:
    """Return the people, each with an address for webhooks at the provider."""
    tables = tomllib.loads(people.read_text("utf-8"))
    for person in tables["person"]:
        hook = f"http://127.0.0.1:{scene.provider_port}/hook/{person['id']}"
        person["address"]["webhook"] = hook
    return tables


def nats_program(scene: Scene) -> Program:
    """Return nats-server as the hub would run it, as a program of its own."""
    folder = scene.folder / "broker"
    folder.mkdir()
    settings = EmbeddedSettings(folder=folder, port=scene.broker_port)
    text = settings_text(settings, scene.broker_port, free_port())
    (folder / "nats.conf").write_text(text, "utf-8")
    return broker_program(scene, find_program(), "-c", str(folder / "nats.conf"))


def mosquitto(scene: Scene) -> Program:
    """Return mosquitto with a window and a queue that lose nothing."""
    folder = scene.folder / "broker"
    folder.mkdir()
    conf = MOSQUITTO.format(user=getuser(), port=scene.broker_port, folder=folder)
    (folder / "mosquitto.conf").write_text(conf, "utf-8")
    found = mosquitto_program()
    assert found is not None
    return broker_program(scene, found, "-c", str(folder / "mosquitto.conf"))


def broker_program(scene: Scene, *command: str) -> Program:
    """Return a broker whose words go to broker.log."""
    log = scene.folder / "broker.log"
    return Program(name="broker", command=command, log=log, environment={})


BROKERS: Final[dict[str, Callable[[Scene], Program]]] = {
    "nats": nats_program,
    "mosquitto": mosquitto,
}


def crowd_programs(scene: Scene, city: City) -> list[Program]:
    """Return the crowd: many nodes in a few processes."""
    files = [str(node_file(given, scene)) for given in city.crowd]
    parts = [files[first : first + CROWDED] for first in range(0, len(files), CROWDED)]
    return [crowd_program(scene, f"crowd-{n}", part) for n, part in enumerate(parts)]


def crowd_program(scene: Scene, name: str, files: list[str]) -> Program:
    """Return one process of the crowd."""
    ledgers = ("--ledgers", str(scene.folder))
    crowd = python_program(scene, name, "-m", "ordeal.crowd", *files, *ledgers)
    crowd.environment = {**crowd.environment, **with_tests()}
    return crowd


def with_tests() -> dict[str, str]:
    """Return how a process of ours finds what is in tests/."""
    paths = [str(ROOT / "tests"), str(ROOT / "edge"), str(ROOT), os.environ.get("PYTHONPATH")]
    return {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


def wipe(folder: Path) -> None:
    """Take from a broker all that it kept, but not its configuration."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.suffix not in (".conf", ".log"):
            path.unlink()


@contextmanager
def held(database: Path) -> Iterator[None]:
    """Hold the hub's file as a backup or a slow disk would, by a process that is killed too."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            yield
        finally:
            holder.kill()


def plant(folder: Path, package: Path, changes: dict[str, str]) -> dict[str, str]:
    """Copy ``package`` into ``folder``, change its intake, and return how to run the copy."""
    shutil.copytree(package, folder / "hub", ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / "hub" / "flow" / "intake.py"
    text = file.read_text("utf-8")
    for old, new in changes.items():
        assert text.count(old) == 1, f"the fault no longer fits: {old!r}"
        text = text.replace(old, new)
    file.write_text(text, "utf-8")
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PYTHONPATH": os.pathsep.join(paths), "PYTHONSAFEPATH": "1"}
