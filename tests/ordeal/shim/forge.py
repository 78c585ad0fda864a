"""A preloaded process that has imported the hub once and forks a life per order.

``python -m ordeal.shim.forge`` reads one order a line: which life, its facts, and what the
shim is to do to it. It answers with one line once that life is over, killed or not.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from hub.demo.processes import end_with_parent
from ordeal.shim.build import Orders, python_path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

LIVES: Final = {
    "hub": "ordeal.shim.small_hub",
    "node": "ordeal.shim.small_node",
    "migrate": "ordeal.shim.small_upgrade",
}
LIFE_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a life ended: ``killed`` by the shim, or by itself after so many steps and syncs."""

    killed: bool
    steps: int = 0
    syncs: int = 0
    error: str = ""
    told: Any = None


class Forge:
    """The forge of one kind of life; ``first`` are folders whose packages go before ours."""

    def __init__(
        self, shim: Path, kind: str, folder: Path, *, first: tuple[Path, ...] = ()
    ) -> None:
        self.log = folder / f"forge-{kind}.log"
        environment = {
            **os.environ,
            "LD_PRELOAD": str(shim),
            "PYTHONPATH": python_path(*first),
            "PYTHONSAFEPATH": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ordeal.shim.forge", kind],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                text=True,
                preexec_fn=end_with_parent(),  # noqa: PLW1509  one prctl call, no locks
            )

    def live(self, orders: Orders, **facts: Any) -> Ended:  # noqa: ANN401  a life's own facts
        """Let one life happen and return how it ended.

        Raises:
            RuntimeError: it failed by itself, with its own words.
        """
        told = {
            "facts": facts,
            "under": str(orders.under.resolve()),
            "kill_at": orders.kill_at,
            "tear": int(orders.tear),
            "eio": str(orders.eio.resolve()) if orders.eio else "",
            "eio_at": orders.eio_at,
            "eio_once": int(orders.eio_once),
            "kill_after": orders.kill_after,
            "record": str(orders.record.resolve()) if orders.record else "",
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the forge ended: {self.log.read_text('utf-8')[-3000:]}")
        ended = Ended(**json.loads(line))
        if ended.error:
            raise RuntimeError(ended.error)
        return ended

    def close(self) -> None:
        """End it."""
        for end in (self._process.stdin, self._process.stdout):
            if end is not None:
                with suppress(OSError):
                    end.close()
        self._process.kill()
        self._process.wait(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


# in the forge itself


def forge(kind: str) -> None:
    """Fork a life per line of stdin until it ends."""
    module = importlib.import_module(LIVES[kind])
    module.warm()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(fork(module.live, json.loads(line))) + "\n")
        sys.stdout.flush()


def fork(live: Callable[..., Any], order: Mapping[str, Any]) -> dict[str, Any]:
    """Run one life in a child of its own and return how it ended."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        be(live, order, writing)
    os.close(writing)
    late = not ended_in_time(child)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    if late:
        return {"killed": False, "error": f"not over after {LIFE_S:.0f} s: {dict(order)}"}
    return json.loads(told) if told else {"killed": True}


def ended_in_time(child: int) -> bool:
    """Wait for a child; one that takes too long is ended."""
    until = time.monotonic() + LIFE_S
    while time.monotonic() < until:
        if os.waitpid(child, os.WNOHANG)[0]:
            return True
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def be(live: Callable[..., Any], order: Mapping[str, Any], writing: int) -> None:
    """Be the child: live, say how it went, and go."""
    shim = ctypes.CDLL(None)
    shim.shim_look_at(order["under"].encode())
    shim.shim_control_eio(order["eio"].encode())
    shim.shim_record(order["record"].encode())
    shim.shim_kill_at(order["kill_at"], order["tear"])
    shim.shim_eio_at(order["eio_at"], order["eio_once"], order["kill_after"])
    told: dict[str, Any] = {"killed": False}
    try:
        told["told"] = live(**order["facts"])
    except BaseException:  # noqa: BLE001  whatever it is belongs into the answer
        told["error"] = traceback.format_exc()[-4000:]
    told |= {"steps": shim.shim_steps(), "syncs": shim.shim_syncs()}
    os.write(writing, json.dumps(told).encode())
    os._exit(0)


if __name__ == "__main__":
    forge(sys.argv[1])
