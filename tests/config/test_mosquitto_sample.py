"""The sample for a mosquitto of one's own, run as it is but for its paths and its port."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import paho.mqtt.client as mqtt
import pytest

from hub.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLE = Path(__file__).parents[2] / "config" / "mosquitto"
pytestmark = pytest.mark.mosquitto
MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
if not MOSQUITTO or not shutil.which("mosquitto_passwd"):
    pytest.skip("mosquitto: not proven here, it is not on PATH", allow_module_level=True)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """The sample's folder with credentials made, and the port of a broker run from it."""
    folder, port = tmp_path_factory.mktemp("mosquitto"), free_port()
    for name in ("mosquitto.conf", "acl", "credentials"):
        shutil.copy(SAMPLE / name, folder / name)
    subprocess.run(
        [folder / "credentials", "127.0.0.1", "qx-bridge-01", "om-hall-01"], check=True, timeout=30
    )
    conf = (folder / "mosquitto.conf").read_text()
    conf = conf.replace("/etc/mosquitto/tocsin", str(folder)).replace(
        "/var/lib/mosquitto/", f"{folder}/"
    )
    conf = conf.replace("listener 8883", f"listener {port} 127.0.0.1")
    user = "" if folder.owner() != "root" else "user root\n"
    (folder / "mosquitto.conf").write_text(user + conf)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([MOSQUITTO, "-c", folder / "mosquitto.conf"], stderr=log)
    try:
        wait_for_port(port, folder / "log")
        yield folder, port
    finally:
        process.terminate()
        process.wait(10)


def wait_for_port(port: int, log: Path) -> None:
    """Wait at most 10 s until somebody listens on ``port``."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(log.read_text())


class Client:
    """One user at the broker, with what it received."""

    def __init__(self, broker: tuple[Path, int], user: str, password: str | None = None) -> None:
        folder, port = broker
        self.received: list[tuple[str, bytes]] = []
        self.arrived, self.connected, self.subscribed = (threading.Event() for _ in range(3))
        self.code: object = None
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=f"test-{user}")
        secret = password or (folder / f"{user}.password").read_text().strip()
        self.client.username_pw_set(user, secret)
        self.client.tls_set_context(ssl.create_default_context(cafile=str(folder / "ca.crt")))
        self.client.on_connect = self._on_connect
        self.client.on_message = self._on_message
        self.client.on_subscribe = lambda *_: self.subscribed.set()
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self.connected.wait(10)

    def _on_connect(self, _c: object, _d: object, _f: object, code: object, _p: object) -> None:
        self.code = code
        self.connected.set()

    def _on_message(self, _c: object, _d: object, message: mqtt.MQTTMessage) -> None:
        self.received.append((message.topic, message.payload))
        self.arrived.set()

    def subscribe(self, topic: str) -> None:
        """Subscribe and wait for the broker's word."""
        self.subscribed.clear()
        self.client.subscribe(topic, qos=1)
        assert self.subscribed.wait(10)

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish and wait for the broker's confirmation."""
        self.client.publish(topic, payload, qos=1).wait_for_publish(10)

    def close(self) -> None:
        """Leave."""
        self.client.disconnect()
        self.client.loop_stop()


def test_a_node_writes_its_own_topics_only(broker: tuple[Path, int]) -> None:
    """Over TLS, the hub hears the node under its own name and never under another's."""
    hub, node = Client(broker, "hub"), Client(broker, "qx-bridge-01")
    hub.subscribe("tocsin/v1/+/+/obs")
    node.publish("tocsin/v1/old-mill/om-hall-01/obs", b"forged")
    node.publish("tocsin/v1/qingxi-bridge/qx-bridge-01/obs", b"true")
    assert hub.arrived.wait(10)
    assert hub.received == [("tocsin/v1/qingxi-bridge/qx-bridge-01/obs", b"true")]
    hub.close()
    node.close()


def test_a_node_reads_its_own_receipts_only(broker: tuple[Path, int]) -> None:
    """The hub's receipt reaches its node, and no other node that listens for all."""
    hub, node, other = (Client(broker, name) for name in ("hub", "qx-bridge-01", "om-hall-01"))
    other.subscribe("tocsin/v1/+/om-hall-01/receipt")
    node.subscribe("tocsin/v1/#")
    node.subscribe("tocsin/v1/+/qx-bridge-01/receipt")
    hub.publish("tocsin/v1/old-mill/om-hall-01/receipt", b"not yours")
    hub.publish("tocsin/v1/qingxi-bridge/qx-bridge-01/receipt", b"yours")
    assert node.arrived.wait(10)
    assert other.arrived.wait(10)
    assert {payload for _, payload in node.received} == {b"yours"}
    for client in (hub, node, other):
        client.close()


def test_a_wrong_password_is_refused(broker: tuple[Path, int]) -> None:
    """Without the password nobody gets in."""
    intruder = Client(broker, "hub", password="guess")
    assert str(intruder.code) == "Not authorized"
    intruder.close()


def test_credentials_are_private_and_kept(broker: tuple[Path, int]) -> None:
    """Running it again for a new node changes no old password and opens no file to others."""
    folder, _ = broker
    before = (folder / "qx-bridge-01.password").read_bytes()
    nodes = ["qx-bridge-01", "om-hall-01", "np-room-01"]
    subprocess.run([folder / "credentials", "127.0.0.1", *nodes], check=True, timeout=30)
    assert (folder / "qx-bridge-01.password").read_bytes() == before
    assert (folder / "np-room-01.password").is_file()
    made = [*folder.glob("*.password"), *folder.glob("*.key"), folder / "passwd"]
    assert {path.stat().st_mode & 0o077 for path in made} == {0}
