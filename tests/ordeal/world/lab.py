"""The shipped hub and a provider as processes, and nodes whose every message is chosen here.

A row that needs a certain message at a certain time - a duplicate, a day late, ten thousand at
once - cannot wait for a real node to send it. So the nodes are played: their messages are
valid, their times the scene's. What they publish and what phones got is the outside ledger.
"""

from __future__ import annotations

import json
import sqlite3
import time
import tomllib
import urllib.error
import urllib.request
from collections import Counter
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from hub.clock import from_us
from hub.demo.ledgers import read_jsonl
from hub.demo.processes import Program, wait_for_port
from hub.demo.scene import Scene, hub_program, provider_program, set_scene, simulated_us
from hub.demo.toml import to_toml
from hub.ports import free_port
from ordeal.oracle import read_phones

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ordeal.oracle import Message

CONFIG: Final = Path(__file__).parents[3] / "config"
PLACES: Final = ((30.120, 119.930), (30.110, 119.945), (30.135, 119.945))  # one per shipped cell
DANGER: Final = 4.5
QUIET, BREACH = 1.0, 6.0
UP_S: Final = 90.0
PUBLISH_S: Final = 120.0
POLL_S: Final = 0.05
SECOND: Final = 1_000_000
TOLD: Final = """
SELECT n.id, i.site, i.hazard, n.person, n.channel, n.state, n.purpose, i.severity
FROM notification n JOIN incident i ON i.id = n.incident
"""


def gauge(name: str = "level", *, severity: str = "extreme", interval_s: float = 3600.0) -> Any:  # noqa: ANN401  a TOML table
    """Return the table of a datastream with one level, of a property no other rule looks at."""
    level = {"name": "danger", "severity": severity, "above": DANGER, "hysteresis": 0.1,
             "datum": "lab", "source": "lab", "date": "2026-01-01"}  # fmt: skip
    return {"name": name, "property": "lab_level", "unit": "m", "hazard": "flood",
            "label_en": "Level", "label_zh": "水位", "interval_s": interval_s,
            "upload_s": interval_s, "level": [level]}  # fmt: skip


