"""Which TCP port is free: for the embedded broker, the demo, and the tests."""

from __future__ import annotations

import random
import socket
from pathlib import Path
from typing import Final

LOOPBACK: Final = "127.0.0.1"
FIRST: Final = 10_240  # below are the ports that programs are known by
RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
USUAL: Final = 32_768  # where the range for outgoing connections begins on Linux
TRIES: Final = 64


def free_port(wanted: int = 0, host: str = LOOPBACK) -> int:
    """Return ``wanted`` if nobody listens there on ``host``, else a port that is free now.

    It lies below those that the system lends to outgoing connections: such a one may be
    taken by any connection between this answer and the moment its program listens.

    Raises:
        OSError: there is none.
    """
    below = range(FIRST, first_lent())
    dice = random.SystemRandom()
    drawn = dice.sample(below, TRIES) if len(below) > TRIES else []
    for port in ([wanted] if wanted else []) + drawn:
        if is_free(port, host):
            return port
    with socket.socket() as door:
        door.bind((host, 0))
        return int(door.getsockname()[1])


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Say whether ``port`` could be listened on."""
    with socket.socket() as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind((host, port))
        except OSError:
            return False
        return True


def first_lent() -> int:
    """Return the lowest port that the system gives to outgoing connections."""
    try:
        return int(RANGE.read_text("ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return USUAL
