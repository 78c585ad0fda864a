"""The node's own truth in a file: what was spooled, receipted, evicted, set aside.

One JSON object a line, written in one call each after the spool's commit and before
anything is sent, so that a killed process never sent what its ledger does not know.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from tocsin_edge.message import spans_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from tocsin_edge.spool import Loss, Spooled


class Ledger:
    """Appends to ``file``; without one, keeps nothing."""

    def __init__(self, file: Path | None, *, node: str, boot: str) -> None:
        self._node = node
        self._file = file
        self._descriptor: int | None = None
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(file, os.O_APPEND | os.O_CREAT | os.O_RDWR, 0o644)
            self._end_torn_line()
        self._write("start", boot=boot)

    def close(self) -> None:
        """Note the clean end."""
        self._write("stop")
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def catch_up(self, messages: Iterable[Spooled]) -> None:
        """Add what the spool holds and a killed process did not come to write down."""
        if self._file is None:
            return
        known = {(e["boot"], e["seq"]) for e in read_ledger(self._file) if e["e"] == "spooled"}
        self.spooled(m for m in messages if (m.boot, m.seq) not in known)

    def spooled(self, messages: Iterable[Spooled]) -> None:
        """Note messages that are on disk, with all their observations."""
        if self._descriptor is None:
            return
        for m in messages:
            obs = json.loads(m.obs)
            self._write("spooled", boot=m.boot, seq=m.seq, n=m.n, alarming=m.alarming, obs=obs)

    def receipted(self, boot: str, numbers: Sequence[int]) -> None:
        """Note numbers the hub gave a receipt for."""
        if numbers:
            self._write("receipted", boot=boot, seq=[list(span) for span in spans_of(numbers)])

    def evicted(self, losses: Sequence[Loss]) -> None:
        """Note messages that left the spool without a receipt."""
        for loss in losses:
            self._write("evicted", boot=loss.boot, seq=loss.seq, n=loss.n)

    def aside(self, boot: str, seq: int, reason: str) -> None:
        """Note a message that was refused or could not be answered."""
        self._write("aside", boot=boot, seq=seq, reason=reason)

    def dropped(self, n: int, reason: str) -> None:
        """Note readings that no disk would take."""
        self._write("dropped", n=n, reason=reason)

    def _write(self, event: str, **fields: object) -> None:
        if self._descriptor is None:
            return
        line = json.dumps({"e": event, "node": self._node, **fields}, separators=(",", ":"))
        os.write(self._descriptor, f"{line}\n".encode())

    def _end_torn_line(self) -> None:
        assert self._descriptor is not None  # noqa: S101 - only called once it is open
        size = os.fstat(self._descriptor).st_size
        if size and os.pread(self._descriptor, 1, size - 1) != b"\n":
            os.write(self._descriptor, b"\n")


def read_ledger(file: Path) -> list[dict[str, object]]:
    """Return the entries of a ledger; a line torn by a power cut is left out."""
    entries: list[dict[str, object]] = []
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            entries.append(json.loads(line))
        except ValueError:
            continue
    return entries
