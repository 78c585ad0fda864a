"""The programs of the city, each a process of its own, killed and started again by plan.

Everything happens in the caller's own thread: the kernel ends a child with the thread
that started it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from hub.demo.influx import BUCKET, ORG, Influx
from hub.demo.processes import Program, wait_for_port
from hub.demo.scene import Scene, hub_program, node_program, provider_program
from hub.dispatch.words import HAZARDS, LEVELS
from hub.ingest.broker import reachable
from hub.model.network import Hazard, Severity
from ordeal.account import Log, Nodes, Phones
from ordeal.city import City, as_json, names, node_of, recording
from ordeal.oracle import Reader
from ordeal.programs import crowd_programs, held, wipe, with_tests
from ordeal.strikes import Kill, Strike
from ordeal.tail import Tail

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from contextlib import ExitStack
    from pathlib import Path

TICK_S: Final = 0.05
BACK_S: Final = 30.0  # a program that was started again is back by then
SETTLED_S: Final = 1.0  # what has just come back is left alone so long
AIM_S: Final = 3.0
ORACLE_S: Final = 300.0
LINGER: Final = (  # what keeps a page on its way so that a kill can meet it there
    {"what": "hang", "door": "sms", "count": 3},
    {"what": "late", "door": "sms", "delay_s": 1.5, "count": 3},
)
NAMES: Final = {"stopped": "hub", "wiped": "broker"}


@dataclass(slots=True)
class Restart:
    """A killed program that starts again at ``due_s``, a stopped one that goes on."""

    program: Program
    due_s: float
    stopped: bool = False

    def happen(self) -> None:
        """Bring it back."""
        if self.stopped and self.program.process is not None:
            self.program.process.send_signal(signal.SIGCONT)
        else:
            self.program.start()


@dataclass(slots=True)
class Stage:
    """The city at work. Times are real seconds since ``open``.

    ``hub_before`` is a command that the hub is started by (prlimit and its options).
    """

    scene: Scene
    city: City
    broker: Program
    influx: Influx | None
    troubles: Iterator[tuple[float, dict[str, Any]]] = field(default_factory=lambda: iter(()))
    hub_environment: dict[str, str] = field(default_factory=dict)
    hub_before: tuple[str, ...] = ()
    kills: list[Kill] = field(default_factory=list)
    began_wall_s: float = 0.0
    opened_wall_s: float = 0.0
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
        scene, city = self.scene, self.city
        self.hub = hub_program(scene)
        self.hub.command = (*self.hub_before, *self.hub.command)
        self.hub.environment = {**self.hub.environment, **self.hub_environment}
        self.provider = provider_program(scene)
        self.nodes = [node_program(scene, given) for given in city.nodes]
        self.nodes += crowd_programs(scene, city)
        self.truth = Nodes([Tail(file) for file in self.ledgers])
        self.phones = Phones(Tail(scene.provider_ledger), Reader(self.facts()["dangers"]))
        self.log = Log(scene.database)

    @property
    def ledgers(self) -> list[Path]:
        """Return the nodes' ledgers."""
        given = (*self.city.nodes, *self.city.crowd)
        return [self.scene.folder / f"{file.stem}.jsonl" for file in given]

    def open(self, stack: ExitStack) -> None:
        """Start everything, the hub before the nodes."""
        self._began, self.began_wall_s = time.monotonic(), time.time()
        for program in (self.provider, self.broker, self.hub, *self.nodes):
            stack.callback(program.kill)
            program.start()
            self._wait_up(program)
            self._up_since[program.name] = self.now_s
        if self.influx is not None:
            self._up_since["influxd"] = 0.0
        self.opened_wall_s = time.time()

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
        program = self.named(NAMES.get(name, name))
        assert self.until(lambda: self._is_up(program), BACK_S), self.words(program)
        if strike.aimed:
            self.order(dice.choice(LINGER))
            self.until(lambda: self.log.unsent(self.phones_now())[0] > 0, AIM_S)
            self.rest(dice.uniform(0.0, 0.2))
        with held(self.scene.database) if strike.held else nullcontext():
            self.rest(dice.uniform(0.1, 0.8) if strike.held else 0.0)
            self._hit(strike, program)
        kill = self._seen(strike, name)
        self.kills.append(kill)
        self._up_since.pop(program.name)
        back = Restart(program, self.now_s + strike.down_s, stopped=strike.kind == "stopped")
        self._restarts.append(back)
        return kill

    def _hit(self, strike: Strike, program: Program) -> None:
        if strike.kind == "stopped" and program.process is not None:
            program.process.send_signal(signal.SIGSTOP)
            return
        program.kill()
        if strike.kind == "wiped":
            wipe(self.scene.folder / "broker")

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

    def down(self, name: str, for_s: float) -> None:
        """Kill a program and leave it down for ``for_s``."""
        program = self.named(name)
        program.kill()
        self._up_since.pop(program.name)
        self._restarts.append(Restart(program, self.now_s + for_s))

    def calm(self) -> None:
        """Let everything come back and the provider behave."""
        self.troubles, self._next_trouble = iter(()), None
        self.order({"what": "well"})
        assert self.until(lambda: not self._restarts, BACK_S)

    def settle(self, limit_s: float) -> list[str]:
        """Wait until all is spooled, receipted, told and written; return what did not come true."""

        def spooled() -> bool:
            self.truth.look()
            return self.truth.observations >= self.city.readings

        def receipted() -> bool:
            self.truth.look()
            return not self.truth.unreceipted()

        def told() -> bool:
            return len(self.phones_now().told) >= len(self.city.dangers)

        def written() -> bool:
            if self.influx is None:
                return True
            return not self.log.behind() and self.influx.points() >= self.city.readings

        waits = {"spooled": spooled, "receipted": receipted, "told": told, "written": written}
        return [
            f"after {limit_s:.0f} quiet seconds not all is {name}"
            for name, wait in waits.items()
            if not self.until(wait, limit_s)
        ]

    def close(self) -> None:
        """End nodes, then the hub, as their service managers would."""
        for node in self.nodes:
            node.stop()
        self.hub.stop()

    def facts(self) -> dict[str, Any]:
        """Return what the oracle is told: where ledgers are and what each danger is called."""
        folder, influx = self.scene.folder, self.influx
        number_of = {node_of(number): number for number in range(len(self.ledgers))}
        return {
            "clock": self.scene.clock,
            "ledgers": [file.name for file in self.ledgers],
            "provider": self.scene.provider_ledger.name,
            "database": str(self.scene.database.relative_to(folder)),
            "recordings": {
                node: {d.name: str(recording(folder.parent, n, d)) for d in self.city.size.dangers}
                for node, n in number_of.items()
            },
            "dangers": [
                {
                    "node": node,
                    "datastream": danger.name,
                    "above": danger.level,
                    "place": names(number),
                    "hazard": HAZARDS[Hazard(danger.hazard)],
                    "level": [*LEVELS[Severity.SEVERE], *LEVELS[Severity.EXTREME]],
                }
                for node, number in number_of.items()
                for danger in self.city.size.dangers
            ],
            "again": sum(kill.kind == "hub" for kill in self.kills),
            "influx": influx and {"url": influx.url, "org": ORG, "bucket": BUCKET,
                                  "token": influx.token},
        }  # fmt: skip

    def ask_oracle(self) -> dict[str, Any]:
        """Return what the oracle, a process of its own, says of the ledgers as they are now."""
        (self.scene.folder / "facts.json").write_text(as_json(self.facts()), "utf-8")
        command = [sys.executable, "-m", "ordeal.oracle", str(self.scene.folder)]
        done = subprocess.run(
            command,
            env={**os.environ, **with_tests()},
            capture_output=True,
            text=True,
            check=False,
            timeout=ORACLE_S,
        )
        assert done.stdout, done.stderr[-2000:]
        found: dict[str, Any] = json.loads(done.stdout)
        (self.scene.folder / "answer.json").write_text(done.stdout, "utf-8")
        return found

    def words(self, *programs: Program) -> str:
        """Return the last words of ``programs``, all of them for none."""
        chosen = programs or (self.broker, self.hub, self.provider, *self.nodes)
        return "\n".join(f"--- {p.name}\n{p.last_words()}" for p in chosen)

    def _seen(self, strike: Strike, name: str) -> Kill:
        """Return what a blow of just now has hit; ledgers first, then the hub's own file."""
        self.truth.look()
        unsent, unrecorded = self.log.unsent(self.phones_now())
        return Kill(
            at_s=round(self.now_s, 2),
            kind=strike.kind,
            name=name,
            held=strike.held,
            unreceipted=self.truth.unreceipted(node_within(name)),
            unsent=unsent,
            unrecorded=unrecorded,
            behind=self.log.behind(),
            lost=self.log.lost(self.truth),
        )

    def _tick(self) -> None:
        for due in [r for r in self._restarts if r.due_s <= self.now_s]:
            self._restarts.remove(due)
            due.happen()
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

    def named(self, name: str) -> Program:
        """Return the program of that name."""
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


def node_within(name: str) -> str:
    """Return the node that a killed program is, nothing where it is none or many."""
    return name if name.startswith("place-") else ""
