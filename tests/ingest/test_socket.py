"""The buffered socket: messages are cut out whole, everything else reaches the library whole."""

from __future__ import annotations

import socket
from contextlib import closing
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.ingest.socket import BufferedSocket, Message

PINGRESP = b"\xd0\x00"
PUBACK = b"\x40\x02\x00\x07"


def length(count: int) -> bytes:
    """Return an MQTT packet length."""
    out = bytearray()
    while True:
        count, digit = divmod(count, 128)
        out.append(digit | (128 if count else 0))
        if not count:
            return bytes(out)


def publish(topic: bytes, payload: bytes, *, mid: int = 0, flags: int = 0) -> bytes:
    """Return a PUBLISH at QoS 1, or at QoS 0 without ``mid``."""
    body = len(topic).to_bytes(2) + topic + (mid.to_bytes(2) if mid else b"") + payload
    return bytes([0x30 | flags | (2 if mid else 0)]) + length(len(body)) + body


LARGE = publish(b"t", b"x" * 70_000, mid=9)
BROKEN = b"\x32\x04\x00\x30ab"  # the topic is longer than the packet
EXACTLY_ONCE = b"\x34\x06\x00\x01t\x00\x05p"
OTHERS = (PINGRESP, PUBACK, LARGE, BROKEN, EXACTLY_ONCE)


def converse(chunks: list[bytes]) -> tuple[list[Message], bytes]:
    """Send ``chunks`` one by one; return the messages, and what was left for the library."""
    here, there = socket.socketpair()
    with closing(here), closing(there):
        here.setblocking(False)
        line, messages, left = BufferedSocket(here), [], bytearray()
        for chunk in chunks:
            there.sendall(chunk)
            while True:
                messages += line.messages()
                if line.owed:
                    try:
                        left += line.recv(line.owed)
                    except BlockingIOError:
                        break
                elif not line.fill():
                    break
        return messages, bytes(left)


messages = st.builds(
    publish,
    st.binary(min_size=1, max_size=40),
    st.binary(max_size=300),
    mid=st.integers(0, 65535),
    flags=st.sampled_from([0, 1, 8]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(messages | st.sampled_from(OTHERS), max_size=12), st.data())
def test_packets_come_through_however_they_are_cut(
    packets: list[bytes], data: st.DataObject
) -> None:
    """Any stream of packets, cut anywhere, gives its messages in order and the rest untouched."""
    stream = b"".join(packets)
    places = data.draw(st.lists(st.integers(0, len(stream)), max_size=8).map(sorted))
    edges = [0, *places, len(stream)]
    chunks = [stream[a:b] for a, b in pairwise(edges)]
    found, left = converse(chunks)
    whole = [packet for packet in packets if packet not in OTHERS]
    assert [publish(m.topic, m.payload, mid=m.mid, flags=m.first & 9) for m in found] == whole
    assert left == b"".join(packet for packet in packets if packet in OTHERS)


def test_what_a_message_says() -> None:
    """Packet id, QoS, topic and payload are those on the wire."""
    (one,), left = converse([publish(b"a/b", b"{}", mid=513, flags=8)])
    assert one == Message(0x3A, 513, b"a/b", b"{}")
    assert one.qos == 1
    assert left == b""


def test_an_end_is_told_by_recv() -> None:
    """When the other side closes, the connection has ended and ``recv`` returns nothing."""
    here, there = socket.socketpair()
    with closing(here):
        here.setblocking(False)
        line = BufferedSocket(here)
        there.close()
        assert line.fill()
        assert line.ended
        assert line.recv(1) == b""


@pytest.mark.parametrize("mid", [1, 255, 256, 65535])
def test_confirms_are_gathered_however_much_waits(mid: int) -> None:
    """What is gathered leaves whole and in order."""
    here, there = socket.socketpair()
    with closing(here), closing(there):
        here.setblocking(False)
        there.settimeout(5)
        line = BufferedSocket(here)
        confirm = b"\x40\x02" + mid.to_bytes(2)
        line.gather(confirm * 400_000)
        with pytest.raises(BlockingIOError):
            line.send(PINGRESP)
        came = 0
        while came < 4 * 400_000:
            line.flush()
            part = there.recv(65536)
            assert part == (confirm * (len(part) // 4 + 2))[came % 4 :][: len(part)]
            came += len(part)
        assert line.unsent() == 0
