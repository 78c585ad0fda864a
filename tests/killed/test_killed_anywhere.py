"""Node, broker and hub killed while observations and incidents flow: short, both brokers.

The long one with InfluxDB is a row of the Ordeal (docs/ordeal.md). The same again:
TOCSIN_SEED=... make test ARGS="tests/killed".
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from brokers import mosquitto_program
from ordeal.city import Size, as_json
from ordeal.episode import Plan, at_work, play, told
from ordeal.programs import plant

import hub

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SEED: Final = int(os.environ.get("TOCSIN_SEED", "20261123"))

# Acknowledgement before commit: the fault that this very test must be able to see.
EARLY: Final = {
    """
            self._store(taken)
            self._held = []
            self._source.confirm(taken)
""": """
            self._source.confirm(taken)
            self._promise(taken)
            self._store(taken)
            self._held = []
""",
    "Receipts(settings.receipt_interval_s)": "Receipts(0.0)",
    """
    def close(self) -> None:
""": """
    def _promise(self, taken):
        import json
        for item in taken:
            said = json.loads(item.payload)
            if "seq" in said:
                topic = item.topic.removesuffix("obs") + "receipt"
                self._receipts.got(topic, said["boot"], said["seq"])
        for topic, payload in self._receipts.due(time.monotonic()):
            self._source.publish(topic, payload)

    def close(self) -> None:
""",
}


@pytest.mark.parametrize("broker", ["nats", pytest.param("mosquitto", marks=pytest.mark.mosquitto)])
def test_killed_anywhere(tmp_path: Path, broker: str, say: Callable[[str], None]) -> None:
    """By the ledgers: nothing lost, nothing twice, everybody told, once more per kill at most."""
    if broker == "mosquitto" and mosquitto_program() is None:
        pytest.skip("mosquitto: not proven here, it is not on PATH")
    blows = {"hub": 2, "node": 1, "broker": 1}
    plan = Plan(size=Size(span_s=15.0, crowd=4), broker=broker, blows=blows, struck_s=11.0)
    with at_work(tmp_path, SEED, plan) as stage:
        account, wrong = play(stage, SEED, plan)
        account.pop("told")
        say(as_json({"seed": SEED, "broker": broker, **account}))
        if not any(kill.live for kill in stage.kills):
            wrong.append("no kill hit data under way")
        if wrong:
            pytest.fail(told(stage, account, wrong), pytrace=False)


def test_acknowledgement_before_commit_fails(tmp_path: Path, say: Callable[[str], None]) -> None:
    """A hub that promises before it has written loses by the same account, and is found out."""
    planted = tmp_path / "planted"
    faulty = plant(planted, Path(hub.__file__).parent, EARLY)
    assert str(planted) in where_is_hub(faulty)
    plan = Plan(
        size=Size(span_s=12.0),
        blows={"hub": 3},
        struck_s=10.0,
        aimed=0.0,
        held=(True,),
        hub_environment=faulty,
    )
    with at_work(tmp_path, SEED, plan) as stage:
        account, wrong = play(stage, SEED, plan)
        account.pop("told")
        say(as_json({"acknowledged_before_commit": True, **account}))
        assert account["lost"] > 0, told(stage, account, ["the fault went unnoticed"])
        assert any("had a receipt and are gone" in line for line in wrong)


def where_is_hub(environment: dict[str, str]) -> str:
    """Return which hub a process with ``environment`` runs."""
    done = subprocess.run(
        [sys.executable, "-c", "import hub; print(hub.__file__)"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout
