"""The write log: every step of a process at its files, in the order in which they were done."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

HEAD: Final = struct.Struct("<IIqq")
WITNESS: Final = "witness"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: W write, T truncation to ``offset``, S sync, E failed sync, R rename, U removal."""

    kind: str
    name: str
    offset: int
    data: bytes


def read_steps(path: Path) -> list[Step]:
    """Return the log; a record cut short by a kill was never done."""
    return list(steps_of(path.read_bytes()))


def steps_of(raw: bytes) -> Iterator[Step]:
    """Yield the records of a log."""
    at = 0
    while at + HEAD.size <= len(raw):
        kind, name, offset, length = HEAD.unpack_from(raw, at)
        start = at + HEAD.size + name
        at = start + length
        if at > len(raw):
            return
        words = raw[start - name : start].decode()
        yield Step(chr(kind), words, offset, raw[start : start + length])


def sworn(steps: Sequence[Step]) -> list[tuple[int, dict[str, Any]]]:
    """Return what was written to the witness: (position in the log, entry).

    Only what ends in a newline was said; the position is that of the last byte of it.
    """
    found: list[tuple[int, dict[str, Any]]] = []
    begun = b""
    for at, step in enumerate(steps):
        if step.kind != "W" or not step.name.startswith(WITNESS):
            continue
        *whole, begun = (begun + step.data).split(b"\n")
        found += [(at, json.loads(line)) for line in whole if line.endswith(b"}")]
    return found
