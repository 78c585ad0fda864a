"""docker-compose.yml: its rules, and what its containers run, run for real without Docker.

Paths, ports and host names of the containers are mapped to a folder, free ports and
loopback; everything else is taken from the very files that the containers mount.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as mqtt
import pytest
import yaml
from influx_server import InfluxServer, influxd
from store_kit import is_root

from hub.config import read_config
from hub.ports import free_port
from hub.store.influx import InfluxStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
NODES = {"gauge": "qx-bridge-01", "hall": "om-hall-01", "pumps": "np-room-01"}
SITES = {"gauge": "qingxi-bridge", "hall": "old-mill", "pumps": "north-pumps"}
BIN = Path(sys.executable).parent


def test_the_file_keeps_to_the_compose_specification() -> None:
    """A misspelt key is found here and not on the day of the flood."""
    done = subprocess.run(
        [BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_pinned_guarded_and_watched(name: str) -> None:
    """Non-root, no capabilities, no new privileges, a health check, bounded logs."""
    service = SERVICES[name]
    assert re.search(r":\d+\.\d+\.\d+$", service["image"])
    assert not service["user"].startswith("0")
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
    assert service["logging"]["options"]["max-size"]
    assert service["pids_limit"] <= 512
    assert service.get("read_only") or name == "influxdb"


def test_secrets_are_files_and_nowhere_else() -> None:
    """No environment variable holds one; each secret that is used exists as a file's name."""
    for service in SERVICES.values():
        for key, value in service.get("environment", {}).items():
            assert key.endswith("_FILE") or not re.search("TOKEN|PASSWORD|SECRET|KEY", key), value
        for secret in service.get("secrets", []):
            assert (secret if isinstance(secret, str) else secret["source"]) in COMPOSE["secrets"]
    folder = "./config/compose/secrets/"
    assert all(entry["file"].startswith(folder) for entry in COMPOSE["secrets"].values())
    ignored = (ROOT / "config/compose/secrets/.gitignore").read_text().split()
    assert ignored[0] == "*"
    assert "config/compose/secrets" in (ROOT / ".dockerignore").read_text()


def test_only_the_brokers_tls_port_is_open_to_the_network() -> None:
    """Everything else is published on loopback or not at all; InfluxDB has no way out."""
    ports = {name: service.get("ports", []) for name, service in SERVICES.items()}
    assert ports["mosquitto"] == ["8883:8883"]
    others = [port for name, of in ports.items() if name != "mosquitto" for port in of]
    assert all(port.startswith("127.0.0.1:") for port in others)
    assert SERVICES["influxdb"]["networks"] == ["stores"]
    assert COMPOSE["networks"]["stores"]["internal"] is True


def test_the_simulated_nodes_are_a_demo_only() -> None:
    """They start with the profile demo and never beside real ones by accident."""
    assert {n for n, s in SERVICES.items() if s.get("profiles") == ["demo"]} == set(NODES)


