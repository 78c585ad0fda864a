"""TLS and passwords, against a mosquitto that asks for both."""

from __future__ import annotations

import shutil
import subprocess
import time
from getpass import getuser
from typing import TYPE_CHECKING

import pytest
from brokers import mosquitto_program

from hub.ingest.broker import reachable
from hub.ingest.mqtt import MqttSettings, MqttSource
from hub.ingest.topics import NATIVE
from hub.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.mosquitto
SETTINGS = """
user {user}
listener {port} 127.0.0.1
allow_anonymous false
password_file {folder}/passwords
cafile {folder}/cert.pem
certfile {folder}/cert.pem
keyfile {folder}/key.pem
"""


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """Port and certificate of a mosquitto that takes the hub with its password only."""
    program, openssl = mosquitto_program(), shutil.which("openssl")
    passwords = shutil.which("mosquitto_passwd")
    if not (program and openssl and passwords):
        pytest.skip("mosquitto with TLS: not proven here, a program is missing")
    port = free_port()
    make_certificate(openssl, tmp_path)
    subprocess.run(
        [passwords, "-b", "-c", str(tmp_path / "passwords"), "hub", "secret"], check=True
    )
    (tmp_path / "mosquitto.conf").write_text(
        SETTINGS.format(user=getuser(), port=port, folder=tmp_path)
    )
    for path in tmp_path.iterdir():
        path.chmod(0o644)
    tmp_path.chmod(0o755)
    command = [program, "-c", str(tmp_path / "mosquitto.conf")]
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as process,
    ):
        until = time.monotonic() + 10
        while not reachable("127.0.0.1", port):
            assert time.monotonic() < until, (tmp_path / "log").read_text()
            time.sleep(0.02)
        yield port, tmp_path / "cert.pem"
        process.terminate()
        process.wait(10)


def make_certificate(openssl: str, folder: Path) -> None:
    """Make a certificate for 127.0.0.1 that signs itself."""
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(command, check=True, capture_output=True)


def connect(settings: MqttSettings, words: str) -> bool:
    """Connect until it stands or the link says ``words``; return whether it stands."""
    source = MqttSource(settings, NATIVE)
    source.start()
    until = time.monotonic() + 15
    while not source.link().connected and words not in source.link().words:
        assert time.monotonic() < until, source.link().words
        time.sleep(0.01)
    connected = source.link().connected
    source.stop()
    return connected


def test_password_and_certificate_are_taken(secured: tuple[int, Path]) -> None:
    """With the right password and authority the hub is connected over TLS."""
    port, ca = secured
    base = {"host": "127.0.0.1", "port": port, "username": "hub", "tls": True, "ca": ca}
    assert connect(MqttSettings(**base, password=lambda: "secret"), "refused")


def test_wrong_password_is_said(secured: tuple[int, Path]) -> None:
    """A refused hub says so and goes on trying."""
    port, ca = secured
    base = {"host": "127.0.0.1", "port": port, "username": "hub", "tls": True, "ca": ca}
    assert not connect(MqttSettings(**base, password=lambda: "wrong"), "refused the hub")


def test_unknown_authority_is_refused(secured: tuple[int, Path]) -> None:
    """A broker whose certificate nobody vouches for is not spoken to."""
    port, _ = secured
    assert not connect(MqttSettings(host="127.0.0.1", port=port, tls=True), "certificate")
