"""MQTT by paho: messages queue as they come, and are confirmed only when they are on disk.

MQTT 3.1.1 with a session that outlives the connection, QoS 1, manual acknowledgement.
One thread of the adapter's own runs the network; ``take``, ``confirm`` and ``publish``
are another thread's. The broker's window of unconfirmed messages is the back-pressure.
"""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from hub.ingest.decoders.base import LARGEST_PAYLOAD
from hub.ingest.socket import BufferedSocket, Message
from hub.ingest.source import Link, Taken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 5.0
TICK_S: Final = 0.5
SETTLE_S: Final = 1.0
STILL_DRAINED_S: Final = 10.0
LINGER_S: Final = 0.05
QUIET_S: Final = 0.002
MOST_WAITING: Final = 50_000
MOST_WAITING_BYTES: Final = 64 << 20
READS_A_ROUND: Final = 16
RINGS: Final = 4096
PUBACK: Final = b"\x40\x02"
SHOWN_BYTES: Final = 1024
FAILURE: Final = 128

logger = logging.getLogger(__name__)


def no_password() -> str:
    """Return no password."""
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttSettings:
    """Where the broker is and who the hub is there.

    ``client_id`` names the session: two hubs must not share one. ``password`` is read
    anew for each connection. ``ca``, ``certificate`` and ``key`` are PEM files.
    """

    host: str
    port: int
    client_id: str = "tocsin-hub"
    username: str = ""
    password: Callable[[], str] = no_password
    tls: bool = False
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    keepalive_s: int = 30
    connect_timeout_s: float = 5.0


class BufferedClient(paho.Client):
    """Paho with a socket that reads ahead; without that hook it works as before."""

    def _create_socket(self) -> Any:  # noqa: ANN401  paho's own protocol of a socket
        return BufferedSocket(super()._create_socket())