def test_the_images_are_built_from_the_lock() -> None:
    """Pinned base, hashes required, not root, and nothing of the secrets in the context."""
    text = (ROOT / "Dockerfile").read_text("utf-8")
    bases = set(re.findall(r"^FROM (python\S+)", text, re.MULTILINE))
    assert len(bases) == 1
    assert re.fullmatch(r"python:3\.1[1-3]\.\d+-slim-\w+", bases.pop())
    assert text.count("--require-hashes") == 2
    assert re.findall(r"^USER (\S+)", text, re.MULTILINE) == ["10002:10002", "10001:10001"]
    users = {"hub": "10001:10001"} | dict.fromkeys(NODES, "10002:10002")
    assert {name: SERVICES[name]["user"] for name in users} == users
    lock = (ROOT / "requirements" / "run.txt").read_text("utf-8")
    kept = subprocess.run(
        ["awk", re.search(r"awk '([^']+)'", text)[1]],
        input=lock,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert re.findall(r"^\S+?==", kept, re.MULTILINE) == ["paho-mqtt==", "setuptools=="]
    assert kept.count("--hash=sha256:") >= 4


def test_the_entry_commands_are_ones_that_the_programs_know() -> None:
    """`tocsin run` and `tocsin-edge run` take exactly these arguments."""
    from hub.cli import parser  # noqa: PLC0415

    assert parser().parse_args(SERVICES["hub"]["command"]).config == Path("/etc/tocsin/compose")
    for name in NODES:
        command = [BIN / "tocsin-edge", *SERVICES[name]["command"], "--help"]
        assert subprocess.run(command, check=False, capture_output=True).returncode == 0


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What prepare.py makes for one more node."""
    folder = tmp_path_factory.mktemp("secrets")
    prepare(folder, "--node", "spare-1")
    return folder


def prepare(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run prepare.py as the README says."""
    script = ROOT / "config" / "compose" / "prepare.py"
    return subprocess.run(
        [sys.executable, script, "--folder", folder, *words],
        check=False,
        capture_output=True,
        text=True,
    )


def test_prepare_makes_every_secret_once(tmp_path: Path) -> None:
    """All that compose mounts; a second run changes nothing; a node cannot be the hub."""
    folder = tmp_path / "s"
    assert prepare(folder).returncode == 0
    wanted = {Path(entry["file"]).name for entry in COMPOSE["secrets"].values()}
    assert wanted <= {path.name for path in folder.iterdir()}
    assert folder.stat().st_mode & 0o077 == 0
    before = {p.name: p.read_bytes() for p in folder.iterdir() if p.name != "mosquitto_passwords"}
    assert prepare(folder, "--node", "spare-1").returncode == 0
    after = {p.name: p.read_bytes() for p in folder.iterdir()}
    assert before.items() <= after.items()
    assert "mqtt_node_spare-1" in after
    for odd in ("hub", "health", "a/b", "+", "x" * 65):
        refused = prepare(folder, "--node", odd)
        assert refused.returncode == 2
        assert "no name" in refused.stderr


class Broker:
    """mosquitto running the mounted configuration with mapped paths and ports."""

    def __init__(self, folder: Path, secrets: Path) -> None:
        self.folder, self.secrets = folder, secrets
        self.port, self.inner = free_port(), free_port()
        (folder / "data").mkdir()
        acl = folder / "acl"
        shutil.copy(ROOT / "config/compose/acl", acl)
        acl.chmod(0o600)
        text = (ROOT / "config/compose/mosquitto.conf").read_text("utf-8")
        for inside, here in (
            ("/run/secrets/", f"{secrets}/"),
            ("/mosquitto/config/acl", str(acl)),
            ("/mosquitto/data/", f"{folder / 'data'}/"),
            ("listener 8883", f"listener {self.port} 127.0.0.1"),
            ("listener 1884", f"listener {self.inner}"),
        ):
            assert inside in text
            text = text.replace(inside, here)
        text += "user root\n" if is_root() else ""  # the container starts it as 1883 already
        self.conf = folder / "mosquitto.conf"
        self.conf.write_text(text, "utf-8")
        self.log = (folder / "mosquitto.log").open("ab")
        self.process = subprocess.Popen(
            ["mosquitto", "-c", self.conf], stdout=self.log, stderr=self.log
        )
        wait_for(lambda: self.health().returncode == 0, "mosquitto's own health check passes")

    def health(self) -> subprocess.CompletedProcess[bytes]:
        """Run the container's health check, with its path and port mapped."""
        _, words = SERVICES["mosquitto"]["healthcheck"]["test"]
        words = words.replace("$$", "$").replace("/run/secrets", str(self.secrets))
        words = words.replace("-p 1884", f"-p {self.inner}")
        return subprocess.run(["sh", "-c", words], check=False, capture_output=True, timeout=20)

    def client(self, user: str, secret: str = "", *, keep: bool = False) -> Client:
        """Return a connected client with its own credentials."""
        file = self.secrets / (f"mqtt_{user}" if user in ("hub", "health") else f"mqtt_node_{user}")
        return Client(self, user, secret or file.read_text(), keep=keep)

    def stop(self) -> None:
        """Stop it."""
        self.process.terminate()
        self.process.wait(10)
        self.log.close()


class Client:
    """One paho client that remembers what was delivered to it."""

    def __init__(self, broker: Broker, user: str, password: str, *, keep: bool) -> None:
        self.delivered: queue.Queue[tuple[str, bytes, bool]] = queue.Queue()
        self.results: queue.Queue[object] = queue.Queue()
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, f"test-{user}", clean_session=not keep
        )
        self.client.username_pw_set(user, password)
        self.client.tls_set(str(broker.secrets / "ca_certificate"))
        self.client.will_set(f"tocsin/v1/any/{user}/state", b'{"online":false}', 1, retain=True)
        self.client.on_message = lambda _c, _u, m: self.delivered.put(
            (m.topic, m.payload, m.retain)
        )
        self.client.on_connect = lambda _c, _u, _f, code, _p: self.results.put(code)
        self.client.on_subscribe = lambda *_: self.results.put("subscribed")
        self.client.connect("127.0.0.1", broker.port, 30)
        self.client.loop_start()
        self.code = self.results.get(timeout=10)

    def subscribe(self, topic: str) -> None:
        """Subscribe; returns once the broker answered, whatever it answered."""
        self.client.subscribe(topic, 1)
        self.results.get(timeout=10)

    def publish(self, topic: str, payload: bytes = b"x", *, retain: bool = False) -> None:
        """Publish; returns once the broker confirmed, which it does for forbidden ones too."""
        self.client.publish(topic, payload, 1, retain=retain).wait_for_publish(10)

    def got(self, count: int) -> list[tuple[str, bytes, bool]]:
        """Return the next ``count`` deliveries."""
        return [self.delivered.get(timeout=10) for _ in range(count)]

    def stop(self) -> None:
        """Go without a goodbye, so that the will is sent."""
        self.client.loop_stop()
        sock = self.client.socket()
        if sock is not None:
            sock.close()


