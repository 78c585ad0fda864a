#!/usr/bin/env python3
# ruff: noqa: S603, S607, T201
"""Make the secrets that docker-compose.yml mounts as files; what exists stays.

    python3 config/compose/prepare.py --host gauge.example.org --node gauge-1 --node lift-2

Needs Python 3.11 and the openssl command. ``--host`` is the name by which nodes in the
field reach the broker; a node is added by running this again with its name.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import re
import secrets
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
DEMO_NODES = ("qx-bridge-01", "om-hall-01", "np-room-01")
NODE = re.compile(r"(?!(hub|health)$)[A-Za-z0-9_-]{1,64}")  # no node may pass for the hub
RANDOM = ("influx_password", "influx_token", "web_token", "mqtt_hub", "mqtt_health")
TO_FILL_IN = ("sms_account", "sms_token")
ROUNDS = 101  # of mosquitto's own hash; the passwords are 192 random bits


def main() -> int:
    """Write what is missing and say where it is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=HERE / "secrets")
    parser.add_argument("--host", action="append", default=[], help="a name of the broker")
    parser.add_argument("--node", action="append", default=[], help="a node to let in")
    args = parser.parse_args()
    if odd := [node for node in args.node if not NODE.fullmatch(node)]:
        parser.error(f"no name for a node: {', '.join(odd)}")
    folder: Path = args.folder
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    for name in [*RANDOM, *(f"mqtt_node_{node}" for node in (*DEMO_NODES, *args.node))]:
        keep(folder / name, secrets.token_urlsafe(24))
    for name in TO_FILL_IN:
        keep(folder / name, "replace-me")
    write(folder / "mosquitto_passwords", "".join(password_lines(folder)))
    make_certificates(folder, ["mosquitto", "localhost", *args.host])
    print(f"secrets are in {folder}; give each node its mqtt_node_NAME and ca_certificate")
    print(f"write what your SMS provider gave you into {' and '.join(TO_FILL_IN)}")
    return 0


def keep(path: Path, text: str) -> None:
    """Write ``text`` unless the file exists."""
    if not path.exists():
        write(path, text)


def write(path: Path, text: str) -> None:
    """Write a secret whole; the folder keeps others out, containers may run as any user."""
    part = path.with_suffix(".part")
    part.write_text(text, "utf-8")
    part.chmod(0o444)
    part.replace(path)


def password_lines(folder: Path) -> list[str]:
    """Return mosquitto's line of every user: the hub, the health check, each node."""
    files = sorted(folder.glob("mqtt_*"))
    return [line(f.name.removeprefix("mqtt_").removeprefix("node_"), f) for f in files]


def line(user: str, file: Path) -> str:
    """Return ``user:$7$rounds$salt$hash`` as mosquitto_passwd would write it."""
    salt = os.urandom(12)
    digest = hashlib.pbkdf2_hmac("sha512", file.read_bytes().strip(), salt, ROUNDS)
    return f"{user}:$7${ROUNDS}${text_of(salt)}${text_of(digest)}\n"


def text_of(raw: bytes) -> str:
    """Return ``raw`` in base64."""
    return base64.b64encode(raw).decode()


def make_certificates(folder: Path, hosts: list[str]) -> None:
    """Make the authority once, and the broker's certificate whenever its names change."""
    authority, key = folder / "ca_certificate", folder / "ca_key"
    if not authority.exists():
        openssl("req", "-x509", *new_key(key), "-days", "3650", "-subj", "/CN=Tocsin CA",
                "-out", str(authority))  # fmt: skip
        key.chmod(0o400)
    names = ",".join([*(f"DNS:{host}" for host in dict.fromkeys(hosts)), "IP:127.0.0.1"])
    if (folder / "names").exists() and (folder / "names").read_text() == names:
        return
    server, server_key = folder / "mosquitto_certificate", folder / "mosquitto_key"
    openssl("req", "-x509", *new_key(server_key), "-days", "825", "-subj", "/CN=mosquitto",
            "-CA", str(authority), "-CAkey", str(key), "-addext", f"subjectAltName={names}",
            "-addext", "basicConstraints=critical,CA:FALSE", "-out", str(server))  # fmt: skip
    server_key.chmod(0o444)
    write(folder / "names", names)


def new_key(path: Path) -> tuple[str, ...]:
    """Return openssl's words for a new P-256 key at ``path``."""
    path.unlink(missing_ok=True)
    curve = "ec_paramgen_curve:prime256v1"
    return ("-newkey", "ec", "-pkeyopt", curve, "-nodes", "-keyout", str(path))


def openssl(*words: str) -> None:
    """Run openssl; its own words go to stderr when it fails."""
    done = subprocess.run(["openssl", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"prepare: openssl {words[0]} failed: {done.stderr.strip()}")


if __name__ == "__main__":
    sys.exit(main())
