"""The node's connection to the broker: MQTT 3.1.1, QoS 1, one client per connection.

A new client each time means that nothing old is sent again behind the sender's back
with a time of sending that no longer holds. What happens is put in a queue; the one
thread that decides takes it from there.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import random
import ssl
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tocsin_edge.errors import LinkError
from tocsin_edge.message import WILL

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tocsin_edge.config import BrokerSettings, NodeConfig

STATE_WAIT_S: Final = 2.0
SUBSCRIPTION_REFUSED: Final = 0x80

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Connected:
    """The link is up and receipts will arrive."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The link is down, for ``reason``."""

    reason: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """Bytes on the receipt topic."""

    payload: bytes


Event = Connected | Disconnected | Arrived


class Link:
    """Keeps one connection up until closed; ``wake`` is called after each event."""

    def __init__(self, config: NodeConfig, wake: Callable[[], None]) -> None:
        self._config = config
        self._wake = wake
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._lost = threading.Event()
        self._client: mqtt.Client | None = None
        self._thread = threading.Thread(target=self._keep_up, name="link", daemon=True)

    def open(self) -> None:
        """Start connecting; never fails, tries until closed."""
        self._thread.start()

    def events(self) -> list[Event]:
        """Return what happened since the last call."""
        found: list[Event] = []
        with contextlib.suppress(queue.Empty):
            while True:
                found.append(self._events.get_nowait())
        return found

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Hand ``payload`` to the connection, if there is one; a receipt tells the rest."""
        client = self._client
        if client is not None:
            client.publish(topic, payload, qos=1, retain=retain)

    def close(self) -> None:
        """Say that the node is off, and disconnect; waits a few seconds at most."""
        self._closing.set()
        client = self._client
        if client is not None:
            with contextlib.suppress(ValueError, RuntimeError):
                said = client.publish(self._config.topic("state"), WILL, qos=1, retain=True)
                said.wait_for_publish(STATE_WAIT_S)
        self._lost.set()
        if self._thread.ident is not None:
            self._thread.join(self._config.broker.timeout_s + STATE_WAIT_S)

    def _keep_up(self) -> None:
        settings = self._config.broker
        pause_s = settings.reconnect_min_s
        while not self._closing.is_set():
            try:
                self._one_connection()
                pause_s = settings.reconnect_min_s
            except (OSError, ValueError, LinkError) as err:
                self._tell(Disconnected(f"{settings.host}:{settings.port}: {err}"))
            jitter = random.uniform(0.5, 1.0)  # noqa: S311 - spreads a crowd, no secret
            self._closing.wait(pause_s * jitter)
            pause_s = min(pause_s * 2, settings.reconnect_max_s)

    def _one_connection(self) -> None:
        """Connect, and return once that connection is lost.

        Raises:
            LinkError: if the broker refused or did not answer in time.
        """
        self._lost.clear()
        ready = threading.Event()
        client = self._make_client(ready)
        settings = self._config.broker
        try:
            client.connect(settings.host, settings.port, keepalive=settings.keepalive_s)
            client.loop_start()
            if not ready.wait(settings.timeout_s) or self._lost.is_set():
                raise LinkError("the broker refused the node or did not answer")
            self._client = client
            self._tell(Connected())
            self._lost.wait()
        finally:
            self._client = None
            client.disconnect()
            client.loop_stop()

    def _make_client(self, ready: threading.Event) -> mqtt.Client:
        config = self._config
        client = make_client(config.broker, f"tocsin-{config.node}")
        client.will_set(config.topic("state"), WILL, qos=1, retain=True)
        client.max_inflight_messages_set(config.send.in_flight)

        def connected(_c: Any, _u: Any, _f: Any, reason: Any, _p: Any) -> None:  # noqa: ANN401
            if reason.is_failure:
                self._tell(Disconnected(str(reason)))
                self._lost.set()
                ready.set()
            else:
                client.subscribe(config.topic("receipt"), qos=0)

        def subscribed(_c: Any, _u: Any, _m: Any, reasons: Any, _p: Any) -> None:  # noqa: ANN401
            if any(reason.value >= SUBSCRIPTION_REFUSED for reason in reasons):
                self._tell(Disconnected("the broker refuses the receipt topic"))
                self._lost.set()
            ready.set()

        def disconnected(_c: Any, _u: Any, _f: Any, reason: Any, _p: Any) -> None:  # noqa: ANN401
            if ready.is_set() and not self._lost.is_set():
                self._tell(Disconnected(str(reason)))
            self._lost.set()
            ready.set()

        def arrived(_c: Any, _u: Any, message: mqtt.MQTTMessage) -> None:  # noqa: ANN401
            self._tell(Arrived(bytes(message.payload)))

        client.on_connect, client.on_subscribe = connected, subscribed
        client.on_disconnect, client.on_message = disconnected, arrived
        return client

    def _tell(self, event: Event) -> None:
        self._events.put(event)
        self._wake()


def make_client(settings: BrokerSettings, client_id: str) -> mqtt.Client:
    """Return a client with credentials and TLS that has not connected yet.

    Raises:
        LinkError: if a secret or certificate cannot be read.
    """
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2, client_id, clean_session=True, protocol=mqtt.MQTTv311
    )
    client.connect_timeout = settings.timeout_s
    if settings.username:
        client.username_pw_set(settings.username, read_password(settings.password_file))
    if settings.tls or settings.ca_file is not None:
        client.tls_set_context(_tls(settings))
    return client


def read_password(file: Path | None) -> str | None:
    """Return the first line of a password file.

    Raises:
        LinkError: if it cannot be read.
    """
    if file is None:
        return None
    try:
        return file.read_text(encoding="utf-8").splitlines()[0]
    except (OSError, IndexError) as err:
        raise LinkError(f"password file {file} cannot be read: {err}") from err


def _tls(settings: BrokerSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
        if settings.cert_file is not None:
            context.load_cert_chain(settings.cert_file, settings.key_file)
    except OSError as err:
        raise LinkError(f"certificate or key cannot be used: {err}") from err
    return context