@pytest.fixture
def broker(tmp_path: Path, secrets: Path) -> Iterator[Broker]:
    """A broker of the test's own."""
    if shutil.which("mosquitto") is None:
        required = os.environ.get("TOCSIN_REQUIRE_PROGRAMS") == "1"
        (pytest.fail if required else pytest.skip)("mosquitto: not proven here (not installed)")
    running = Broker(tmp_path, secrets)
    yield running
    running.stop()


@pytest.fixture
def clients(broker: Broker) -> Iterator[Callable[..., Client]]:
    """Make clients that are stopped at the end."""
    made: list[Client] = []

    def make(user: str, secret: str = "", *, keep: bool = False) -> Client:
        made.append(broker.client(user, secret, keep=keep))
        return made[-1]

    yield make
    for client in made:
        client.stop()


@pytest.mark.mosquitto
def test_a_node_speaks_for_itself_and_for_nobody_else(clients: Callable[..., Client]) -> None:
    """By what is delivered, not by what is confirmed: mosquitto confirms forbidden messages."""
    hub, node = clients("hub"), clients("qx-bridge-01")
    hub.subscribe("tocsin/v1/+/+/obs")
    hub.subscribe("tocsin/v1/+/+/state")
    for forbidden in (
        "tocsin/v1/qingxi-bridge/om-hall-01/obs",
        "tocsin/v1/qingxi-bridge/om-hall-01/state",
        "tocsin/v1/qx-bridge-01/om-hall-01/obs",
        "tocsin/v1/qingxi-bridge/qx-bridge-01/receipt",
        "tocsin/v1/qingxi-bridge/qx-bridge-01/x/obs",
        "tocsin/v1/obs",
        "anything",
    ):
        node.publish(forbidden)
    node.publish("tocsin/v1/qingxi-bridge/qx-bridge-01/obs", b"mine")
    node.publish("tocsin/v1/elsewhere/qx-bridge-01/state", b"mine too")
    assert hub.got(2) == [
        ("tocsin/v1/qingxi-bridge/qx-bridge-01/obs", b"mine", False),
        ("tocsin/v1/elsewhere/qx-bridge-01/state", b"mine too", False),
    ]
    assert hub.delivered.empty()


@pytest.mark.mosquitto
def test_receipts_reach_their_node_alone(clients: Callable[..., Client]) -> None:
    """Nobody reads another's receipts or observations, whatever they subscribe to."""
    hub, one, other, health = map(clients, ("hub", "qx-bridge-01", "om-hall-01", "health"))
    one.subscribe("tocsin/v1/+/qx-bridge-01/receipt")
    for curious in (other, health):
        curious.subscribe("#")
        curious.subscribe("tocsin/v1/+/qx-bridge-01/receipt")
        curious.subscribe("tocsin/v1/+/+/obs")
    other.subscribe("tocsin/v1/+/om-hall-01/receipt")
    one.publish("tocsin/v1/qingxi-bridge/qx-bridge-01/obs")
    hub.publish("tocsin/v1/qingxi-bridge/qx-bridge-01/receipt", b"for one")
    hub.publish("tocsin/v1/old-mill/om-hall-01/receipt", b"for other")
    assert one.got(1)[0][1] == b"for one"
    assert other.got(1)[0][1] == b"for other"
    assert health.delivered.empty()


