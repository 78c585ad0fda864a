"""A socket that reads ahead and gathers writes, and takes messages from what it has read.

The library asks for single bytes, one call each, and builds an object with a lock for each
message. Here whole messages (PUBLISH, QoS 0 and 1) are cut from the buffer, and only what
is left, anything unusual included, is the library's to read: it sees every other packet
from its first byte to its last. The class has the part of a socket's face that paho uses;
everything else goes to the socket underneath. Not safe for several threads.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    import socket

READ_AHEAD: Final = 65536
MOST_UNSENT: Final = 1 << 20
LARGEST_MESSAGE: Final = READ_AHEAD
PUBLISH: Final = 0x30
MORE: Final = 0x80
LENGTH_BYTES: Final = 4
UNKNOWN: Final = -1
NOT_NOW: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Message(NamedTuple):
    """One PUBLISH: its first byte, packet id (0 at QoS 0), topic and payload."""

    first: int
    mid: int
    topic: bytes
    payload: bytes

    @property
    def qos(self) -> int:
        """Return 0 or 1."""
        return self.first >> 1 & 3


class BufferedSocket:
    """A connected socket with a buffer on either side; ``flush`` sends what was gathered.

    ``drained`` says that the network had nothing more when it was last asked, ``ended`` that
    the connection is over: ``recv`` will tell why. ``owed`` is how many bytes of a packet the
    library has still to read; meanwhile there are no messages.
    """

    def __init__(self, plain: Any) -> None:  # noqa: ANN401  a socket, or paho's idea of one
        self._socket: socket.socket = plain
        self._read = b""
        self._place = 0
        self._unsent = bytearray()
        self.owed = 0
        self.drained = True
        self.ended = False

    def recv(self, size: int) -> bytes:
        """Return at most ``size`` bytes, from the buffer while it holds any."""
        if self._place >= len(self._read):
            self._read, self._place = self._more(), 0
        part = self._read[self._place : self._place + size]
        self._place += len(part)
        self.owed = max(self.owed - len(part), 0)
        return part

    def fill(self) -> bool:
        """Read ahead once; False when there is nothing to read now."""
        try:
            more = self._more()
        except NOT_NOW:
            return False
        except OSError:
            more = b""
        self.ended = not more
        self._read, self._place = self._read[self._place :] + more, 0
        return True

    def messages(self) -> list[Message]:
        """Return the whole messages at the head of the buffer.

        What follows them, if its length is known, and is no message or a very large or
        broken one, is ``owed`` to the library.
        """
        found: list[Message] = []
        while not self.owed:
            length, start = length_of(self._read, self._place + 1)
            if length == UNKNOWN:
                break
            first, end = self._read[self._place], start + length
            if first & 0xF0 != PUBLISH or first & 4 or length > LARGEST_MESSAGE:
                self.owed = end - self._place
            elif end > len(self._read):
                break
            elif (message := message_in(self._read, first, start, end)) is None:
                self.owed = end - self._place
            else:
                found.append(message)
                self._place = end
        return found

    def send(self, data: bytes | bytearray) -> int:
        """Gather ``data`` for the next flush.

        Raises:
            BlockingIOError: too much waits already.
        """
        if len(self._unsent) > MOST_UNSENT:
            raise BlockingIOError
        self.gather(data)
        return len(data)

    def gather(self, data: bytes | bytearray) -> None:
        """Gather whole packets for the next flush, however much waits."""
        self._unsent += data

    def flush(self) -> None:
        """Send what was gathered, as far as the network takes it."""
        while self._unsent:
            try:
                sent = self._socket.send(self._unsent)
            except NOT_NOW:
                return
            del self._unsent[:sent]

    def unsent(self) -> int:
        """Return how many bytes wait for ``flush``."""
        return len(self._unsent)

    def _more(self) -> bytes:
        """Ask the network; what it raises is passed on."""
        self.drained = True
        more = self._socket.recv(READ_AHEAD)
        self.drained = False
        return more

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  the socket's own
        return getattr(self._socket, name)


def length_of(read: bytes, place: int) -> tuple[int, int]:
    """Return (length, where what it counts begins) of a packet whose length stands at ``place``.

    UNKNOWN while it is cut off; a length that never ends is the library's to complain of.
    """
    length = 0
    for number in range(LENGTH_BYTES):
        if place + number >= len(read):
            return UNKNOWN, place
        byte = read[place + number]
        length |= (byte & 0x7F) << (7 * number)
        if byte < MORE:
            return length, place + number + 1
    return LARGEST_MESSAGE + 1, place + LENGTH_BYTES


def message_in(read: bytes, first: int, start: int, end: int) -> Message | None:
    """Return the message whose packet's body is ``read[start:end]``; None for a broken one."""
    place = start + 2 + int.from_bytes(read[start : start + 2])
    topic = read[start + 2 : place]
    mid = 0
    if first & 2:
        mid = int.from_bytes(read[place : place + 2])
        place += 2
    if place > end or not topic or (first & 2 and not mid):
        return None
    return Message(first, mid, topic, read[place:end])
