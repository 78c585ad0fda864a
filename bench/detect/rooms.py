"""Fires seen from all rooms of a house together, and nights in which somebody cooks.

The rooms of one test of the bench become rooms of one site; alone, each is a site of its
own. A room's lead is counted against half of its own real smoke alarms, the house's
against the first room's. Cooking and steam are simulated, into quiet hours of the very
recordings: shapes after what kitchens and bathrooms do, sizes by choice.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from hub.detect.bench import FIRE_CHANNELS
from hub.detect.stack import Stack
from hub.instant import MICROSECONDS
from hub.model.network import Datastream, Hazard, Severity
from hub.model.observation import Batch, Lateness, Quality
from hub.model.rule import Rule
from hub.model.transition import Change, Kind

if TYPE_CHECKING:
    from pathlib import Path

FIRE: Final = Rule(name="fire", detector="joint_rise", severity=Severity.EXTREME)
HOUR: Final = 720  # readings
BEFORE: Final = 12  # readings before ignition that still count as the fire's
PULSES: Final = {  # smoke in 1/m, heat in K, how long each takes to rise and to fall, readings
    "toast": (0.03, 0.3, 24, 60),
    "frying": (0.01, 2.5, 120, 240),
    "shower steam": (0.02, 1.0, 60, 120),
    "kettle": (0.004, 0.3, 12, 24),
    "oven door": (0.001, 1.5, 12, 60),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """One room of one test; ``ignition`` and ``danger`` in seconds."""

    house: str
    name: str
    times_s: np.ndarray
    channels: dict[str, np.ndarray]
    warmup: int
    ignition: float
    danger: float


def fires(data: Path, score: Any) -> None:  # noqa: ANN401  the bench's module
    """Print leads and false alarms, each room alone and all rooms of a house together."""
    houses: dict[str, list[Room]] = {}
    for room in rooms(data, score):
        houses.setdefault(room.house, []).append(room)
    for words, joined in (("alone ", False), ("joined", True)):
        pairs = [pair for house in houses.values() for pair in told(house, joined=joined)]
        leads = [room.danger - first(room, alarm) for room, alarm in pairs]
        false = sum(early(room, alarm) for room, alarm in pairs)
        found = sum(np.isfinite(leads))
        print(
            f"{'fire, rooms of a house':32} {words} {found} of {len(leads)} found, "
            f"{sum(lead > 0 for lead in leads)} before half of the alarms, median lead "
            f"{np.median(leads):.0f} s, {false} false in {len(houses)} quiet nights"
        )
    kitchens(houses)


def kitchens(houses: dict[str, list[Room]]) -> None:
    """Print how many pulses of each kind one room takes for a fire, and how many rooms then do."""
    seen = np.zeros((len(PULSES), 2), dtype=int)
    count = 0
    for house in houses.values():
        for place, room in enumerate(house):
            disturbed = [pulsed(one) if one is room else one for one in house]
            raised = np.array([hourly(alarm) for _, alarm in told(disturbed, joined=True)])
            seen += np.column_stack([raised[place], raised.sum(axis=0) - raised[place]])
            count += 1
    for kind, (own, others) in zip(PULSES, seen, strict=True):
        print(f"{'  simulated ' + kind:32} taken for fire {own} of {count}, other rooms {others}")


def hourly(alarm: np.ndarray) -> np.ndarray:
    """Return for each kind of pulse whether an alarm began in its hour."""
    begun = np.diff(np.r_[False, alarm].astype(int)) == 1
    return np.array([begun[hour * HOUR : (hour + 1) * HOUR].any() for hour in hours()], dtype=int)


def hours() -> range:
    """Return the quiet hours into which the pulses go, one for each kind."""
    return range(3, 3 + len(PULSES))


def rooms(data: Path, score: Any) -> list[Room]:  # noqa: ANN401
    """Return all rooms of the bench."""
    root = data / "data" / "dev" / "fire"
    labels, found = json.loads((root / "labels.json").read_text()), []
    for name, meta in sorted(json.loads((root / "series.json").read_text()).items()):
        frame = pd.read_csv(root / f"{name}.csv.gz")
        (event,), _ = score.parse_labels(labels[name])
        found.append(
            Room(
                house=name.split("_")[0],
                name=name.split("_")[1],
                times_s=score.secs(frame["time"]),
                channels={c: frame[c].to_numpy(float) for c in FIRE_CHANNELS},
                warmup=meta["warmup"],
                ignition=event["start"],
                danger=event["danger"],
            )
        )
    return found


def told(house: list[Room], *, joined: bool) -> list[tuple[Room, np.ndarray]]:
    """Return each room with the readings at which its alarm stands."""
    stack = Stack((FIRE,), {})
    streams = [
        Datastream(
            slot=2 * place + number, site="house" if joined else room.name, node=room.name,
            name=channel, observed_property=FIRE_CHANNELS[channel][0], hazard=Hazard.FIRE,
            unit=FIRE_CHANNELS[channel][1], room=room.name, interval_s=5.0, declared=True,
        )
        for place, room in enumerate(house)
        for number, channel in enumerate(FIRE_CHANNELS)
    ]  # fmt: skip
    for stream in streams:
        stack.bind(stream)
    whole = together(house)
    alarms = {room.name: np.zeros(len(room.times_s), bool) for room in house}
    last_us = int(whole.time_us[-1])
    said = stack.update(whole) + stack.control("tick", last_us + 60_000_000, len(whole) + 1, {})
    for step in sorted(said, key=lambda one: one.time_us):
        if step.kind is Kind.WORLD:
            name = step.key.rsplit("/", 1)[1]
            room = next(one for one in house if one.name == name)
            after = room.times_s * MICROSECONDS >= step.time_us - 1
            alarms[name][after] = step.change is not Change.CLEARED
    return [(room, alarms[room.name]) for room in house]


def together(house: list[Room]) -> Batch:
    """Return all channels of all rooms in order of time."""
    columns = [values for room in house for values in room.channels.values()]
    stamps = [room.times_s for room in house for _ in room.channels]
    slots = np.concatenate([np.full(len(x), s, np.int32) for s, x in enumerate(columns)])
    times_s = np.concatenate(stamps)
    order = np.lexsort((slots, times_s))
    times = np.round(times_s[order] * MICROSECONDS).astype(np.int64)
    count, offset = len(order), np.arange(1, len(order) + 1, dtype=np.int64)
    return Batch(
        offset=offset, slot=slots[order], time_us=times, start_us=times,
        result=np.concatenate(columns)[order], quality=np.full(count, Quality.PASS, np.int8),
        lateness=np.full(count, Lateness.LIVE, np.int8), received_us=times, message=offset,
    )  # fmt: skip


def first(room: Room, alarm: np.ndarray) -> float:
    """Return when the fire's alarm came, infinity if never."""
    begins = room.ignition - BEFORE * 5.0
    places = np.flatnonzero(alarm & (room.times_s >= begins))
    return float(room.times_s[places[0]]) if len(places) else np.inf


def early(room: Room, alarm: np.ndarray) -> int:
    """Return how many alarms began in the quiet hours."""
    quiet = alarm & (room.times_s < room.ignition - BEFORE * 5.0)
    quiet[: room.warmup] = False
    return int((np.diff(np.r_[False, quiet].astype(int)) == 1).sum())


def pulsed(room: Room) -> Room:
    """Return ``room`` with one pulse of each kind, each in a quiet hour of its own."""
    channels = {name: values.copy() for name, values in room.channels.items()}
    for hour, (smoke, heat, up, down) in zip(hours(), PULSES.values(), strict=True):
        shape = np.r_[np.linspace(0, 1, up), np.exp(-np.arange(HOUR - up) / down)]
        start = hour * HOUR
        channels["smoke"][start : start + HOUR] += smoke * shape
        channels["temp"][start : start + HOUR] += heat * shape
    return replace(room, channels=channels)