@pytest.mark.mosquitto
def test_nobody_enters_without_a_password_or_without_tls(
    broker: Broker, clients: Callable[..., Client], secrets: Path
) -> None:
    """Wrong password, another's password, an unknown name, no TLS: refused."""
    theirs = (secrets / "mqtt_node_om-hall-01").read_text()
    assert clients("qx-bridge-01").code == 0
    assert clients("qx-bridge-01", "wrong").code != 0
    assert clients("qx-bridge-01", theirs).code != 0
    assert clients("stranger", "x").code != 0
    assert clients("spare-1").code == 0
    for words in (["-p", str(broker.port)], ["-p", str(broker.inner)]):
        plain = ["mosquitto_pub", "-h", "127.0.0.1", *words, "-t", "a", "-m", "b"]
        assert subprocess.run(plain, check=False, capture_output=True, timeout=20).returncode != 0


@pytest.mark.mosquitto
def test_three_thousand_messages_wait_for_a_hub_that_is_away(
    clients: Callable[..., Client], broker: Broker
) -> None:
    """The default would have kept 1,000; the will of a lost node is kept as well."""
    hub = clients("hub", keep=True)
    hub.subscribe("tocsin/v1/+/+/obs")
    hub.subscribe("tocsin/v1/+/+/state")
    hub.stop()
    node = clients("qx-bridge-01")
    last = [
        node.client.publish("tocsin/v1/a/qx-bridge-01/obs", str(i).encode(), 1) for i in range(3000)
    ][-1]
    last.wait_for_publish(30)
    node.stop()
    back = broker.client("hub", keep=True)
    with contextlib.closing(ClosingClient(back)):
        queued = back.got(3002)  # and the wills of hub and node
        bodies = [body for topic, body, _ in queued if topic.endswith("obs")]
        assert [int(body) for body in bodies] == list(range(3000))
        back.subscribe("tocsin/v1/any/+/state")
        assert back.got(1)[0][1:] == (b'{"online":false}', True)


class ClosingClient:
    """Lets ``closing`` stop a client."""

    def __init__(self, client: Client) -> None:
        self.close = client.stop


def wait_for(condition: Callable[[], object], promise: str, limit_s: float = 30) -> None:
    """Wait until ``condition`` holds."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {limit_s} s: {promise}"
        time.sleep(0.05)


def set_up_as_compose(server: InfluxServer, secrets: Path) -> None:
    """Do what the image's entry point does with the service's environment and secrets."""
    given = {k.removeprefix("DOCKER_INFLUXDB_INIT_"): v
             for k, v in SERVICES["influxdb"]["environment"].items()}  # fmt: skip
    assert given["MODE"] == "setup"
    assert "RETENTION" not in given

    def secret(name: str) -> str:
        return (secrets / given[f"{name}_FILE"].removeprefix("/run/secrets/")).read_text()

    server.call(
        "POST",
        "/api/v2/setup",
        {
            "username": given["USERNAME"],
            "password": secret("PASSWORD"),
            "org": given["ORG"],
            "bucket": given["BUCKET"],
            "token": secret("ADMIN_TOKEN"),
        },
        token="",
    )


def mapped_hub(folder: Path, secrets: Path, broker: Broker, influx_url: str) -> tuple[Path, int]:
    """Copy config/ with the container's paths, hosts and ports mapped; return (folder, port)."""
    config, port = folder / "config", free_port()
    shutil.copytree(ROOT / "config", config, ignore=shutil.ignore_patterns("secrets"))
    path = config / "compose" / "hub.toml"
    text = path.read_text("utf-8")
    for inside, here in (
        ("/run/secrets", str(secrets)),
        ("/var/lib/tocsin", str(folder / "hub-data")),
        ('host = "mosquitto"\nport = 8883', f'host = "127.0.0.1"\nport = {broker.port}'),
        ("http://influxdb:8086", influx_url),
        ('host = "0.0.0.0"', 'host = "127.0.0.1"'),
        ("https://api.twilio.com", f"http://127.0.0.1:{free_port()}"),  # nobody is called
        ("port = 8470", f"port = {port}"),
    ):
        assert inside in text
        text = text.replace(inside, here)
    path.write_text(text, "utf-8")
    return config / "compose", port


