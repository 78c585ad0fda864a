"""An intake behind a source in memory, on a clock that stands still, and messages for it."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hub.clock import HandClock, from_us
from hub.flow.handoff import Handoff
from hub.flow.health import Health
from hub.flow.intake import Intake, IntakeSettings
from hub.ingest.memory import MemorySource
from hub.model.network import Datastream, Network
from hub.store.log import Log

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hub.ingest.source import Taken
    from hub.ingest.topics import PayloadMapping

BOOT = "7f3a9c21d4e85b06"
NOON_US = 1_795_000_000_000_000
EMPTY = Network(sites={}, cells={}, datastreams={}, nodes={})


@dataclass(frozen=True, kw_only=True)
class Mapping:
    """A foreign convention, as the configuration gives it."""

    topic: str
    kind: str
    site: str
    node: str
    names: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    time: str = ""


def network(*streams: Datastream) -> Network:
    """Return a network that declares ``streams``."""
    return Network(
        sites={},
        cells={},
        datastreams={(stream.node, stream.name): stream for stream in streams},
        nodes={stream.node: stream.site for stream in streams},
    )


def iso(time_us: int) -> str:
    """Return an instant as a node writes it."""
    return from_us(time_us).isoformat()


def value(result: float | None = 1.0, *, at_us: int = NOON_US, **more: object) -> dict[str, Any]:
    """Return one observation of the datastream ``stage`` in metres."""
    return {"ds": "stage", "t": iso(at_us), "r": result, "u": "m"} | more


def message(seq: int, *observations: object, **more: object) -> bytes:
    """Return one message; without observations it carries one."""
    content: dict[str, object] = {
        "v": 1,
        "boot": BOOT,
        "seq": seq,
        "low": 0,
        "gone": [],
        "sent": iso(NOON_US),
    }
    content |= {"up": 10.0, "obs": list(observations) or [value()]}
    return json.dumps(content | more).encode()


class Door:
    """One intake: put messages in, ``run``, look at what became of them."""

    def __init__(
        self,
        folder: Path,
        declared: Network = EMPTY,
        mappings: Sequence[PayloadMapping] = (),
        *,
        receipt_interval_s: float = 0.0,
        on_sent: Callable[[int], None] | None = None,
        clock: HandClock | None = None,
    ) -> None:
        self.database = folder / "tocsin.db"
        self.source = MemorySource()
        self.clock = clock or HandClock(NOON_US)
        self.health = Health()
        self.handoff = Handoff()
        self.woken: list[str] = []
        self.intake = Intake(
            database=self.database,
            source=self.source,
            network=declared,
            clock=self.clock,
            health=self.health,
            wake=lambda *names: self.woken.extend(names),
            handoff=self.handoff,
            settings=IntakeSettings(receipt_interval_s=receipt_interval_s),
            mappings=mappings,
            on_sent=on_sent,
        )
        self.connection = self.intake._connection
        self.log = Log(self.connection)

    def put(
        self,
        payload: bytes,
        *,
        site: str = "qingxi",
        node: str = "gauge",
        topic: str = "",
        retain: bool = False,
        dup: bool = False,
    ) -> Taken:
        """Queue one message of a node."""
        topic = topic or f"tocsin/v1/{site}/{node}/obs"
        return self.source.put(topic, payload, retain=retain, dup=dup)

    def run(self) -> None:
        """Take in everything that waits."""
        self.intake.step()
        while self.source.link().waiting:
            self.intake.step()

    def rows(self, columns: str = "time_us, result") -> list[tuple[Any, ...]]:
        """Return columns of every observation in the log's order."""
        query = f'SELECT {columns} FROM observation ORDER BY "offset"'  # noqa: S608
        return self.connection.execute(query).fetchall()

    def controls(self, kind: str) -> list[dict[str, Any]]:
        """Return the bodies of the control entries of one kind."""
        return [c.body for c in self.log.read(0, 100_000).controls if c.kind == kind]

    def reasons(self) -> list[str]:
        """Return the quarantine's reasons, oldest first."""
        return [row.reason for row in self.log.quarantined(1000)][::-1]

    def receipts(self) -> list[dict[str, Any]]:
        """Return and forget every receipt that was sent."""
        told = [json.loads(payload) for _, payload in self.source.published]
        self.source.published.clear()
        return told

    def got(self) -> dict[str, set[int]]:
        """Return the numbers receipted, by boot."""
        numbers: dict[str, set[int]] = defaultdict(set)
        for receipt in self.receipts():
            for low, high in receipt["got"]:
                numbers[receipt["boot"]] |= set(range(low, high + 1))
        return dict(numbers)
