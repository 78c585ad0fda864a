"""Node, broker, hub and InfluxDB killed at random while observations and incidents flow.

The same again: TOCSIN_SEED=... make test ARGS="tests/killed", with the seed that it says.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from brokers import mosquitto_program
from influx_server import NOT_PROVEN, influxd
from ordeal.account import compare, read_influx
from ordeal.city import as_json, build_city
from ordeal.stage import (
    BROKERS,
    Stage,
    open_influx,
    open_scene,
    plan_strikes,
    plan_trouble,
    plant,
)

import hub

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ordeal.stage import Kill

pytestmark = pytest.mark.slow

SEED: Final = int(os.environ.get("TOCSIN_SEED", "20261123"))
FIRST_S: Final = 6.0
SETTLE_S: Final = 90.0
COUNTS: Final = {"hub": 14, "node": 10, "broker": 8, "influxd": 7}
WITHOUT_INFLUX: Final = {"hub": 16, "node": 12, "broker": 10}

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


@pytest.fixture
def influx_program(say: Callable[[str], None]) -> str | None:
    """An InfluxDB server to run; without one it is said aloud that nothing is proven of it."""
    try:
        return str(influxd())
    except pytest.skip.Exception:
        say(NOT_PROVEN)
        return None


@pytest.mark.timeout(720)
def test_killed_anywhere(
    tmp_path: Path, influx_program: str | None, say: Callable[[str], None]
) -> None:
    """By the ledgers: nothing lost, nothing twice, everybody told, once more per kill at most."""
    counts = COUNTS if influx_program else WITHOUT_INFLUX
    with city_at_work(tmp_path, rows=1000, span_s=180.0, influx_program=influx_program) as stage:
        account, wrong = play(stage, counts, span_s=180.0)
        say(as_json({"broker": "nats-server", **account}))
        wrong += idle(stage.kills)
        if wrong:
            pytest.fail(told(stage, account, wrong), pytrace=False)


@pytest.mark.mosquitto
@pytest.mark.timeout(480)
def test_killed_behind_mosquitto(tmp_path: Path, say: Callable[[str], None]) -> None:
    """The same, shorter, behind the broker of a city."""
    if mosquitto_program() is None:
        pytest.skip("mosquitto: not proven here, it is not on PATH")
    with city_at_work(tmp_path, rows=250, span_s=45.0, broker="mosquitto") as stage:
        account, wrong = play(stage, {"hub": 4, "node": 3, "broker": 4}, span_s=45.0)
        say(as_json({"broker": "mosquitto", **account}))
        if wrong:
            pytest.fail(told(stage, account, wrong), pytrace=False)


@pytest.mark.timeout(480)
def test_acknowledgement_before_commit_fails(tmp_path: Path, say: Callable[[str], None]) -> None:
    """A hub that promises before it has written loses by the same account, and is found out."""
    planted = tmp_path / "planted"
    faulty = plant(planted, Path(hub.__file__).parent, EARLY)
    assert str(planted) in where_is_hub(faulty)
    with city_at_work(tmp_path, rows=300, span_s=50.0, hub_environment=faulty) as stage:
        counts = {"hub": 8, "node": 1, "broker": 1}
        account, wrong = play(stage, counts, span_s=45.0, aimed=0.0, held=(True,))
        say(as_json({"acknowledged_before_commit": True, **account}))
        assert account["lost"] > 0, told(stage, account, ["the fault went unnoticed"])
        assert any("had a receipt and are gone" in line for line in wrong)


def seeded() -> random.Random:
    """Return dice that fall as they did the last time."""
    return random.Random(SEED)  # noqa: S311  chance, no secret


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


@contextmanager
def city_at_work(
    folder: Path,
    *,
    rows: int,
    span_s: float,
    broker: str = "nats",
    influx_program: str | None = None,
    hub_environment: dict[str, str] | None = None,
) -> Iterator[Stage]:
    """Start the whole city, every program a process of its own; end them all."""
    print(f"TOCSIN_SEED={SEED}, in {folder}")  # noqa: T201
    city = build_city(folder, seeded(), rows=rows, span_s=span_s)
    with ExitStack() as stack:
        influx = open_influx(influx_program, folder)
        if influx is not None:
            stack.callback(influx.server.kill)
        scene = open_scene(city, folder / "scene", influx)
        stage = Stage(
            scene=scene,
            city=city,
            broker=BROKERS[broker](scene),
            influx=influx,
            troubles=plan_trouble(seeded(), span_s),
            hub_environment=hub_environment or {},
        )
        stage.open(stack)
        yield stage


def play(
    stage: Stage,
    counts: dict[str, int],
    *,
    span_s: float,
    aimed: float = 0.9,
    held: tuple[bool, ...] = (True, False),
) -> tuple[dict[str, Any], list[str]]:
    """Kill by plan, let all come to rest, and return (account, all that is wrong)."""
    dice = seeded()
    for strike in plan_strikes(dice, counts, FIRST_S, span_s, aimed=aimed, held=held):
        stage.strike(strike, dice)
    stage.calm()
    late = settle(stage)
    stage.close()
    account = account_of(stage)
    return account, [*late, *wrong_data(stage, account), *wrong_pages(stage, account)]


def settle(stage: Stage) -> list[str]:
    """Wait until all is spooled, receipted, told and written; return what did not come true."""
    city, truth, log = stage.city, stage.truth, stage.log

    def spooled() -> bool:
        truth.look()
        return sum(map(len, truth.spooled.values())) >= len(city.readings)

    def receipted() -> bool:
        truth.look()
        return not truth.unreceipted()

    def told() -> bool:
        return log.notified(stage.phones_now()).keys() >= city.dangers.keys()

    def written() -> bool:
        if stage.influx is None:
            return True
        return not log.behind() and len(read_influx(stage.influx)) >= len(city.readings)

    return [
        f"after {SETTLE_S:.0f} quiet seconds not all is {wait.__name__}"
        for wait in (spooled, receipted, told, written)
        if not stage.until(wait, SETTLE_S)
    ]


def account_of(stage: Stage) -> dict[str, Any]:
    """Return what the ledgers show of the whole run."""
    stage.truth.look()
    phones, kills = stage.phones_now(), stage.kills
    truth, logged = stage.truth.observations, stage.log.observations()
    in_log, of_hub = compare(truth, logged), [kill for kill in kills if kill.kind == "hub"]
    promised = {place for place in truth if place[:3] in stage.truth.receipted}
    return {
        "seed": SEED,
        "seconds": round(stage.now_s),
        "kills": {**Counter(kill.kind for kill in kills), "total": len(kills)},
        "observations": len(truth),
        "receipted": len(promised),
        "stored": len(logged),
        "lost": len(promised - {place for place, _ in logged}),
        "lost_when_killed": max((kill.lost for kill in kills), default=0),
        "twice": in_log.twice,
        "changed": in_log.changed + in_log.strange,
        "influx": influx_account(stage),
        "incidents": len(stage.city.dangers),
        "notified": len(told_after_s(stage)),
        "slowest_page_s": round(max(told_after_s(stage).values(), default=0.0), 1),
        "sms": sum(phones.sent.values()),
        "sms_twice": sum(phones.twice.values()),
        "sms_imagined": len(stage.log.imagined(phones)),
        "kills_on_live_data": share(kill.live for kill in kills),
        "kills_on_unsent_page": share(kill.unsent > 0 for kill in kills),
        "hub_kills_on_unsent_page": share(kill.unsent > 0 for kill in of_hub),
        "hub_kills_on_sent_unrecorded": share(kill.unrecorded > 0 for kill in of_hub),
    }


def influx_account(stage: Stage) -> dict[str, int] | None:
    """Return how the bucket compares with the nodes' ledgers; None without InfluxDB."""
    if stage.influx is None:
        return None
    held = read_influx(stage.influx)
    return {"points": len(held), **asdict(compare(stage.truth.observations, held))}


def told_after_s(stage: Stage) -> dict[tuple[str, str], float]:
    """Return how long after each danger began its first SMS was on a phone."""
    began_s = int(stage.scene.clock.split(",")[0]) / 1_000_000
    notified = stage.log.notified(stage.phones)
    return {
        danger: notified[danger] - began_s - onset_s
        for danger, onset_s in stage.city.dangers.items()
        if danger in notified
    }


def share(hits: Iterator[bool]) -> str:
    """Return "hits/all"."""
    found = list(hits)
    return f"{sum(found)}/{len(found)}"


def wrong_data(stage: Stage, account: dict[str, Any]) -> list[str]:
    """Return what the nodes' ledgers say against log and InfluxDB."""
    words = {
        "lost": "observations had a receipt and are gone",
        "lost_when_killed": "observations had a receipt and were not on disk when the kill came",
        "twice": "observations are in the log twice",
        "changed": "observations are not in the log as they were spooled",
    }
    wrong = [f"{account[name]} {said}" for name, said in words.items() if account[name]]
    if account["receipted"] != account["observations"]:
        wrong.append(f"{account['receipted']} of {account['observations']} have a receipt")
    if stage.truth.given_up:
        wrong.append(f"the nodes gave up {stage.truth.given_up[:5]}")
    if not same_readings(stage):
        wrong.append("the nodes did not spool each reading of the recordings exactly once")
    good = {"points": len(stage.city.readings), "missing": 0, "twice": 0, "strange": 0}
    if account["influx"] not in (None, {**good, "changed": 0}):
        wrong.append(f"InfluxDB differs from the ledgers: {account['influx']}")
    return wrong