def mapped_node(folder: Path, secrets: Path, broker: Broker, service: str) -> Path:
    """Return the mounted file of one simulated node, mapped."""
    mount = next(v for v in SERVICES[service]["volumes"] if v.endswith(":ro"))
    text = (ROOT / mount.split(":")[0]).read_text("utf-8")
    for inside, here in (
        ("/run/secrets/ca_certificate", str(secrets / "ca_certificate")),
        ("/run/secrets/mqtt_password", str(secrets / f"mqtt_node_{NODES[service]}")),
        ("/var/lib/tocsin-edge", str(folder / f"spool-{service}")),
        ('host = "mosquitto"\nport = 8883', f'host = "127.0.0.1"\nport = {broker.port}'),
    ):
        assert inside in text
        text = text.replace(inside, here)
    path = folder / f"{service}.toml"
    path.write_text(text, "utf-8")
    return path


@pytest.mark.influx
@pytest.mark.mosquitto
def test_the_whole_city_runs_as_compose_would_run_it(
    tmp_path: Path, broker: Broker, secrets: Path
) -> None:
    """All from the mounted files: every health check passes, every node is in InfluxDB."""
    server = InfluxServer(tmp_path / "influxd", influxd())
    now_us = time.time_ns() // 1000
    fast = {**os.environ, "TOCSIN_CLOCK": f"{now_us},{now_us},20"}  # an upload is a minute
    running: list[subprocess.Popen[bytes]] = []
    try:
        server.start()
        set_up_as_compose(server, secrets)
        config, page = mapped_hub(tmp_path, secrets, broker, server.url)
        files = {service: mapped_node(tmp_path, secrets, broker, service) for service in NODES}
        with (tmp_path / "processes.log").open("ab") as log:

            def run(*words: str | Path) -> None:
                running.append(
                    subprocess.Popen(words, stdout=log, stderr=log, cwd=tmp_path, env=fast)
                )

            command = [w.replace("/etc/tocsin/compose", str(config))
                       for w in SERVICES["hub"]["command"]]  # fmt: skip
            run(BIN / "tocsin", *command)
            for file in files.values():
                run(BIN / "tocsin-edge", "run", file)
        place = read_config(config).influx
        assert place is not None
        store = InfluxStore(place)
        flux = (
            "from(bucket: bucket) |> range(start: 0, stop: 2100-01-01T00:00:00Z)"
            " |> keep(columns: [node]) |> group()"
            ' |> distinct(column: "node")'
        ).replace("[node]", '["node"]')
        wait_for(
            lambda: all(node.encode() in store.query(flux, {}) for node in NODES.values()),
            "observations of all three nodes are in InfluxDB",
            limit_s=100,
        )
        check_health(server, page, files)
        assert all(process.poll() is None for process in running)
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(20)
        server.stop()
        sys.stderr.write((tmp_path / "processes.log").read_text()[-3000:])


def check_health(server: InfluxServer, page: int, files: dict[str, Path]) -> None:
    """Run the health check of every service but the broker's, mapped."""
    for name, here in (("influxdb", server.port), ("hub", page)):
        words = SERVICES[name]["healthcheck"]["test"][1:]
        words = [re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{here}", word) for word in words]
        words = [sys.executable if word == "python" else word for word in words]
        subprocess.run(words, check=True, capture_output=True, timeout=20)
    with urllib.request.urlopen(f"http://127.0.0.1:{page}/healthz", timeout=5) as answer:
        assert answer.status == 200
    for service, file in files.items():
        _, program, *rest = SERVICES[service]["healthcheck"]["test"]
        rest = [word.replace("/etc/tocsin-edge/node.toml", str(file)) for word in rest]
        done = subprocess.run([BIN / program, *rest], check=True, capture_output=True, timeout=20)
        assert json.loads(done.stdout)["node"] == NODES[service]
