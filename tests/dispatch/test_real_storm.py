"""A storm of a thousand sensors through the shipped hub, a real broker and a provider process."""

from __future__ import annotations

import json
import re
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from bench.storm import Storm
from hub.demo.ledgers import read_jsonl

if TYPE_CHECKING:
    from pathlib import Path

SENSORS, SITES = 1000, 100


def get(storm: Storm, path: str) -> Any:  # noqa: ANN401  any JSON
    """Return the JSON at ``path`` of the hub's API."""
    with urllib.request.urlopen(f"{storm.scene.page}api/v1/{path}", timeout=30) as answer:  # noqa: S310
        return json.load(answer)


def reply(storm: Storm, sender: str, text: str) -> None:
    """Let a phone answer by SMS, signed as the provider does."""
    body = json.dumps({"from": sender, "to": "+15550100100", "body": text}).encode()
    address = f"http://127.0.0.1:{storm.scene.provider_port}/reply"
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=30).close()  # noqa: S310


@pytest.mark.slow
def test_a_thousand_sensors_are_few_messages_and_nobody_is_hidden(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each responder gets a page and a list, each sensor stands in the API, one reply takes all."""
    with Storm(tmp_path / "scene", SENSORS, SITES) as storm:
        result = storm.run(watch_s=25.0)
        with capsys.disabled():
            print(f"\nstorm: first page after {result.first_page_s:.3f} s, SMS {result.sms}")  # noqa: T201
        assert result.recorded == SENSORS
        assert result.hidden == 0
        assert len(result.sms) == 3
        assert all(count <= 3 for count in result.sms.values())
        streams = [s for s in get(storm, "datastreams") if s["node"].startswith("storm-")]
        assert [s["severity"] for s in streams] == ["extreme"] * SENSORS
        incidents = get(storm, "incidents?status=open&limit=1000")
        floods = [i for i in incidents if i["site"].startswith("storm-")]
        assert len(floods) == SITES
        assert all(told["state"] in ("sent", "delivered") for i in floods for told in i["told"])
        sms = [e["message"] for e in read_jsonl(storm.scene.provider_ledger) if e["kind"] == "sms"]
        lists = [m for m in sms if "又有" in m["body"]]
        assert len(lists) == 3
        code = re.search(r"回A (\w+)全部接警", lists[0]["body"])
        assert code is not None
        reply(storm, lists[0]["to"], f"全部接警 {code[1]}")
        taken = storm._until("SELECT count(*) FROM incident WHERE status = 'acknowledged'", 32)
        assert taken >= 32
