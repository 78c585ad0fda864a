"""Seeds: one line of JSON each, one reason each, in ``corpus/DOOR.jsonl``.

``text`` is the payload, ``b64`` the same where it is no text, ``parts`` a list of texts
and [text, times] for what would be too long to write down. Other keys are the
door's. ``expect`` is an outcome, or several with | between where each is right.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parents[1] / "corpus"
OWN: Final = frozenset({"name", "why", "expect", "text", "b64", "parts"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """One hostile input by hand: why it is hostile and what must become of it."""

    name: str
    why: str
    expect: str
    data: bytes
    more: dict[str, Any] = field(default_factory=dict)


def seeds_of(door: str) -> list[Seed]:
    """Return the seeds of one door, in the order of the file."""
    lines = (FOLDER / f"{door}.jsonl").read_text("utf-8").splitlines()
    return [seed_of(json.loads(line)) for line in lines]


def seed_of(line: dict[str, Any]) -> Seed:
    """Return one line as a seed."""
    return Seed(
        name=line["name"],
        why=line["why"],
        expect=line["expect"],
        data=data_of(line),
        more={key: value for key, value in line.items() if key not in OWN},
    )


def data_of(line: dict[str, Any]) -> bytes:
    """Return the bytes of a line."""
    if "b64" in line:
        return base64.b64decode(line["b64"], validate=True)
    parts = line.get("parts", [line.get("text", "")])
    return "".join(p if isinstance(p, str) else p[0] * p[1] for p in parts).encode()
