"""The provider that plays the phones, for rows that need nothing else of the city."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hub.demo.processes import Program, wait_for_port
from hub.ports import free_port
from ordeal.shim.build import python_path
from ordeal.tail import Tail

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Phones:
    """Where it listens, and what it took since the last look."""

    def __init__(self, port: int, ledger: Path) -> None:
        self.port = port
        self._tail = Tail(ledger)

    def news(self) -> list[dict[str, Any]]:
        """Return the entries since the last call."""
        return list(self._tail.news())


@contextmanager
def phones(folder: Path) -> Iterator[Phones]:
    """Run the provider in a process of its own."""
    port, ledger = free_port(), folder / "provider.jsonl"
    program = Program(
        name="provider",
        command=(
            sys.executable, "-m", "hub.demo.provider", "--port", str(port), "--ledger", str(ledger),
        ),
        log=folder / "provider.log",
        environment={"PYTHONPATH": python_path()},
    )  # fmt: skip
    program.start()
    try:
        wait_for_port(port, program)
        yield Phones(port, ledger)
    finally:
        program.kill()
