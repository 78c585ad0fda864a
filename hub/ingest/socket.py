"""A socket that reads ahead and gathers writes: paho asks for single bytes, one call each.

It has the part of a socket's face that paho uses; everything else goes to the socket
underneath. Not safe for several threads.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import socket

READ_AHEAD: Final = 65536
MOST_UNSENT: Final = 1 << 20


class BufferedSocket:
    """A connected socket with a buffer on either side; ``flush`` sends what was gathered."""

    def __init__(self, plain: Any) -> None:  # noqa: ANN401  a socket, or paho's idea of one
        self._socket: socket.socket = plain
        self._read = b""
        self._place = 0
        self._unsent = bytearray()

    def recv(self, size: int) -> bytes:
        """Return at most ``size`` bytes, from the buffer while it holds any."""
        if self._place >= len(self._read):
            self._read = self._socket.recv(READ_AHEAD)
            self._place = 0
        part = self._read[self._place : self._place + size]
        self._place += len(part)
        return part

    def send(self, data: bytes | bytearray) -> int:
        """Gather ``data`` for the next flush.

        Raises:
            BlockingIOError: too much waits already.
        """
        if len(self._unsent) > MOST_UNSENT:
            raise BlockingIOError
        self._unsent += data
        return len(data)

    def flush(self) -> None:
        """Send what was gathered, as far as the network takes it."""
        while self._unsent:
            try:
                sent = self._socket.send(self._unsent)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            del self._unsent[:sent]

    def pending(self) -> int:
        """Return how many bytes can be read without asking the network."""
        inside = self._socket.pending() if isinstance(self._socket, ssl.SSLSocket) else 0
        return len(self._read) - self._place + inside

    def unsent(self) -> int:
        """Return how many bytes wait for ``flush``."""
        return len(self._unsent)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  the socket's own
        return getattr(self._socket, name)