def site(name: str, streams: Sequence[Any], *, nodes: int = 1, place: int = 0) -> Any:  # noqa: ANN401
    """Return the table of a site whose nodes are called NAME-0, NAME-1 ..."""
    latitude, longitude = PLACES[place % len(PLACES)]
    about = {"id": name, "name_en": name, "name_zh": name, "latitude": latitude,
             "longitude": longitude, "zone": "Asia/Shanghai"}  # fmt: skip
    return {
        "site": about,
        "node": [{"id": f"{name}-{n}", "datastream": list(streams)} for n in range(nodes)],
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One notification as the hub's book has it."""

    id: str
    site: str
    hazard: str
    person: str
    channel: str
    state: str
    purpose: str
    severity: str


@dataclass(slots=True)
class Node:
    """A node played by hand; ``boot`` and ``up`` are of a node that started ``age_s`` ago."""

    lab: Lab
    site: str
    name: str
    boot: str = "5707300000000000"
    age_s: float = 3 * 86_400.0
    seq: int = 0
    behind_us: int = 0  # how far its clock is behind
    drift: float = 0.0  # seconds that it loses in one
    sent: list[str] = field(default_factory=list)

    def message(self, values: Iterable[tuple[int, float]], *, late: bool = False) -> str:
        """Return the next message: (true microseconds, result) of its datastream ``level``."""
        self.seq += 1
        now_us = self.lab.now_us()
        text = json.dumps(
            {
                "v": 1, "boot": self.boot, "seq": self.seq, "low": 1, "gone": [], "late": late,
                "sent": self._stamp(now_us),
                "up": round(self.age_s + (now_us - self.lab.began_us) / SECOND, 3),
                "obs": [
                    {"ds": "level", "t": self._stamp(at), "r": value, "u": "m"}
                    for at, value in values
                ],
            }
        )  # fmt: skip
        self.sent.append(text)
        return text

    def say(self, value: float) -> None:
        """Publish one reading of now."""
        self.lab.publish(self, self.message([(self.lab.now_us(), value)]))

    def _stamp(self, true_us: int) -> str:
        """Return an instant as this node's clock shows it."""
        lost_us = round((true_us - self.lab.began_us) * self.drift)
        return from_us(true_us - self.behind_us - lost_us).isoformat(timespec="milliseconds")


class Lab:
    """One hub at ``rate`` times the pace of the world, its provider, and a client for all nodes.

    ``sites`` are added to the shipped configuration, ``people`` and ``policies`` change it.
    """

    def __init__(
        self,
        folder: Path,
        sites: Iterable[Any],
        *,
        rate: float = 1.0,
        edit: Callable[[Scene], None] = lambda _: None,
    ) -> None:
        self.scene = set_scene(CONFIG, folder, rate=rate, port=free_port())
        self.rate = rate
        self.began_us = simulated_us(self.scene)
        for table in sites:
            file = self.scene.config / "sites" / f"{table['site']['id']}.toml"
            file.write_text(to_toml(table), "utf-8")
        edit(self.scene)
        self.hub: Program = hub_program(self.scene)
        self._provider = provider_program(self.scene)
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="lab")
        self._client.max_inflight_messages_set(2000)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_message = self._heard
        self._client.on_connect = self._listen
        self.receipts: list[dict[str, Any]] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for program in (self._provider, self.hub):
            self._stack.callback(program.kill)
            program.start()
            port = self.scene.provider_port if program is self._provider else self.scene.web_port
            wait_for_port(port, program, UP_S)
        assert self.until(self._ready, UP_S), self.hub.last_words()
        self._client.connect("127.0.0.1", self.scene.broker_port)
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        self.hub.stop()
        self._stack.close()

    def now_us(self) -> int:
        """Return the scene's present instant."""
        return simulated_us(self.scene)

    def publish(self, node: Node, text: str, *, wait: bool = False) -> None:
        """Publish one message as ``node``; with ``wait`` until the broker confirmed it."""
        topic = f"tocsin/v1/{node.site}/{node.name}/obs"
        info = self._client.publish(topic, text, qos=1)
        if wait:
            info.wait_for_publish(PUBLISH_S)

    def until(self, ready: Callable[[], bool], limit_s: float) -> bool:
        """Wait until ``ready``, ``limit_s`` real seconds at most; say whether it is."""
        end_s = time.monotonic() + limit_s
        while not (done := ready()) and time.monotonic() < end_s:
            time.sleep(POLL_S)
        return done

    def ask(self, sql: str, *values: str | int) -> list[tuple[Any, ...]]:
        """Return the rows of a query on the hub's file, opened read-only."""
        uri = f"file:{self.scene.database}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=20)) as connection:
            return connection.execute(sql, values).fetchall()

    def one(self, sql: str, *values: str | int) -> int:
        """Return the first number of a query."""
        return int(self.ask(sql, *values)[0][0] or 0)

    def told(self, prefix: str = "lab-") -> list[Told]:
        """Return what the book says people were told about sites of that name."""
        rows = self.ask(f"{TOLD} WHERE i.site LIKE ? || '%' ORDER BY n.created_us, n.id", prefix)
        names = ("id", "site", "hazard", "person", "channel", "state", "purpose", "severity")
        return [Told(**dict(zip(names, row, strict=True))) for row in rows]

    def phones(self) -> list[Message]:
        """Return all that phones and webhooks got, from the provider's ledger."""
        return read_phones(self.scene.provider_ledger)

    def calls(self) -> list[dict[str, Any]]:
        """Return every entry of the provider's ledger."""
        return list(read_jsonl(self.scene.provider_ledger))

    def sms_of(self, notes: Iterable[Told]) -> Counter[str]:
        """Return how often phones got each of ``notes``."""
        wanted = {note.id for note in notes}
        return Counter(m.note for m in self.phones() if m.note in wanted)

    def order(self, **order: Any) -> None:  # noqa: ANN401  the provider's words
        """Tell the provider how to misbehave."""
        self._post(self.scene.provider_port, "/misbehave", order)

    def do(self, path: str, **body: Any) -> Any:  # noqa: ANN401  the API's words
        """Order something of the hub's API; return its answer."""
        return self._post(self.scene.web_port, f"/api/v1{path}", body)

    def stored(self, node: Node) -> set[tuple[int, float]]:
        """Return (time, result) of every observation that the log has of ``node``."""
        return set(
            self.ask(
                "SELECT o.time_us, o.result FROM observation o JOIN datastream d ON d.slot = o.slot"
                " WHERE d.node = ?",
                node.name,
            )
        )

    def settled(self, node: Node) -> int:
        """Return how many of ``node``'s messages have a receipt."""
        numbers: set[int] = set()
        for receipt in list(self.receipts):
            if receipt["node"] == node.name:
                for low, high in receipt["got"]:
                    numbers.update(range(low, high + 1))
        return len(numbers)

    def _listen(self, client: paho.Client, *_: object) -> None:
        client.subscribe("tocsin/v1/+/+/receipt", qos=1)  # a broker that was killed forgot it

    def _heard(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        node = message.topic.split("/")[3]
        self.receipts.append({**json.loads(message.payload), "node": node})

    def _ready(self) -> bool:
        with suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(f"{self.scene.page}readyz", timeout=5).close()  # noqa: S310
            return True
        return False

    def _post(self, port: int, path: str, body: dict[str, Any]) -> Any:  # noqa: ANN401
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=15) as answer:  # noqa: S310  our own
            return json.loads(answer.read() or b"null")


def patch_policies(scene: Scene, **step: Any) -> None:  # noqa: ANN401  TOML values
    """Change every step of the default policy."""
    file = scene.config / "policies.toml"
    tables = tomllib.loads(file.read_text("utf-8"))
    for policy in tables["policy"]:
        if policy["name"] == "default":
            policy["step"] = [{**given, **step} for given in policy["step"]]
    file.write_text(to_toml(tables), "utf-8")


def give_hooks(scene: Scene) -> None:
    """Give every person an address for webhooks at the provider."""
    file = scene.config / "people.toml"
    tables = tomllib.loads(file.read_text("utf-8"))
    for person in tables["person"]:
        hook = f"http://127.0.0.1:{scene.provider_port}/hook/{person['id']}"
        person["address"]["webhook"] = hook
    file.write_text(to_toml(tables), "utf-8")
