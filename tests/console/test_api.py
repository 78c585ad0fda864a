"""The JSON API against a real store, and its OpenAPI document against what is really served."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from console_town import START_US
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from hub.clock import from_us
from hub.console.routes import ROUTES
from hub.model.network import Severity
from hub.model.transition import Evidence, Kind
from hub.store.database import transaction
from hub.store.losses import HOUR_US, Counts, Losses

if TYPE_CHECKING:
    from aiohttp.test_utils import TestClient
    from console_town import Json, Town

STAGE = "/api/v1/datastreams/qx-bridge-01/stage/observations"
GET_ALL = [
    "/api/v1/sites",
    "/api/v1/cells",
    "/api/v1/datastreams",
    "/api/v1/datastreams/qx-bridge-01/stage",
    "/api/v1/datastreams/qx-bridge-01/stage/observations",
    "/api/v1/incidents",
    "/api/v1/incidents/{id}",
    "/api/v1/mutes",
    "/api/v1/quarantine",
    "/api/v1/losses",
    "/api/v1/health",
    "/readyz",
]


async def get(client: TestClient, path: str, status: int = 200) -> Json:
    """Return the JSON at ``path``."""
    response = await client.get(path)
    text = await response.text()
    assert response.status == status, text
    return json.loads(text)


async def test_datastreams_have_value_age_and_trend(client: TestClient, town: Town) -> None:
    """Each datastream comes with its newest value, quality, age, trend and standing severity."""
    town.flood()
    found = {s["id"]: s for s in await get(client, "/api/v1/datastreams")}
    stage = found["qx-bridge-01/stage"]
    assert stage["latest"]["result"] == pytest.approx(4.82)
    assert stage["latest"]["quality"] == 1
    assert stage["latest"]["age_s"] == 0
    assert stage["trend"] == "rising"
    assert stage["trend_per_h"] == pytest.approx(1.2)
    assert stage["severity"] == "extreme"
    assert not stage["silent"]
    assert found["pump-07/flow"]["latest"] is None
    assert found["pump-07/flow"]["silent"]


async def test_age_grows_and_turns_into_silence(client: TestClient, town: Town) -> None:
    """A value that nobody renews grows old, and its stream is silent before anyone is asked."""
    town.observe("qx-bridge-01/stage", (0, 3.0))
    assert not (await get(client, "/api/v1/datastreams/qx-bridge-01/stage"))["silent"]
    town.clock.advance(3600)
    found = await get(client, "/api/v1/datastreams/qx-bridge-01/stage")
    assert found["latest"]["age_s"] == 3600
    assert found["silent"]


async def test_null_and_future_observations_do_not_mislead(client: TestClient, town: Town) -> None:
    """A null is shown as the newest with its quality; one from the future is not the present."""
    town.observe("qx-bridge-01/stage", (120, 3.0), (60, None), quality=4, why="4-20 mA\x00 below")
    town.observe("qx-bridge-01/stage", (-7200, 9.0), lateness=3)
    latest = (await get(client, "/api/v1/datastreams/qx-bridge-01/stage"))["latest"]
    assert latest["result"] is None
    assert latest["quality"] == 4
    assert latest["why"] == "4-20 mA below"


async def test_cells_are_sighted_or_blind(client: TestClient, town: Town) -> None:
    """A cell whose sensors are all silent or faulty is blind and says why in both languages."""
    town.observe("qx-bridge-01/stage", (0, 3.0))
    town.observe("mill-02/smoke", (0, 0.1))
    town.observe("mill-02/temp", (0, 20.0))
    town.find("mill-02/temp", Severity.MINOR, kind=Kind.FAULT, evidence=Evidence(detector="x"))
    cells = {c["id"]: c for c in await get(client, "/api/v1/cells")}
    assert cells["bridge-quarter"]["sighted"]
    assert cells["bridge-quarter"]["responsible"]["name"] == {"en": "Lin Wei", "zh": "林薇"}
    assert cells["mill-lane"]["sighted"]
    assert not cells["north"]["sighted"]
    assert set(cells["north"]["blind_because"]) == {"en", "zh"}


async def test_one_hazard_unseen_makes_a_cell_blind(client: TestClient, town: Town) -> None:
    """All fire sensors silent: blind for fire, whatever undeclared nodes or others still say."""
    town.observe("qx-bridge-01/stage", (0, 3.0))
    town.learn("stray-09", "temp", "old-mill", "Cel")
    town.observe("stray-09/temp", (0, 20.0))
    cells = {c["id"]: c for c in await get(client, "/api/v1/cells")}
    assert cells["bridge-quarter"]["sighted"]
    assert not cells["mill-lane"]["sighted"]
    assert cells["mill-lane"]["blind_because"] == {
        "en": "Old mill: no working sensor for fire",
        "zh": "老磨坊：火警传感器全部中断或故障",
    }
    town.observe("mill-02/smoke", (0, 0.1))
    assert {c["id"]: c for c in await get(client, "/api/v1/cells")}["mill-lane"]["sighted"]


async def test_incident_has_evidence_timeline_and_masked_addresses(
    client: TestClient, town: Town
) -> None:
    """An incident shows its evidence, timeline and who was told - no number, no link."""
    name = town.flood()
    listed = await get(client, "/api/v1/incidents?status=open")
    assert [i["id"] for i in listed] == [name]
    response = await client.get(f"/api/v1/incidents/{listed[0]['code'].lower()}")
    text = await response.text()
    detail = json.loads(text)
    assert detail["conditions"][0]["evidence"]["limit"] == 4.5
    assert len(detail["conditions"][0]["evidence"]["window"]) == 61
    assert detail["timeline"][0]["kind"] == "raised"
    assert detail["notifications"][0]["address"] == "+86…1234"
    assert "3800001234" not in text
    assert town.tokens
    assert town.tokens[0] not in text


async def test_observations_come_through_history(client: TestClient, town: Town) -> None:
    """A range is [start, end), oldest first, null as null, and says when it was cut."""
    town.observe("qx-bridge-01/stage", *[(float(60 * i), float(i)) for i in range(10, 0, -1)])
    town.observe("qx-bridge-01/stage", (30, None))
    path = "/api/v1/datastreams/qx-bridge-01/stage/observations"
    whole = await get(client, path)
    assert [o["result"] for o in whole["observations"]] == [10, 9, 8, 7, 6, 5, 4, 3, 2, 1, None]
    cut = await get(client, f"{path}?limit=3")
    assert [o["result"] for o in cut["observations"]] == [2, 1, None]
    assert cut["truncated"]
    start = from_us(START_US - 300_000_000).isoformat().replace("+00:00", "Z")
    end = from_us(START_US - 120_000_000).isoformat()
    part = await get(client, f"{path}?start={start}&end={end}")
    assert [o["result"] for o in part["observations"]] == [5, 4, 3]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/nothing", 404),
        ("/api/v1/incidents/ZZZ", 404),
        ("/api/v1/datastreams/a/b", 404),
        ("/api/v1/incidents?status=odd", 400),
        ("/api/v1/incidents?limit=0", 400),
        ("/api/v1/incidents?limit=1e9", 400),
        (f"{STAGE}?start=yesterday", 400),
        (f"{STAGE}?start=2026-11-23T14:05:00", 400),
        (f"{STAGE}?end=1971-01-01T00:00:00Z&start=1972-01-01T00:00:00Z", 400),
    ],
)  # fmt: skip
async def test_every_error_is_a_problem_with_words(
    client: TestClient, path: str, status: int
) -> None:
    """Errors are problem+json with words in two languages."""
    response = await client.get(path)
    assert response.status == status
    assert response.content_type == "application/problem+json"
    body = json.loads(await response.text())
    assert body["status"] == status
    assert body["detail"]
    assert body["detail_zh"]


async def test_document_is_valid_and_has_every_route(client: TestClient) -> None:
    """A validator accepts the document, and it has exactly the doors that the server has."""
    document = await get(client, "/api/v1/openapi.json")
    validate(document)
    described = {(m.upper(), p) for p, item in document["paths"].items() for m in item}
    served = {
        (route.method, route.resource.canonical)
        for route in client.app.router.routes()
        if route.resource and route.method != "HEAD"
    }
    assert described == served
    assert len(described) == len(ROUTES)
    ids = [o["operationId"] for item in document["paths"].values() for o in item.values()]
    assert len(ids) == len(set(ids))


async def test_real_answers_fit_the_document(client: TestClient, town: Town) -> None:
    """What is really answered is what the document says, problems included."""
    name = town.flood()
    town.log.quarantine(received_us=START_US, door="mqtt", reason="no JSON", payload=b"\xff{")
    document = await get(client, "/api/v1/openapi.json")
    for path in GET_ALL:
        real = path.replace("{id}", name)
        content = await get(client, real)
        check(document, template(document, real), "200", content)
    missing = await get(client, "/api/v1/incidents/ZZZ", 404)
    check(document, "/api/v1/incidents/{incident}", "default", missing)


def template(document: dict[str, Any], real: str) -> str:
    """Return the path of the document that ``real`` is one of."""
    for path in document["paths"]:
        parts, given = path.split("/"), real.split("/")
        fits = all(a == b or a.startswith("{") for a, b in zip(parts, given, strict=False))
        if len(parts) == len(given) and fits:
            return str(path)
    raise AssertionError(real)


def check(document: dict[str, Any], path: str, status: str, content: object) -> None:
    """Refuse ``content`` that does not fit the schema of this answer, or has more than it."""
    answers = document["paths"][path]["get"]["responses"][status]["content"]
    (media,) = answers
    closed = json.loads(json.dumps(document["components"]))
    for schema in closed["schemas"].values():
        if schema.get("type") == "object":
            schema["additionalProperties"] = False
    schema = {**answers[media]["schema"], "components": closed}
    Draft202012Validator(schema).validate(content)


async def test_numbers_are_finite_json(client: TestClient, town: Town) -> None:
    """No answer holds NaN or infinity, whatever a sensor sent."""
    town.observe("qx-bridge-01/stage", (3, 1e308), (2, -1e308), (1, 1e308), (0, 1e308))
    text = await (await client.get("/api/v1/datastreams")).text()
    found = json.loads(text, parse_constant=pytest.fail)
    assert all(math.isfinite(s["trend_per_h"] or 0.0) for s in found)


async def test_losses_are_told_by_node_and_hour(client: TestClient, town: Town) -> None:
    """The loss ledger comes in sum, the worst first, and hour by hour, also as a page."""
    hour = START_US // HOUR_US
    ledger = Losses(town.connection)
    with transaction(town.connection):
        ledger.add([Counts(hour=hour, node="qx-bridge-01", received=90, late=3)])
        ledger.add([Counts(hour=hour, node="pump-07", received=5, quarantined=2)])
        ledger.skipped([("pump-07", "b", 4, 9, START_US)])
    found = await get(client, "/api/v1/losses")
    assert [(n["node"], n["received"], n["missing"]) for n in found["nodes"]] == [
        ("pump-07", 5, 6),
        ("qx-bridge-01", 90, 0),
    ]
    assert {h["node"] for h in found["hours"]} == {"pump-07", "qx-bridge-01"}
    only = await get(client, "/api/v1/losses?node=pump-07")
    assert [h["missing"] for h in only["hours"]] == [6]
    assert (
        await get(client, "/api/v1/losses?start=2020-01-01T00:00:00Z&end=2020-01-02T00:00:00Z")
    )["nodes"] == []
    page = await (await client.get("/ledger?lang=en")).text()
    assert '<td class="number bad">6</td>' in page
    assert "损失账" in await (await client.get("/ledger")).text()
