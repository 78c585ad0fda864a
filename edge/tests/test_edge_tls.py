"""The node with a password over TLS, against a real mosquitto; it trusts its own CA only."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from edge_kit import free_port, wait_until

from tocsin_edge.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOOLS = ("mosquitto", "mosquitto_passwd", "openssl")

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.skipif(
        not all(shutil.which(tool) for tool in TOOLS),
        reason=f"TLS: not proven here, needs {', '.join(TOOLS)}",
    ),
]

CONFIG = """
site = "mill"
node = "n-1"
[broker]
port = {port}
username = "n-1"
password_file = "{folder}/{password}"
ca_file = "{folder}/{ca}.crt"
timeout_s = 3
[spool]
folder = "{folder}/spool"
[world]
kind = "pumps"
[[datastream]]
name = "level"
unit = "m"
sensor = {{ kind = "simulate", quantity = "level" }}
"""


def run(folder: Path, *command: str) -> None:
    """Run one tool."""
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=30)


def certificate(folder: Path, name: str) -> None:
    """Make a self-signed certificate for loopback that is its own authority."""
    run(
        folder,
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout", f"{name}.key"),
        *("-out", f"{name}.crt", "-addext", "subjectAltName=IP:127.0.0.1"),
    )


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """A mosquitto that wants TLS and a password."""
    certificate(tmp_path, "server")
    certificate(tmp_path, "stranger")
    run(tmp_path, "mosquitto_passwd", "-b", "-c", "users", "n-1", "right")
    (tmp_path / "password").write_text("right\n")
    (tmp_path / "wrong").write_text("wrong\n")
    for secret in ("password", "wrong"):
        (tmp_path / secret).chmod(0o600)
    made = free_port()
    (tmp_path / "users").chmod(0o644)
    (tmp_path / "server.key").chmod(0o644)
    tmp_path.chmod(0o755)
    (tmp_path / "mosquitto.conf").write_text(
        f"listener {made} 127.0.0.1\nallow_anonymous false\nuser root\n"
        f"password_file {tmp_path}/users\ncertfile {tmp_path}/server.crt\n"
        f"keyfile {tmp_path}/server.key\n"
    )
    log = tmp_path / "mosquitto.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(shutil.which("mosquitto")), "-c", tmp_path / "mosquitto.conf"],
            stdout=out,
            stderr=out,
        )
    wait_until(lambda: b"running" in log.read_bytes(), "mosquitto runs")
    yield made
    process.terminate()
    process.wait(10)


@pytest.mark.parametrize(
    ("secrets", "said"),
    [
        (("password", "server"), "✓ broker"),
        (("wrong", "server"), "✗ broker 127.0.0.1:{port} refuses the node"),
        (("password", "stranger"), "✗ broker 127.0.0.1:{port} cannot be reached"),
    ],
)
def test_only_the_right_password_over_the_right_certificate(
    tmp_path: Path,
    port: int,
    secrets: tuple[str, str],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A wrong password and a certificate of a stranger are told apart and both refused."""
    file = tmp_path / "node.toml"
    file.write_text(CONFIG.format(port=port, folder=tmp_path, password=secrets[0], ca=secrets[1]))
    exit_code = main(["doctor", str(file), "--clock", "0,0,1"])
    assert said.format(port=port) in capsys.readouterr().out
    assert exit_code == said.startswith("✗")
