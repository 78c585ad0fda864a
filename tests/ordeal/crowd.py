"""Many slow nodes in one process: the shipped node's spool, sender, link and ledger, each its own.

``python -m ordeal.crowd NODE.toml ... --ledgers DIR``. Only what takes turns is ours: a
node alone has a thread for each sensor and a loop of its own, too much for a hundred.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin_edge.clock import Timekeeper, clock_from
from tocsin_edge.config import read_config
from tocsin_edge.housekeeping import Housekeeping
from tocsin_edge.node import Parts
from tocsin_edge.readers import Taken, build_sensor

if TYPE_CHECKING:
    from collections.abc import Sequence

TURN_S: Final = 0.2


class Member:
    """One node of the crowd."""

    def __init__(self, file: Path, ledgers: Path, keeper: Timekeeper, stack: ExitStack) -> None:
        self._config = read_config(file)
        self._keeper = keeper
        self._parts = Parts(self._config, keeper, ledgers / f"{file.stem}.jsonl", stack)
        self._chores = Housekeeping(self._config, self._parts.spool, self._parts.link, keeper)
        memory = self._parts.spool.memory()
        folder, clock = self._config.spool.folder, keeper.clock
        self._sensors = [
            (
                s,
                build_sensor(
                    self._config, s, folder=folder, clock=clock, memory=memory.get(s.name)
                ),
            )
            for s in self._config.datastream
        ]
        self._parts.link.open()

    def turn(self, *, last: bool = False) -> None:
        """Read what is due, put it on disk, send what may go, hear what came."""
        parts, now, moment = self._parts, time.monotonic(), self._keeper.now()
        for stream, sensor in self._sensors:
            readings = sensor.read(moment.us)
            parts.intake.take([Taken(stream=stream, reading=r, moment=moment) for r in readings])
        if parts.exchange.hear(parts.link.events()):
            self._chores.reconnected()
        if last or parts.intake.due(now):
            clock_s = self._keeper.clock.monotonic()
            parts.sender.fresh(parts.intake.commit(now, clock_s=clock_s, final=last))
        parts.exchange.send(now)
        self._chores.step(now, connected=parts.exchange.connected)


def run(files: Sequence[Path], ledgers: Path, keeper: Timekeeper, stop: threading.Event) -> None:
    """Give every member its turns until ``stop`` is set."""
    with ExitStack() as stack:
        members = [Member(file, ledgers, keeper, stack) for file in files]
        while not stop.is_set():
            began = time.monotonic()
            for member in members:
                member.turn()
            stop.wait(max(began + TURN_S - time.monotonic(), 0.0))
        for member in members:
            member.turn(last=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a crowd until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m ordeal.crowd", description=__doc__)
    parser.add_argument("nodes", type=Path, nargs="+", help="the nodes' TOML files")
    parser.add_argument("--ledgers", type=Path, required=True, help="the folder of their ledgers")
    args = parser.parse_args(argv)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    keeper = Timekeeper(clock_from(os.environ.get("TOCSIN_CLOCK")), "ntp")
    run(args.nodes, args.ledgers, keeper, stop)
    return 0


if __name__ == "__main__":
    sys.exit(main())
