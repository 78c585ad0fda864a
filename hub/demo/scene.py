"""The stage of a demo: a folder of its own with ports, secrets, a clock and the configuration.

The configuration is the one that was given: sites, cells, people, policies and rules are
copied as they are; only doors, the data folder and the SMS provider are put on loopback.
"""

from __future__ import annotations

import base64
import secrets
import shutil
import sys
import time
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hub.clock import MICROSECONDS, to_us
from hub.demo.processes import Program
from hub.demo.toml import to_toml
from hub.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping

ACCOUNT: Final = "AC" + "0" * 32
WALL_HOUR: Final = 13  # the demo's day begins at 13:00 UTC: evening where the sites are
RESEND_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Everything the demo's programs share; ``clock`` is what TOCSIN_CLOCK says."""

    folder: Path
    config: Path
    clock: str
    broker_port: int
    web_port: int
    provider_port: int
    token: str

    @property
    def database(self) -> Path:
        """Return the hub's SQLite file."""
        return self.folder / "hub" / "tocsin.db"

    @property
    def provider_ledger(self) -> Path:
        """Return the ledger of the provider that plays the phones."""
        return self.folder / "provider.jsonl"

    @property
    def page(self) -> str:
        """Return where the page is."""
        return f"http://127.0.0.1:{self.web_port}/"

    @property
    def environment(self) -> dict[str, str]:
        """Return what the programs are told beside their files."""
        return {
            "TOCSIN_CLOCK": self.clock,
            "TOCSIN_SMS_ACCOUNT": ACCOUNT,
            "TOCSIN_SMS_TOKEN": self.token,
            "TOCSIN_WEBHOOK_SECRET": "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode(),
            "PYTHONUNBUFFERED": "1",
        }


def set_scene(
    given: Path, folder: Path, *, rate: float, port: int, influx: Mapping[str, Any] | None = None
) -> Scene:
    """Make ``folder`` ready for a demo of the configuration ``given``; ``rate`` 0 follows nodes.

    ``influx`` is the configuration's table of that name, or None for what was given.
    """
    scene = Scene(
        folder=folder,
        config=folder / "config",
        clock=scaled(rate) if rate else "follow",
        broker_port=free_port(),
        web_port=free_port(port),
        provider_port=free_port(),
        token=secrets.token_urlsafe(24),
    )
    shutil.copytree(given, scene.config)
    hub = tomllib.loads((given / "hub.toml").read_text("utf-8"))
    (scene.config / "hub.toml").write_text(to_toml(on_loopback(hub, scene, influx)), "utf-8")
    return scene


def scaled(rate: float) -> str:
    """Return a clock that begins this evening and runs ``rate`` times as fast."""
    today = datetime.now(UTC).replace(hour=WALL_HOUR, minute=0, second=0, microsecond=0)
    return f"{time.time_ns() // 1000},{to_us(today)},{rate:g}"


def on_loopback(
    hub: dict[str, Any], scene: Scene, influx: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the hub's table with its doors, data and provider in the scene."""
    web = {"host": "127.0.0.1", "port": scene.web_port, "public_url": scene.page.rstrip("/")}
    tables = {
        **hub,
        "hub": {**hub["hub"], "data": str(scene.database.parent), "dead_man_url": ""},
        "broker": {"kind": "embedded", "host": "127.0.0.1", "port": scene.broker_port},
        "web": web,
        "channel": [on_provider(channel, scene) for channel in hub.get("channel", [])],
    }
    return tables if influx is None else {**tables, "influx": dict(influx)}


def on_provider(channel: dict[str, Any], scene: Scene) -> dict[str, Any]:
    """Return a channel that reaches nobody but the provider on loopback."""
    if channel["kind"] == "sms":
        return {
            "name": channel["name"],
            "kind": "sms",
            "sender": channel.get("sender", "+15550100100"),
            "base_url": f"http://127.0.0.1:{scene.provider_port}",
            "account_env": "TOCSIN_SMS_ACCOUNT",
            "token_env": "TOCSIN_SMS_TOKEN",
        }
    if channel["kind"] == "webhook":
        return {**channel, "allow_private": True}
    return channel


def node_file(given: Path, scene: Scene) -> Path:
    """Return a node's own configuration with broker and spool of the scene."""
    table = tomllib.loads(given.read_text("utf-8"))
    table["broker"] = {"host": "127.0.0.1", "port": scene.broker_port, "reconnect_min_s": 0.2,
                       "reconnect_max_s": 2.0}  # fmt: skip
    table["spool"] = {**table.get("spool", {}), "folder": str(scene.folder / given.stem)}
    table["send"] = {**table.get("send", {}), "resend_s": RESEND_S, "state_s": 10.0}
    target = scene.folder / f"{given.stem}.toml"
    target.write_text(to_toml(table), "utf-8")
    return target


def hub_program(scene: Scene) -> Program:
    """Return the hub: the shipped command on the scene's configuration."""
    return program(scene, "hub", "-m", "hub", "--config", str(scene.config), "run")


def provider_program(scene: Scene) -> Program:
    """Return the provider that plays the phones."""
    (scene.folder / "provider-token").write_text(scene.token, "utf-8")
    return program(
        scene, "provider", "-m", "hub.demo.provider",
        "--port", str(scene.provider_port), "--ledger", str(scene.provider_ledger),
        "--account", ACCOUNT, "--token-file", str(scene.folder / "provider-token"),
        "--callback", scene.page.rstrip("/"),
    )  # fmt: skip


def node_program(scene: Scene, given: Path) -> Program:
    """Return one node, with a ledger of its own."""
    ledger = scene.folder / f"{given.stem}.jsonl"
    return program(
        scene, given.stem, "-m", "tocsin_edge", "run", str(node_file(given, scene)),
        "--ledger", str(ledger),
    )  # fmt: skip


def program(scene: Scene, name: str, *arguments: str) -> Program:
    """Return a Python program of the scene; what it says goes to NAME.log."""
    return Program(
        name=name,
        command=(sys.executable, *arguments),
        log=scene.folder / f"{name}.log",
        environment=scene.environment,
    )


def simulated_us(scene: Scene) -> int:
    """Return the scene's present instant in microseconds since 1970."""
    wall_us, start_us, rate = scene.clock.split(",")
    return int(start_us) + int((time.time() * MICROSECONDS - int(wall_us)) * float(rate))
