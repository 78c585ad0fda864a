"""The programs of the city, each a process of its own, killed and started again by plan.

Everything happens in the test's own thread: the kernel ends a child with the thread
that started it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from getpass import getuser
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final

from brokers import MOSQUITTO, mosquitto_program

from hub.demo import ledgers
from hub.demo.influx import Influx
from hub.demo.processes import Program, free_port, wait_for_port
from hub.demo.scene import Scene, hub_program, node_program, provider_program, set_scene
from hub.demo.toml import to_toml
from hub.ingest.broker import EmbeddedSettings, find_program, reachable, settings_text
from ordeal.account import Log, Nodes, Phones, Tail
from ordeal.city import City

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from contextlib import ExitStack
    from pathlib import Path

TICK_S: Final = 0.05
BACK_S: Final = 30.0  # a program that was started again is back by then
SETTLED_S: Final = 1.0  # what has just come back is left alone so long
SMS_TIMEOUT_S: Final = 3.0
AIM_S: Final = 10.0
HOLDER: Final = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """One kill to come: ``at_s`` real seconds after the start, the program down ``down_s``.

    Of those of the hub, an ``aimed`` one waits a little until a page wants to be sent, and
    a ``held`` one comes while another process holds the store, as a slow disk would.
    """

    at_s: float
    kind: str
    down_s: float
    aimed: bool = False
    held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """What a kill hit, and what it broke.

    ``unreceipted`` observations were spooled (of a killed node: its own), ``unsent`` SMS
    had not reached a phone, ``unrecorded`` ones had and the hub had not written so yet,
    ``behind`` rows InfluxDB had not confirmed. ``lost`` observations have a receipt and
    are not on disk.
    """

    at_s: float
    kind: str
    name: str
    held: bool
    unreceipted: int
    unsent: int
    unrecorded: int
    behind: int
    lost: int

    @property
    def live(self) -> bool:
        """Say whether data of the killed program's own was under way."""
        return bool(self.behind if self.kind == "influxd" else self.unreceipted)


def plan_strikes(
    dice: random.Random,
    counts: dict[str, int],
    first_s: float,
    last_s: float,
    *,
    aimed: float,
    held: tuple[bool, ...],
) -> list[Strike]:
    """Return kills at random times in random order, as many of each kind as ``counts`` says.

    ``aimed`` is the share of the hub's that wait for a page, 0 to 1; those of the hub are
    ``held`` in turns.
    """
    kinds = [kind for kind, count in counts.items() for _ in range(count)]
    dice.shuffle(kinds)
    times = sorted(dice.uniform(first_s, last_s) for _ in kinds)
    turns = cycle(held)
    return [
        Strike(
            at_s=at_s,
            kind=kind,
            down_s=dice.uniform(0.1, 1.5),
            aimed=kind == "hub" and dice.random() < aimed,
            held=kind == "hub" and next(turns),
        )
        for at_s, kind in zip(times, kinds, strict=True)
    ]


def plan_trouble(dice: random.Random, until_s: float) -> Iterator[tuple[float, dict[str, Any]]]:
    """Yield (when, order): how the provider misbehaves, most of the time."""
    at_s = 2.0
    while at_s < until_s:
        for_s, delay_s = dice.uniform(2.0, 6.0), dice.uniform(0.5, 2.5)
        late = {"what": "late", "delay_s": delay_s, "reports_s": delay_s, "for_s": for_s}
        what: dict[str, Any] = dice.choice(
            [
                late,
                late,
                {"what": "status", "status": 503, "for_s": for_s},
                {"what": "refuse", "for_s": for_s},
                {"what": "hang", "count": 2},
                {"what": "cut", "count": 2},
            ]
        )
        yield at_s, {**what, "door": "sms"}
        at_s += for_s + dice.uniform(0.5, 2.5)


