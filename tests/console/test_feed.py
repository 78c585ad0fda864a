"""The live feed: resume without loss or repetition, bounded, alive, and honest about trouble."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from hub.console.feed import FEED, QUEUE
from hub.console.pulse import Cursor, parse_cursor
from hub.model.network import Severity
from hub.model.transition import Change

if TYPE_CHECKING:
    from aiohttp import ClientResponse
    from aiohttp.test_utils import TestClient
    from console_town import Serve, Town

WAIT_S = 10.0


@dataclass(frozen=True)
class Seen:
    """One event as a browser gets it."""

    name: str
    id: str
    data: Any


class Browser:
    """Reads a feed event by event."""

    def __init__(self, response: ClientResponse) -> None:
        self._response = response

    async def next(self) -> Seen:
        """Return the next event within ten seconds."""
        async with asyncio.timeout(WAIT_S):
            fields: dict[str, str] = {}
            while True:
                line = (await self._response.content.readline()).decode().rstrip("\n")
                if not line and "event" in fields:
                    return Seen(fields["event"], fields.get("id", ""), json.loads(fields["data"]))
                name, _, value = line.partition(": ")
                fields[name] = value

    async def until(self, *names: str) -> Seen:
        """Return the next event of one of these names."""
        while True:
            seen = await self.next()
            if seen.name in names:
                return seen


async def listen(client: TestClient, last: str = "") -> Browser:
    """Open the feed, resuming after ``last``."""
    headers = {"Last-Event-ID": last} if last else {}
    response = await client.get("/api/v1/feed", headers=headers)
    assert response.status == 200
    assert response.content_type == "text/event-stream"
    return Browser(response)


async def test_first_comes_a_snapshot_of_everything(client: TestClient, town: Town) -> None:
    """A new reader gets sites, cells, datastreams with recent values, incidents and health."""
    name = town.flood()
    seen = await (await listen(client)).next()
    assert seen.name == "snapshot"
    assert {s["id"] for s in seen.data["sites"]} == set(town.network.sites)
    stage = next(s for s in seen.data["datastreams"] if s["id"] == "qx-bridge-01/stage")
    assert len(stage["recent"]) == 32
    assert [i["id"] for i in seen.data["incidents"]] == [name]
    assert seen.data["health"]["ready"]
    assert seen.data["version"]


async def test_values_are_coalesced(client: TestClient, town: Town) -> None:
    """A burst of observations becomes the newest value, once."""
    browser = await listen(client)
    await browser.until("snapshot")
    town.observe("qx-bridge-01/stage", *[(float(60 - i), float(i)) for i in range(60)])
    values = (await browser.until("values")).data
    assert [(v["id"], v["latest"]["result"]) for v in values] == [("qx-bridge-01/stage", 59.0)]


async def test_an_incident_comes_with_its_line_and_state(client: TestClient, town: Town) -> None:
    """Each line of the timeline is one event, in order, with the incident as it stands."""
    browser = await listen(client)
    await browser.until("snapshot")
    name = town.flood()
    first = await browser.until("incident")
    assert first.data["entry"]["kind"] == "raised"
    assert first.data["incident"]["id"] == name
    assert first.data["incident"]["severity"] == "extreme"


async def test_resume_loses_and_repeats_nothing(client: TestClient, town: Town) -> None:
    """Cut off at any event and resumed, a reader has seen every timeline line exactly once."""
    lines: list[int] = []
    last = (await (await listen(client)).next()).id
    for round_ in range(4):
        town.find("qx-bridge-01/stage", Severity.MODERATE)
        town.find("qx-bridge-01/stage", Severity.EXTREME, change=Change.WORSENED)
        browser = await listen(client, last)
        while True:
            seen = await browser.next()
            last = seen.id or last
            if seen.name in ("incident", "notification"):
                lines.append(seen.data["entry"]["id"])
            if seen.name == "snapshot":
                break
        town.find("qx-bridge-01/stage", Severity.MINOR, change=Change.CLEARED)
        live = await browser.until("incident", "notification")
        last = live.id
        lines.append(live.data["entry"]["id"])
        town.clock.advance(60 * (round_ + 1))
    browser = await listen(client, last)
    while (seen := await browser.next()).name != "snapshot":
        lines.append(seen.data["entry"]["id"])
    (everything,) = town.connection.execute("SELECT count(*) FROM timeline").fetchone()
    assert everything > 8
    assert lines == list(range(1, everything + 1))


@pytest.mark.parametrize("last", ["", "-", "x-y", "1-", "-1", "1-2-3", "9" * 40 + "-1", "٣-١"])
def test_a_broken_cursor_is_none(last: str) -> None:
    """What is no event id of ours starts from a snapshot."""
    assert parse_cursor(last) is None


def test_a_cursor_survives_its_text() -> None:
    """An event id says where it was read up to."""
    assert parse_cursor(str(Cursor(41_822, 7))) == Cursor(41_822, 7)


async def test_an_id_of_another_store_gets_a_snapshot(client: TestClient, town: Town) -> None:
    """An id beyond the end (a restored backup) is not waited for."""
    town.flood()
    assert (await (await listen(client, "999999-999999")).next()).name == "snapshot"


async def test_heartbeat_and_health(serve: Serve, town: Town) -> None:
    """The feed beats while nothing happens, and tells when a loop falls ill and recovers."""
    async with serve(heartbeat_s=0.05) as client:
        browser = await listen(client)
        beat = (await browser.until("heartbeat")).data
        assert (beat["now_us"], beat["rate"]) == (town.clock.now_us(), 1.0)
        town.health.ill("broker", "no broker at 127.0.0.1:1883; start it")
        while (seen := (await browser.until("health")).data)["ready"]:
            pass
        assert any("1883" in words["en"] for words in seen["trouble"])
        town.health.well("broker")
        while not (await browser.until("health")).data["ready"]:
            pass


async def test_silence_reaches_the_page_by_itself(serve: Serve, town: Town) -> None:
    """A stream that stops is told as silent, and its cell as blind, with no new observation."""
    town.observe("pump-07/flow", (0, 1.0))
    async with serve(heartbeat_s=0.05) as client:
        browser = await listen(client)
        await browser.until("snapshot")
        assert "pump-07/flow" not in (await browser.until("network")).data["silent"]
        town.clock.advance(3600)
        network = (await browser.until("network")).data
        assert "pump-07/flow" in network["silent"]
        assert not next(c for c in network["cells"] if c["id"] == "north")["sighted"]


async def test_readers_are_bounded(serve: Serve) -> None:
    """Beyond the limit a reader is told to come back later."""
    async with serve(clients=2) as client:
        for _ in range(2):
            await (await listen(client)).next()
        response = await client.get("/api/v1/feed")
        assert response.status == 503
        assert "Retry-After" in response.headers


async def test_a_slow_reader_is_dropped(client: TestClient, town: Town) -> None:
    """A reader that does not keep up is let go; the others go on."""
    source = client.app[FEED]
    slow, _ = await source.join(None)
    browser = await listen(client)
    await browser.until("snapshot")
    for _ in range(QUEUE + 1):
        slow.offer(b": full\n\n")
    assert slow.dropped
    town.flood()
    assert (await browser.until("incident")).data["incident"]["site"] == "qingxi-bridge"


async def test_a_gone_reader_is_forgotten(serve: Serve) -> None:
    """A closed connection frees its place."""
    async with serve(heartbeat_s=0.02) as client:
        response = await client.get("/api/v1/feed")
        response.close()
        async with asyncio.timeout(WAIT_S):
            while client.app[FEED].readers:  # noqa: ASYNC110  nothing to wait on
                await asyncio.sleep(0.01)


async def test_the_end_of_the_server_ends_the_feed(serve: Serve) -> None:
    """Stopping does not wait for open pages."""
    async with serve() as client:
        browser = await listen(client)
        await browser.until("snapshot")
        async with asyncio.timeout(1.5):
            await client.server.close()
