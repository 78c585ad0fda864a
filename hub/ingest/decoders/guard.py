"""How deep a JSON text nests, found before anything parses it."""

from __future__ import annotations

import re
from typing import Final

DEEPEST: Final = 32
STRINGS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
BRACKETS: Final = re.compile(rb"[\[{\]}]")
OPENING: Final = frozenset({b"[", b"{"})


def too_deep(payload: bytes) -> bool:
    """Say whether ``payload`` nests more than ``DEEPEST`` levels."""
    if payload.count(b"[") + payload.count(b"{") <= DEEPEST:
        return False
    return deepest(payload) > DEEPEST


def deepest(payload: bytes) -> int:
    """Return the deepest nesting of ``payload``, brackets in strings not counted."""
    depth = most = 0
    for bracket in BRACKETS.findall(STRINGS.sub(b"", payload)):
        depth += 1 if bracket in OPENING else -1
        most = max(most, depth)
    return most
