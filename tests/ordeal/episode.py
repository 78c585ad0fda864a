"""One city for a while: built, opened, struck by plan, brought to rest, and asked about."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ordeal.city import Size, as_json, build_city
from ordeal.programs import BROKERS, open_influx, open_scene
from ordeal.stage import Stage
from ordeal.strikes import plan_strikes, plan_trouble

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ordeal.strikes import Kill

FIRST_S: Final = 6.0
SETTLE_S: Final = 90.0
QUIET_S: Final = (0.5, 2.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is done to a city: blows by kind, and how badly the provider behaves.

    Blows come until ``struck_s`` after the start, all through its span for none.
    ``influxd`` is the program, None to do without. ``hub_before`` and ``hub_environment``
    are what the hub is started with.
    """

    size: Size
    broker: str = "nats"
    blows: Mapping[str, int] = field(default_factory=dict)
    struck_s: float | None = None
    aimed: float = 0.9
    held: tuple[bool, ...] = (True, False)
    down_s: tuple[float, float] = (0.1, 1.5)
    troubled: bool = True
    quiet_s: tuple[float, float] = QUIET_S
    influxd: str | None = None
    hub_before: tuple[str, ...] = ()
    hub_environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def last_s(self) -> float:
        """Return when the last blow falls."""
        return self.size.span_s if self.struck_s is None else self.struck_s


def seeded(seed: int | str) -> random.Random:
    """Return dice that fall as they did the last time."""
    return random.Random(seed)  # noqa: S311  chance, no secret


@contextmanager
def at_work(folder: Path, seed: int | str, plan: Plan) -> Iterator[Stage]:
    """Start the whole city, every program a process of its own; end them all."""
    folder.mkdir(parents=True, exist_ok=True)
    city = build_city(folder, seeded(seed), plan.size)
    with ExitStack() as stack:
        influx = open_influx(plan.influxd, folder)
        if influx is not None:
            stack.callback(influx.server.kill)
        scene = open_scene(city, folder / "scene", influx)
        troubles = plan_trouble(seeded(seed), plan.last_s, plan.quiet_s)
        stage = Stage(
            scene=scene,
            city=city,
            broker=BROKERS[plan.broker](scene),
            influx=influx,
            troubles=troubles if plan.troubled else iter(()),
            hub_before=plan.hub_before,
            hub_environment=dict(plan.hub_environment),
        )
        stage.open(stack)
        yield stage


def play(stage: Stage, seed: int | str, plan: Plan) -> tuple[dict[str, Any], list[str]]:
    """Strike by plan, let all come to rest, and return (account, all that is wrong)."""
    dice = seeded(seed)
    strikes = plan_strikes(
        dice, plan.blows, FIRST_S, plan.last_s,
        aimed=plan.aimed, held=plan.held, down_s=plan.down_s,
    )  # fmt: skip
    for strike in strikes:
        if stage.now_s > plan.last_s:
            break  # each took longer than planned: the rest is for another episode
        stage.strike(strike, dice)
    return rest(stage)


def rest(stage: Stage) -> tuple[dict[str, Any], list[str]]:
    """Let everything come back and end, and return (account, all that is wrong)."""
    city = stage.city.size
    stage.until(lambda: stage.now_s >= city.span_s, city.span_s)
    stage.calm()
    late = stage.settle(SETTLE_S)
    stage.close()
    found = stage.ask_oracle()
    wrong = [*late, *found.pop("wrong")]
    account = {**found, **account_of(stage), "dangers": len(stage.city.dangers)}
    if account["lost_when_killed"]:
        wrong.append(
            f"{account['lost_when_killed']} observations had a receipt and were not on disk "
            "when a blow came"
        )
    if account["incidents"] != account["dangers"]:
        wrong.append(f"{account['incidents']} of {account['dangers']} dangers were receipted")
    return account, wrong


def account_of(stage: Stage) -> dict[str, Any]:
    """Return what was struck and what it hit."""
    kills = stage.kills
    of_hub = [kill for kill in kills if kill.kind == "hub"]
    return {
        "seconds": round(stage.now_s),
        "blows": {**Counter(kill.kind for kill in kills), "total": len(kills)},
        "kills": sum(kill.kind != "stopped" for kill in kills),
        "lost_when_killed": max((kill.lost for kill in kills), default=0),
        "kills_on_live_data": share(kill.live for kill in kills),
        "hub_kills_on_unsent_page": share(kill.unsent > 0 for kill in of_hub),
        "hub_kills_on_sent_unrecorded": share(kill.unrecorded > 0 for kill in of_hub),
    }


def share(hits: Iterator[bool]) -> str:
    """Return "hits/all"."""
    found = list(hits)
    return f"{sum(found)}/{len(found)}"


def idle(kills: list[Kill], least: int) -> list[str]:
    """Return what is wrong with the kills themselves: they must land on live work."""
    wrong = []
    if len(kills) < least:
        wrong.append(f"only {len(kills)} kills")
    if (live := sum(kill.live for kill in kills)) * 3 < len(kills) * 2:
        wrong.append(f"only {live} of {len(kills)} kills hit data under way")
    of_hub = [kill for kill in kills if kill.kind == "hub"]
    if (pages := sum(kill.unsent > 0 for kill in of_hub)) * 3 < len(of_hub):
        wrong.append(f"only {pages} of {len(of_hub)} kills of the hub hit an unsent page")
    return wrong


def told(stage: Stage, account: dict[str, Any], wrong: list[str]) -> str:
    """Return a clear account of a failure: what is wrong, every kill, the last words."""
    kills = [as_json(asdict(kill)) for kill in stage.kills]
    shown = {key: value for key, value in account.items() if key != "told"}
    return "\n".join(["", *(f"* {line}" for line in wrong), as_json(shown), *kills, stage.words()])
