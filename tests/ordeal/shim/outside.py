"""A small city around the shipped hub, and what is to be seen of it from outside, with times."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hub.demo.ledgers import note_id
from ordeal.city import Size, build_city
from ordeal.episode import seeded
from ordeal.programs import BROKERS, open_scene
from ordeal.stage import Stage
from ordeal.tail import Tail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

Key = tuple[str, str, int]  # node, boot, number


@contextmanager
def city_at_work(
    folder: Path,
    seed: int,
    size: Size,
    *,
    environment: Mapping[str, str],
    change: Callable[[Path], None] = lambda _: None,
) -> Iterator[Stage]:
    """Start a city whose hub has ``environment``, after ``change`` of its configuration."""
    city = build_city(folder, seeded(seed), size)
    change(city.config)
    with ExitStack() as stack:
        scene = open_scene(city, folder / "scene", None)
        stage = Stage(
            scene=scene,
            city=city,
            broker=BROKERS["nats"](scene),
            influx=None,
            hub_environment=dict(environment),
        )
        stage.open(stack)
        yield stage


@dataclass(slots=True)
class Eyes:
    """Receipts and pages with the instant at which they were seen (seconds since 1970)."""

    stage: Stage
    receipts: list[tuple[float, Key]] = field(default_factory=list)
    pages: list[tuple[float, str]] = field(default_factory=list)
    ready: list[tuple[float, bool]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    _nodes: list[Tail] = field(init=False)
    _phones: Tail = field(init=False)

    def __post_init__(self) -> None:
        self._nodes = [Tail(file) for file in self.stage.ledgers]
        self._phones = Tail(self.stage.scene.provider_ledger)

    def look(self) -> bool:
        """Take in what is new; False, so that one can wait for ever with it."""
        now = time.time()
        self.receipts += [
            (now, (entry["node"], entry["boot"], seq))
            for tail in self._nodes
            for entry in tail.news()
            if entry["e"] == "receipted"
            for low, high in entry["seq"]
            for seq in range(low, high + 1)
        ]
        news = self._phones.news()
        self.pages += [(e["at_s"], note_id(e)) for e in news if e["kind"] == "sms"]
        well, words = readiness(self.stage.scene.web_port)
        self.ready.append((time.time(), well))
        self.words += words
        return False

    def rest(self, for_s: float) -> None:
        """Look on for ``for_s`` real seconds."""
        self.stage.until(self.look, for_s)

    def until(self, true: Callable[[], bool], limit_s: float) -> bool:
        """Look on until ``true()``, at most ``limit_s``; say whether it came true."""
        return self.stage.until(lambda: self.look() or true(), limit_s)

    def receipted_since(self, at_s: float) -> set[Key]:
        """Return what was receipted after an instant."""
        return {key for seen_s, key in self.receipts if seen_s > at_s}

    def red_after(self, at_s: float) -> float | None:
        """Return how long after an instant the hub first said that it is not well."""
        return next((s - at_s for s, well in self.ready if s > at_s and not well), None)


def readiness(port: int) -> tuple[bool, list[str]]:
    """Return whether /readyz says well, and its troubles."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            told: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        told = json.loads(error.read())
    except OSError:
        return False, []
    return bool(told["ready"]), [str(words["en"]) for words in told["trouble"]]


def stored_now(stage: Stage) -> set[Key]:
    """Return the messages in the hub's log."""
    return set(stage.log.ask("SELECT node, boot, seq FROM message"))
