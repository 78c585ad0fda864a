"""Names of incidents that the hub and a replay of it work out alike. Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

ALPHABET: Final = "2346789ACDEFHJKMNPRTUVWXY"  # nothing that looks or sounds like another
SHORTEST: Final = 3
TRIES: Final = 16  # per length, before codes grow by one character


def incident_id(site: str, hazard: str, raised_us: int, known: Callable[[str], bool]) -> str:
    """Return the id of the incident of ``hazard`` at ``site`` raised at ``raised_us``.

    ``known`` says whether an id is taken: two incidents of the same instant (one
    resolved before the other was raised) still differ, in a way a replay repeats.
    """
    turn = 0
    while known(candidate := digest(site, hazard, raised_us, turn).hex()[:12]):
        turn += 1
    return candidate


def reply_code(incident: str, taken: Collection[str]) -> str:
    """Return the code people reply with: three characters, none of ``taken``."""
    turn = 0
    while (candidate := code(incident, turn, SHORTEST + turn // TRIES)) in taken:
        turn += 1
    return candidate


def code(incident: str, turn: int, length: int) -> str:
    """Return the ``turn``-th code of ``incident`` in ``length`` characters."""
    number = int.from_bytes(digest(incident, turn)[:16], "big")
    characters = []
    for _ in range(length):
        number, index = divmod(number, len(ALPHABET))
        characters.append(ALPHABET[index])
    return "".join(characters)


def digest(*parts: str | int) -> bytes:
    """Return a hash in which no two lists of parts look alike."""
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
