"""Alive, ready, and the numbers for Prometheus."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from typing import TYPE_CHECKING

from hub.console.metrics import Sample, exposition

if TYPE_CHECKING:
    from aiohttp.test_utils import TestClient
    from console_town import Serve, Town

SAMPLE = re.compile(
    r'^([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\\\|\\"|\\n)*",?)+)\})? (-?[0-9.e+-]+|NaN)$'
)


async def test_alive_says_only_that(client: TestClient, town: Town) -> None:
    """/healthz answers whatever else is broken."""
    town.health.ill("broker", "gone")
    assert (await client.get("/healthz")).status == 200


async def test_ready_names_what_is_red(client: TestClient, town: Town) -> None:
    """/readyz is 200 with all required loops well, else 503 with words; history is named."""
    response = await client.get("/readyz")
    body = await response.json()
    assert response.status == 200
    assert body["ready"]
    assert body["checks"]["log"]["ok"]
    assert body["history"]["en"] == "history limited to the local log"
    town.health.ill("broker", "no answer from 127.0.0.1:1883; start the broker")
    response = await client.get("/readyz")
    assert response.status == 503
    assert "1883" in (await response.json())["trouble"][0]["en"]


async def test_a_loop_that_never_started_is_not_ready(serve: Serve) -> None:
    """A required loop nobody heard of is red, not forgotten."""
    async with serve(required=("watch", "nobody")) as client:
        body = await (await client.get("/readyz")).json()
    assert not body["ready"]
    assert body["checks"]["nobody"]["words"] == "not started yet"


async def test_trouble_beside_the_alarm_path_is_not_red(serve: Serve, town: Town) -> None:
    """A failing history store is told but keeps the hub ready; with InfluxDB the words change."""
    town.health.ill("store", "InfluxDB does not answer")
    async with serve(influx=True) as client:
        response = await client.get("/readyz")
        body = await response.json()
    assert response.status == 200
    assert body["trouble"][0]["en"] == "store: InfluxDB does not answer"
    assert "InfluxDB" in body["history"]["en"]


async def test_trouble_in_chinese_is_chinese(client: TestClient, town: Town) -> None:
    """A provider's own English stays in the English words; Chinese says what to do, once."""
    town.health.ill("channel sms", "HTTP 401: Authenticate; check the account and token")
    town.health.ill("rule x-y", "ValueError: nothing")
    body = await (await client.get("/readyz")).json()
    assert {(one["en"].partition(":")[0], one["zh"]) for one in body["trouble"]} == {
        ("channel sms", "渠道 sms异常：通知发不出去，请检查服务商账号与网络"),
        ("rule x-y", "规则 x-y异常：运行出错，请修正规则"),
    }


async def test_a_log_that_takes_no_write_is_red(client: TestClient, town: Town) -> None:
    """/readyz really writes: a store that refuses is 503 with the way out, then recovers."""
    blocker = sqlite3.connect(town.path, isolation_level=None)
    blocker.execute(
        "CREATE TRIGGER full BEFORE INSERT ON meta BEGIN SELECT RAISE(FAIL, 'disk full'); END"
    )
    response = await client.get("/readyz")
    assert response.status == 503
    words = (await response.json())["checks"]["log"]["words"]
    assert "disk full" in words
    blocker.execute("DROP TRIGGER full")
    blocker.close()
    async with asyncio.timeout(10):
        while (await client.get("/readyz")).status != 200:  # noqa: ASYNC110  nothing to wait on
            await asyncio.sleep(0.2)


async def test_metrics_are_well_formed(client: TestClient, town: Town) -> None:
    """Every sample parses, every name has one HELP and one TYPE before it, ages are there."""
    town.flood()
    town.clock.advance(7)
    town.health.count("loop_errors_total", 2, label="watch")
    town.health.gauge("intake-lag seconds", 1.5)
    response = await client.get("/metrics")
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = (await response.text()).splitlines()
    typed: dict[str, str] = {}
    for line in lines:
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in typed
            typed[name] = kind
        elif not line.startswith("#"):
            match = SAMPLE.match(line)
            assert match, line
            assert match[1] in typed
    assert len([x for x in lines if x.startswith("# HELP ")]) == len(typed)
    assert typed["tocsin_loop_errors_total"] == "counter"
    assert 'tocsin_loop_errors_total{of="watch"} 2' in lines
    assert "tocsin_intake_lag_seconds 1.5" in lines
    age = (
        'tocsin_reading_age_seconds{site="qingxi-bridge",node="qx-bridge-01",datastream="stage"} 7'
    )
    assert age in lines
    assert 'tocsin_incidents_open{status="triggered",severity="extreme"} 1' in lines
    assert 'tocsin_check_ok{check="broker"} 1' in lines


def test_labels_are_escaped() -> None:
    """Quotes, backslashes and line ends in a label cannot forge a sample."""
    text = exposition([Sample("tocsin_x", 1.0, (("of", 'a"b\\c\nd'),))])
    assert 'tocsin_x{of="a\\"b\\\\c\\nd"} 1\n' in text
    assert len(text.splitlines()) == 3


async def test_a_missing_store_is_503_with_words(serve: Serve, town: Town) -> None:
    """A store that cannot be opened gives words, not a traceback."""
    async with serve() as client:
        town.path.unlink()
        town.path.mkdir()
        response = await client.get("/api/v1/sites")
        assert response.status == 503
        assert "readyz" in (await response.json(content_type=None))["detail"]
