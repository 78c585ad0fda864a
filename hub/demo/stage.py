"""The demo itself: programs up, phones drawn, an officer who answers, the account at the end."""

from __future__ import annotations

import json
import re
import sqlite3
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from hub.demo import ledgers
from hub.demo.phones import Phones
from hub.demo.processes import wait_for_port
from hub.demo.scene import (
    Scene,
    hub_program,
    node_program,
    provider_program,
    simulated_us,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hub.demo.influx import Influx
    from hub.model.response import People

LOOK_S: Final = 0.25
ANSWER_AFTER_S: Final = 3.0
DRAIN_S: Final = 20.0
CODE: Final = re.compile(r"\bA\s?([2-9A-Y]{3,6})\b|回\s?A([2-9A-Y]{3,6})")
ACKNOWLEDGED: Final = (
    "SELECT count(*) FROM incident WHERE acknowledged_us IS NOT NULL AND drill = 0"
)
INCIDENTS: Final = "SELECT count(*) FROM incident WHERE drill = 0"
UNDER_WAY: Final = "SELECT count(*) FROM notification WHERE state IN ('pending', 'sending')"
WRITTEN: Final = """
SELECT count(*) FROM observation WHERE "offset" <=
coalesce((SELECT "offset" FROM position WHERE loop = 'store'), 0)
"""
BEHIND: Final = WRITTEN.replace("<=", ">")
UNTOLD: Final = """
SELECT count(*) FROM incident i WHERE drill = 0 AND hazard NOT IN ('sensor', 'hub') AND NOT EXISTS
(SELECT 1 FROM notification n WHERE n.incident = i.id AND n.state IN ('sent', 'delivered'))
"""


@dataclass(slots=True)
class Story:
    """What happened so far, in real seconds since the hub was started."""

    began: float
    first_page_s: float | None = None
    acknowledged_s: float | None = None
    answered: bool = False
    kills: int = 0
    page: dict[str, Any] = field(default_factory=dict)


class Stage:
    """One run of the demo on a scene; ``say`` prints for people."""

    def __init__(
        self,
        scene: Scene,
        people: People,
        nodes: list[Path],
        *,
        influx: Influx | None,
        say: Callable[[str], None],
    ) -> None:
        self._scene = scene
        self._say = say
        self._influx = influx
        self._hub = hub_program(scene)
        self._provider = provider_program(scene)
        self._nodes = [node_program(scene, path) for path in nodes]
        self._ledgers = [scene.folder / f"{path.stem}.jsonl" for path in nodes]
        self._phones = Phones(scene.provider_ledger, people.persons)

    def run(self, *, for_s: float | None, kill: bool) -> dict[str, Any]:
        """Play for ``for_s`` real seconds (None: until interrupted) and return the account."""
        with ExitStack() as stack:
            self._open(stack)
            story = Story(began=time.monotonic())
            stack.callback(self._hub.stop)
            self._hub.start()
            wait_for_port(self._scene.web_port, self._hub)
            self._say(f"the page is at {self._scene.page}   页面：{self._scene.page}\n")
            for node in self._nodes:
                stack.callback(node.stop)
                node.start()
            try:
                self._play(story, for_s, kill=kill)
            except KeyboardInterrupt:
                self._say("\nstopping ...   正在停止…")
            self._drain()
            return self._account(story)

    def _open(self, stack: ExitStack) -> None:
        if self._influx is not None:
            stack.callback(self._influx.server.stop)
        stack.callback(self._provider.stop)
        self._provider.start()
        wait_for_port(self._scene.provider_port, self._provider)

    def _play(self, story: Story, for_s: float | None, *, kill: bool) -> None:
        """Look at the phones, answer one page, kill the hub once when asked to."""
        while for_s is None or time.monotonic() - story.began < for_s:
            self._look(story)
            if not story.answered and story.page and for_s is not None:
                self._answer(story)
            if kill and for_s and not story.kills and passed(story) > for_s / 2:
                story.kills += 1
                self._kill_hub()
            self._check_programs()
            time.sleep(LOOK_S)

    def _look(self, story: Story) -> None:
        for sms in self._phones.take():
            if story.first_page_s is None:
                story.first_page_s = round(passed(story), 2)
            if not story.page and CODE.search(sms["body"]):
                story.page = {**sms, "seen": time.monotonic()}
            self._say(self._phones.draw(sms, simulated_us(self._scene)))
        if story.acknowledged_s is None and self._one(ACKNOWLEDGED):
            story.acknowledged_s = round(passed(story), 2)
            self._say("acknowledged: the escalation stops   已接警，停止升级\n")

    def _answer(self, story: Story) -> None:
        """Reply to the first page as its reader would, a few seconds after it came."""
        if time.monotonic() - story.page["seen"] < ANSWER_AFTER_S:
            return
        found = CODE.search(story.page["body"])
        code = next(filter(None, found.groups())) if found else ""
        reply = {"from": story.page["to"], "to": story.page["message"]["from"], "body": f"A {code}"}
        self._say(f'the reader answers: "A {code}"   回复：A {code}')
        story.answered = self._reply(reply)

    def _reply(self, reply: dict[str, str]) -> bool:
        """Send an SMS from a phone; False when the hub did not take it: try again."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._scene.provider_port}/reply",
            json.dumps(reply).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=15) as answer:
                return bool(json.load(answer)["status"] == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _kill_hub(self) -> None:
        self._say("kill -9 of the hub, and a new one   强制终止中心并重启")
        self._hub.kill()
        self._hub.start()
        wait_for_port(self._scene.web_port, self._hub)

    def _check_programs(self) -> None:
        for program in (self._hub, self._provider, *self._nodes):
            if not program.running:
                wait_for_port(0, program, 0.5)  # raises with its last words

    def _drain(self) -> None:
        """Let the nodes send what they hold, then end them before the hub."""
        for node in self._nodes:
            node.stop()
        until = time.monotonic() + DRAIN_S
        while time.monotonic() < until and self._waiting():
            time.sleep(LOOK_S)

    def _waiting(self) -> bool:
        """Say whether a page is under way or InfluxDB has not everything yet."""
        behind = self._influx is not None and self._one(BEHIND)
        return bool(behind or self._one(UNDER_WAY))

    def _one(self, sql: str) -> int:
        connection = sqlite3.connect(f"file:{self._scene.database}?mode=ro", uri=True, timeout=10)
        try:
            return int(connection.execute(sql).fetchone()[0])
        finally:
            connection.close()

    def _read_back(self, influx: Influx) -> dict[str, int]:
        return {"written": self._one(WRITTEN), "read_back": influx.points()}

    def _account(self, story: Story) -> dict[str, Any]:
        nodes = ledgers.read_nodes(self._ledgers)
        stored = ledgers.read_stored(self._scene.database)
        sent = ledgers.read_jsonl(self._scene.provider_ledger)
        lost = ledgers.lost(nodes, stored)
        paged_twice = ledgers.pages_twice(sent)
        influx = self._influx and self._read_back(self._influx)
        well = (
            not lost
            and not stored.twice
            and paged_twice <= story.kills  # the one place where a kill may cost a duplicate
            and not self._one(UNTOLD)
            and (not influx or influx["written"] == influx["read_back"])
        )
        return {
            "published": nodes.published,
            "receipted": nodes.promised,
            "stored": stored.observations,
            "lost": lost,
            "duplicated": stored.twice + paged_twice,
            "influx": influx,
            "incidents": self._one(INCIDENTS),
            "notifications": ledgers.notification_states(self._scene.database),
            "first_page_s": story.first_page_s,
            "acknowledged_s": story.acknowledged_s,
            "ok": well and story.acknowledged_s is not None,
        }


def passed(story: Story) -> float:
    """Return the real seconds since the hub was started."""
    return time.monotonic() - story.began