def same_readings(stage: Stage) -> bool:
    """Say whether the nodes spooled what their recordings say, once under whatever key."""
    start_us = int(stage.scene.clock.split(",")[1])
    spooled = [
        ((node, name, time_us - start_us), result)
        for (node, *_), (name, time_us, result) in stage.truth.observations.items()
    ]
    return len(spooled) == len(stage.city.readings) and dict(spooled) == stage.city.readings


def wrong_pages(stage: Stage, account: dict[str, Any]) -> list[str]:
    """Return what the phones say against the incidents."""
    phones, wrong = stage.phones, []
    hub_kills = account["kills"].get("hub", 0)
    if missing := stage.city.dangers.keys() - told_after_s(stage).keys():
        wrong.append(f"nobody was told of {sorted(missing)}")
    if account["sms_twice"] > hub_kills:
        wrong.append(f"{phones.twice} went out again in {hub_kills} kills of the hub")
    if imagined := stage.log.imagined(phones):
        wrong.append(f"SMS that the hub takes for sent and no phone got: {sorted(imagined)}")
    if unknown := stage.log.unknown(phones):
        wrong.append(f"SMS that the hub knows nothing of: {sorted(unknown)}")
    return wrong


def idle(kills: list[Kill]) -> list[str]:
    """Return what is wrong with the kills themselves: they must land on live work."""
    wrong = []
    if len(kills) < 30:
        wrong.append(f"only {len(kills)} kills")
    if (live := sum(kill.live for kill in kills)) * 3 < len(kills) * 2:
        wrong.append(f"only {live} of {len(kills)} kills hit data under way")
    pages = sum(kill.unsent > 0 for kill in kills if kill.kind == "hub")
    if pages < 5:
        wrong.append(f"only {pages} kills of the hub hit an unsent page")
    return wrong


def told(stage: Stage, account: dict[str, Any], wrong: list[str]) -> str:
    """Return a clear account of a failure: what is wrong, every kill, the last words."""
    kills = [as_json(asdict(kill)) for kill in stage.kills]
    lines = [*(f"* {line}" for line in wrong), as_json(account), *kills, stage.words()]
    return "\n".join(["", f"TOCSIN_SEED={SEED}", *lines])