class MqttSource:
    """Messages of ``filters`` from one broker, for as long as it takes to reach it."""

    def __init__(
        self,
        settings: MqttSettings,
        filters: Sequence[str],
        *,
        on_ready: Callable[[], None] | None = None,
    ) -> None:
        self._settings = settings
        self._filters = filters
        self._on_ready = on_ready
        self._queue: deque[Taken] = deque()
        self._bytes_in = 0  # counted by the network thread
        self._bytes_out = 0  # counted by the taking thread
        self._ready = threading.Event()
        self._confirmed: deque[Taken] = deque()
        self._outgoing: deque[tuple[str, bytes]] = deque()
        self._bell, self._ear = socket.socketpair()
        for end in (self._bell, self._ear):
            end.settimeout(0)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._epoch = 0
        self._subscribed_at: float | None = None
        self._drained_at = 0.0
        self._words = "not connected yet"
        self.dropped = 0

    def start(self) -> None:
        """Connect in the background, again and again until ``stop``."""
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Disconnect and end the thread; the session stays at the broker."""
        self._stopping.set()
        self._ring()
        if self._thread:
            self._thread.join(timeout=self._settings.connect_timeout_s + 2)
        self._bell.close()
        self._ear.close()

    def take(self, limit: int, wait_s: float) -> list[Taken]:
        """Wait for messages and return them, gathered for a moment while more come."""
        if not self._queue:
            self._drained_at = time.monotonic()
            self._ready.wait(wait_s)
        self._linger(limit)
        self._ready.clear()
        items: list[Taken] = []
        with contextlib.suppress(IndexError):
            while len(items) < limit:
                items.append(self._queue.popleft())
        self._bytes_out += sum(len(item.payload) for item in items)
        if not self._queue:
            self._drained_at = time.monotonic()
        return items

    def confirm(self, items: Sequence[Taken]) -> None:
        """Have the network thread acknowledge ``items`` of the present connection."""
        self._confirmed.extend(items)
        self._ring()

    def publish(self, topic: str, payload: bytes) -> None:
        """Send ``payload`` at QoS 0; while there is no connection it is dropped."""
        if self._subscribed_at is not None:
            self._outgoing.append((topic, payload))
            self._ring()

    def link(self) -> Link:
        """Return the state of the connection, as it looks from here."""
        now = time.monotonic()
        since = self._subscribed_at
        return Link(
            connected=since is not None,
            caught_up=since is not None
            and self._drained_at >= since + SETTLE_S
            and now - self._drained_at < STILL_DRAINED_S,
            waiting=len(self._queue),
            words=self._words,
        )

    def _linger(self, limit: int) -> None:
        """Let a batch gather while messages keep coming, at most ``LINGER_S``."""
        until = time.monotonic() + LINGER_S
        count = len(self._queue)
        while 0 < count < limit and time.monotonic() < until:
            time.sleep(QUIET_S)
            if len(self._queue) == count:
                return
            count = len(self._queue)

    def _ring(self) -> None:
        with contextlib.suppress(OSError):
            self._bell.send(b"\0")

    def _run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._stopping.is_set():
            try:
                heard = self._converse()
            except (OSError, ValueError) as error:
                heard = False
                self._lost(f"cannot reach {self._where()}: {error}")
            pause_s = FIRST_PAUSE_S if heard else min(pause_s * 2, LONGEST_PAUSE_S)
            self._stopping.wait(pause_s)

    def _converse(self) -> bool:
        """Hold one connection until it ends; True when the broker had taken the hub in."""
        client = self._client()
        client.connect(self._settings.host, self._settings.port, self._settings.keepalive_s)
        self._epoch += 1
        try:
            while not self._stopping.is_set() and self._round(client):
                pass
        finally:
            heard = self._subscribed_at is not None
            self._farewell(client)
        return heard

    def _round(self, client: paho.Client) -> bool:
        """Do what the network allows, wait at most a tick; False when the connection is gone."""
        line: Any = client.socket()
        if line is None:
            return False
        reading = [self._ear] if self._full() else [self._ear, line]
        writing = [line] if client.want_write() or line.unsent() else []
        wait_s = TICK_S if line.drained or self._full() else 0.0
        readable, _, _ = select.select(reading, writing, [], wait_s)
        if self._ear in readable:
            self._ear.recv(RINGS)
        if line in readable or not (line.drained or self._full()):
            self._read(client, line)
        self._answer(client, line)
        if client.socket() is None:
            return False
        client.loop_write()
        line.flush()
        return client.loop_misc() == paho.MQTT_ERR_SUCCESS

    def _read(self, client: paho.Client, line: BufferedSocket) -> None:
        """Take in what came: messages from the buffer, everything else by the library."""
        for _ in range(READS_A_ROUND):
            for message in line.messages():
                self._take_in(message)
            if line.owed or line.ended:
                well = client.loop_read() == paho.MQTT_ERR_SUCCESS
                if not well or line.ended or (line.owed and line.drained):
                    return
            elif self._full() or not line.fill():
                return

    def _answer(self, client: paho.Client, line: BufferedSocket) -> None:
        """Acknowledge what is on disk, if it came by this connection; send receipts."""
        confirms = bytearray()
        while self._confirmed:
            item = self._confirmed.popleft()
            if item.epoch == self._epoch and item.qos:
                confirms += PUBACK + item.mid.to_bytes(2)
        line.gather(confirms)
        while self._outgoing:
            topic, payload = self._outgoing.popleft()
            client.publish(topic, payload, qos=0)

    def _full(self) -> bool:
        return len(self._queue) >= MOST_WAITING or (
            self._bytes_in - self._bytes_out >= MOST_WAITING_BYTES
        )

    def _farewell(self, client: paho.Client) -> None:
        """Say goodbye if the connection stands, and forget what belonged to it."""
        if client.socket() is not None:
            with contextlib.suppress(OSError):
                line: Any = client.socket()
                client.disconnect()
                client.loop_write()
                line.flush()
        self._lost(self._words if self._subscribed_at is None else "connection lost")
        self._confirmed.clear()
        self._outgoing.clear()

    def _lost(self, words: str) -> None:
        if words != self._words:
            logger.warning("broker: %s", words)
        self._subscribed_at = None
        self._words = words

    def _where(self) -> str:
        return f"{self._settings.host}:{self._settings.port}"

    def _client(self) -> paho.Client:
        settings = self._settings
        client = BufferedClient(
            CallbackAPIVersion.VERSION2,
            client_id=settings.client_id,
            clean_session=False,
            protocol=paho.MQTTv311,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        client.connect_timeout = settings.connect_timeout_s
        if settings.username:
            client.username_pw_set(settings.username, settings.password() or None)
        if settings.tls:
            client.tls_set_context(tls_context(settings))
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_socket_register_write = lambda *_: None  # writes are gathered per round
        return client

    def _on_connect(
        self,
        client: paho.Client,
        _userdata: object,
        _flags: paho.ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._lost(f"{self._where()} refused the hub: {reason}")
            client.disconnect()
            return
        client.subscribe([(pattern, 1) for pattern in self._filters])

    def _on_subscribe(
        self,
        client: paho.Client,
        _userdata: object,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        if any(reason.value >= FAILURE for reason in reasons):
            self._lost(f"{self._where()} does not let the hub subscribe")
            client.disconnect()
            return
        self._subscribed_at = time.monotonic()
        self._words = f"connected to {self._where()}"
        logger.info("broker: %s", self._words)

    def _on_message(
        self, _client: paho.Client, _userdata: object, message: paho.MQTTMessage
    ) -> None:
        """Take in a message that only the library could read, such as a very large one."""
        first = message.qos << 1 | message.retain | message.dup << 3
        self._take_in(Message(first, message.mid, raw_topic(message), bytes(message.payload)))

    def _take_in(self, message: Message) -> None:
        """Queue one message; of one that is too large only the beginning."""
        first, mid, topic, payload = message
        qos = message.qos
        if qos == 0 and self._full():
            self.dropped += 1  # QoS 0 promises nothing
            return
        size = len(payload)
        if size > LARGEST_PAYLOAD:
            payload = payload[:SHOWN_BYTES]
        self._bytes_in += len(payload)
        self._queue.append(
            Taken(
                self._epoch, mid, qos, words_of(topic), payload, size, bool(first & 1),
                bool(first & 8),
            )
        )  # fmt: skip
        if not self._ready.is_set():
            self._ready.set()
            if self._on_ready:
                self._on_ready()


def raw_topic(message: paho.MQTTMessage) -> bytes:
    """Return the topic's bytes; nothing for one that is not UTF-8."""
    try:
        return message.topic.encode()
    except UnicodeDecodeError:
        return b"\xff"


def words_of(topic: bytes) -> str:
    """Return the topic, or a stand-in for one that is not UTF-8."""
    try:
        return topic.decode()
    except UnicodeDecodeError:
        return "(not UTF-8)"


def tls_context(settings: MqttSettings) -> ssl.SSLContext:
    """Return a context that checks the broker's certificate and its name.

    Raises:
        OSError: a file cannot be read.
    """
    context = ssl.create_default_context(cafile=str(settings.ca) if settings.ca else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.certificate:
        context.load_cert_chain(settings.certificate, settings.key)
    return context
