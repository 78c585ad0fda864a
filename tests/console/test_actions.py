"""What people do through the API, with the real respond loop deciding."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hub.clock import from_us
from hub.model.incident import Status

if TYPE_CHECKING:
    from aiohttp.test_utils import TestClient
    from console_town import Json, Serve, Town


async def post(client: TestClient, path: str, body: Json) -> tuple[int, Json]:
    """Return status and JSON of a POST."""
    response = await client.post(path, json=body)
    return response.status, await response.json(content_type=None)


async def test_acknowledge_is_done_and_told_in_words(client: TestClient, town: Town) -> None:
    """Acknowledging answers 200 with the respond loop's words and names who it was."""
    name = town.flood()
    town.start_respond()
    status, body = await post(client, f"/api/v1/incidents/{name}/acknowledge", {"by": "lin-wei"})
    assert (status, body["state"]) == (200, "done")
    assert "escalation stopped" in body["words"]["en"]
    assert body["words"]["zh"]
    shown = await (await client.get(f"/api/v1/incidents/{name}")).json()
    assert shown["incident"]["status"] == "acknowledged"
    assert shown["incident"]["acknowledged_by"]["name"]["zh"] == "林薇"


async def test_refused_action_is_409_with_words(client: TestClient, town: Town) -> None:
    """What the incident's state does not allow is refused in words that say so."""
    name = town.flood()
    town.start_respond()
    code = town.book.incident(name).code
    assert (await post(client, f"/api/v1/incidents/{code}/resolve", {}))[0] == 200
    status, body = await post(client, f"/api/v1/incidents/{code}/acknowledge", {})
    assert status == 409
    assert body["detail"]
    assert "已解除" in body["detail_zh"]


async def test_without_a_respond_loop_it_is_202_and_in_the_log(serve: Serve, town: Town) -> None:
    """An action is never lost: it is in the log, and the answer says that it waits."""
    name = town.flood()
    async with serve(action_wait_s=0.2) as client:
        status, body = await post(client, f"/api/v1/incidents/{name}/acknowledge", {"by": "x"})
    assert (status, body["state"]) == (202, "pending")
    (action,) = town.log.actions(0, 10)
    assert (action.offset, action.kind, action.target) == (body["offset"], "acknowledge", name)
    assert (action.by, action.via) == ("x", "api")
    assert town.woken.is_set()


async def test_note_open_mute_unmute_and_drill(client: TestClient, town: Town) -> None:
    """A person can add a note, open an incident, mute, unmute and send a drill."""
    name = town.flood()
    town.start_respond()
    until = (from_us(town.clock.now_us()) + timedelta(hours=1)).isoformat()
    orders = [
        (f"/api/v1/incidents/{name}/note", {"by": "amara", "text": "water at the 2nd step"}),
        ("/api/v1/incidents", SEEN),
        ("/api/v1/mutes", {"target": "qx-bridge-01/rain", "reason": "cleaning", "until": until}),
        ("/api/v1/unmutes", {"target": "qx-bridge-01/rain"}),
        ("/api/v1/tests", {"person": "amara", "by": "lin-wei"}),
    ]  # fmt: skip
    for path, body in orders:
        status, answer = await post(client, path, body)
        assert status == 200, (path, answer)
    opened = [i.site for i in town.book.incidents(10, Status.TRIGGERED) if not i.drill]
    assert sorted(opened) == ["old-mill", "qingxi-bridge"]
    notes = [e for e in town.book.timeline(name) if e.kind == "note"]
    assert notes[0].body["text"] == "water at the 2nd step"


SEEN = {"site": "old-mill", "hazard": "fire", "severity": "severe", "text": "smoke seen"}
MUTE = {"target": "a/b", "reason": "x"}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/v1/incidents/ZZZ/acknowledge", {}, 404),
        ("/api/v1/incidents", {**SEEN, "site": "nowhere"}, 404),
        ("/api/v1/incidents", {**SEEN, "hazard": "rain"}, 400),
        ("/api/v1/incidents", {**SEEN, "text": ""}, 400),
        ("/api/v1/incidents", {**SEEN, "text": "\x00\x07"}, 400),
        ("/api/v1/incidents", {**SEEN, "colour": 1}, 400),
        ("/api/v1/incidents", [1, 2], 400),
        ("/api/v1/incidents", {"by": "x" * 65}, 400),
        ("/api/v1/mutes", {**MUTE, "until": "2020-01-01T00:00:00Z"}, 400),
        ("/api/v1/mutes", {**MUTE, "until": "2099-01-01T00:00:00Z"}, 400),
        ("/api/v1/mutes", {**MUTE, "until": "2026-11-24T00:00:00"}, 400),
        ("/api/v1/tests", {"person": "nobody"}, 404),
    ],
)  # fmt: skip
async def test_bad_orders_append_nothing(
    client: TestClient, town: Town, path: str, body: Json, status: int
) -> None:
    """An order that does not fit is refused with words and leaves no trace in the log."""
    got, problem = await post(client, path, body)
    assert got == status, problem
    assert problem["detail"]
    assert town.log.actions(0, 10) == []


async def test_bodies_are_bounded_json(client: TestClient, town: Town) -> None:
    """64 KiB at most, JSON only, broken or deeply nested JSON refused."""
    path = f"/api/v1/incidents/{town.flood()}/note"
    json_type = {"Content-Type": "application/json"}
    assert (await client.post(path, data=b'"' + b"x" * 70_000, headers=json_type)).status == 413
    assert (await client.post(path, data=b"{", headers=json_type)).status == 400
    assert (await client.post(path, data=b"[" * 60_000, headers=json_type)).status == 400
    assert (await client.post(path, data=b'{"text":"\xff"}', headers=json_type)).status == 400
    assert (await client.post(path, data={"text": "x"})).status == 415
    assert town.log.actions(0, 10) == []