def open_influx(program: str | None, folder: Path) -> Influx | None:
    """Return a running InfluxDB with its bucket, None where there is no program for it."""
    if program is None:
        return None
    influx = Influx(program, folder / "influx")
    influx.start()
    influx.set_up()
    return influx


def open_scene(city: City, folder: Path, influx: Influx | None) -> Scene:
    """Return a scene of the city in real time, behind a broker of its own."""
    table = influx.table if influx else None
    scene = set_scene(city.config, folder, rate=1.0, port=0, influx=table)
    file = scene.config / "hub.toml"
    hub = tomllib.loads(file.read_text("utf-8"))
    hub["broker"] = {"kind": "external", "host": "127.0.0.1", "port": scene.broker_port}
    for channel in hub["channel"]:
        if channel["kind"] == "sms":
            channel["timeout_s"] = SMS_TIMEOUT_S
    file.write_text(to_toml(hub), "utf-8")
    return scene


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


@dataclass(slots=True)
class Restart:
    """A killed program that starts again at ``due_s``."""

    program: Program
    due_s: float


@dataclass(slots=True)
class Stage:
    """The city at work. Times are real seconds since ``open``."""

    scene: Scene
    city: City
    broker: Program
    influx: Influx | None
    troubles: Iterator[tuple[float, dict[str, Any]]] = field(default_factory=lambda: iter(()))
    hub_environment: dict[str, str] = field(default_factory=dict)
    kills: list[Kill] = field(default_factory=list)
    _began: float = 0.0
    _restarts: list[Restart] = field(default_factory=list)
    _up_since: dict[str, float] = field(default_factory=dict)
    _next_trouble: tuple[float, dict[str, Any]] | None = None
    hub: Program = field(init=False)
    provider: Program = field(init=False)
    nodes: list[Program] = field(init=False)
    truth: Nodes = field(init=False)
    phones: Phones = field(init=False)
    log: Log = field(init=False)

    def __post_init__(self) -> None:
        scene = self.scene
        self.hub = hub_program(scene)
        self.hub.environment = {**self.hub.environment, **self.hub_environment}
        self.provider = provider_program(scene)
        self.nodes = [node_program(scene, given) for given in self.city.nodes]
        tails = [Tail(scene.folder / f"{given.stem}.jsonl") for given in self.city.nodes]
        self.truth = Nodes(tails)
        self.phones = Phones(Tail(scene.provider_ledger))
        self.log = Log(scene.database)

    def open(self, stack: ExitStack) -> None:
        """Start everything, the hub before the nodes."""
        self._began = time.monotonic()
        for program in (self.provider, self.broker, self.hub, *self.nodes):
            stack.callback(program.kill)
            program.start()
            self._wait_up(program)
            self._up_since[program.name] = self.now_s
        if self.influx is not None:
            self._up_since["influxd"] = 0.0

    @property
    def now_s(self) -> float:
        """Return the real seconds since ``open``."""
        return time.monotonic() - self._began

    def until(self, condition: Callable[[], bool], limit_s: float) -> bool:
        """Go on until ``condition`` holds or ``limit_s`` have passed; say whether it does."""
        end_s = self.now_s + limit_s
        while not condition():
            if self.now_s >= end_s:
                return False
            self._tick()
        return True

    def strike(self, strike: Strike, dice: random.Random) -> Kill:
        """Carry out ``strike`` when its time has come and its program is up; say what it hit."""
        self.until(lambda: self.now_s >= strike.at_s, limit_s=600)
        name = dice.choice(self.nodes).name if strike.kind == "node" else strike.kind
        program = self._named(name)
        assert self.until(lambda: self._is_up(program), BACK_S), self.words(program)
        if strike.aimed:
            self.until(lambda: self.log.unsent(self.phones_now())[0] > 0, AIM_S)
            self.rest(dice.uniform(0.0, 0.2))
        with held(self.scene.database) if strike.held else nullcontext():
            self.rest(dice.uniform(0.1, 0.8) if strike.held else 0.0)
            program.kill()
        kill = self._seen(strike, name)
        self.kills.append(kill)
        self._up_since.pop(name)
        self._restarts.append(Restart(program=program, due_s=self.now_s + strike.down_s))
        return kill

    def rest(self, for_s: float) -> None:
        """Go on for ``for_s``."""
        end_s = self.now_s + for_s
        self.until(lambda: self.now_s >= end_s, limit_s=for_s + 1)

    def phones_now(self) -> Phones:
        """Return the phones as they are now."""
        self.phones.look()
        return self.phones

    def order(self, order: dict[str, Any]) -> None:
        """Tell the provider how to misbehave."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.scene.provider_port}/misbehave",
            json.dumps(order).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  our own
            assert answer.status == 200

    def calm(self) -> None:
        """Let everything come back and the provider behave."""
        self.troubles, self._next_trouble = iter(()), None
        self.order({"what": "well"})
        assert self.until(lambda: not self._restarts, BACK_S)

    def close(self) -> None:
        """End nodes, then the hub, as their service managers would."""
        for node in self.nodes:
            node.stop()
        self.hub.stop()

    def words(self, *programs: Program) -> str:
        """Return the last words of ``programs``, all of them for none."""
        chosen = programs or (self.broker, self.hub, self.provider, *self.nodes)
        return "\n".join(f"--- {p.name}\n{p.last_words()}" for p in chosen)

    def _seen(self, strike: Strike, name: str) -> Kill:
        """Return what a kill of just now has hit; ledgers first, then the hub's own file."""
        self.truth.look()
        unsent, unrecorded = self.log.unsent(self.phones_now())
        stored = self.log.stored()
        return Kill(
            at_s=round(self.now_s, 2),
            kind=strike.kind,
            name=name,
            held=strike.held,
            unreceipted=self.truth.unreceipted(name if strike.kind == "node" else ""),
            unsent=unsent,
            unrecorded=unrecorded,
            behind=self.log.behind(),
            lost=ledgers.lost(self.truth.truth, stored),
        )

    def _tick(self) -> None:
        for due in [r for r in self._restarts if r.due_s <= self.now_s]:
            self._restarts.remove(due)
            due.program.start()
        self._trouble()
        self._check()
        time.sleep(TICK_S)

    def _trouble(self) -> None:
        if self._next_trouble is None:
            self._next_trouble = next(self.troubles, None)
        if self._next_trouble is not None and self._next_trouble[0] <= self.now_s:
            self.order(self._next_trouble[1])
            self._next_trouble = None

    def _check(self) -> None:
        """Nothing may end unless it was killed."""
        waiting = [r.program for r in self._restarts]
        for program in self._all():
            assert program in waiting or program.running, self.words(program)

    def _all(self) -> list[Program]:
        influxd = [self.influx.server] if self.influx else []
        return [self.broker, self.hub, self.provider, *self.nodes, *influxd]

    def _named(self, name: str) -> Program:
        return next(program for program in self._all() if program.name == name)

    def _is_up(self, program: Program) -> bool:
        """Say whether ``program`` has been at work for a moment."""
        if not program.running:
            return False
        if program.name not in self._up_since and self._answers(program):
            self._up_since[program.name] = self.now_s
        return self.now_s - self._up_since.get(program.name, self.now_s) >= SETTLED_S

    def _answers(self, program: Program) -> bool:
        port = self._port(program)
        return port == 0 or reachable("127.0.0.1", port)

    def _port(self, program: Program) -> int:
        """Return where ``program`` listens, 0 for a node."""
        ports = {
            "broker": self.scene.broker_port,
            "hub": self.scene.web_port,
            "provider": self.scene.provider_port,
            "influxd": self.influx.port if self.influx else 0,
        }
        return ports.get(program.name, 0)

    def _wait_up(self, program: Program) -> None:
        if port := self._port(program):
            wait_for_port(port, program)


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
