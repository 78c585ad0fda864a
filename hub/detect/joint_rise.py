"""Fire: smoke (or CO) and temperature of one room rising together, against their own noise.

Each channel's rise at two time scales is divided by its own usual rise; one channel far
above it, or two clearly above it at once, is the sign of fire. While one room of a building
burns, less is enough in the others. What is usual is learnt slowly, with a delay, so that a
fire does not teach it. Source: multi-criteria fire
detection (EN 54-31, ISO 7240-15); scales and limits fitted on NIST house fires (NIST TN
1455), with quiet nights as the false-alarm side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hub.detect.joint_rise_words import CHANNELS, Seen, step_of
from hub.detect.live import Readings, readings, skips
from hub.detect.settings import between, positive
from hub.detect.table import Table
from hub.instant import MICROSECONDS
from hub.model.network import Hazard

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from hub.detect.live import One
    from hub.model.network import Datastream, Site
    from hub.model.observation import Batch
    from hub.model.rule import Rule
    from hub.model.transition import Transition

    Floats = NDArray[np.float64]

Rise = tuple[int, float, float]

SCALES: Final = ((1, 6, 2), (2, 12, 3))  # mean of the last k against L readings ending g ago
KEPT: Final = 16
DELAY: Final = 12
WARM_UP: Final = 60
MEMORY: Final = 720.0
CLIP: Final = 4.0
CALM: Final = 0.99  # of the least limit; a mean of two rises exceeds it only if one of them does
NORMAL: Final = 1.25  # a deviation is 1.25 times the mean absolute one
FRESH_US: Final = 60 * MICROSECONDS
STEP_US: Final = MICROSECONDS
NEVER: Final = -(2**62)
FLOORS: Final = {"Cel": 0.05, "1/m": 0.0005, "[ppm]": 0.5, "%": 0.1}
OTHER_FLOOR: Final = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class JointRiseSettings:
    """Limits in units of the channel's own noise, for the fast scale and the slow one.

    ``hold_s``: the condition clears when nothing rose for so many seconds of data.
    ``beside``: the share of each limit that is enough while another room of the site stands.

    Raises:
        ValueError: unless all are positive and finite, and ``beside`` at most 1.
    """

    heat: float = 11.0
    heat_slow: float = 15.0
    smoke: float = 6.0
    smoke_slow: float = 8.5
    joint: float = 5.0
    joint_slow: float = 5.5
    hold_s: float = 600.0
    beside: float = 0.6

    def __post_init__(self) -> None:
        between(0.01, 1.0, beside=self.beside)
        positive(heat=self.heat, heat_slow=self.heat_slow, smoke=self.smoke)
        positive(smoke_slow=self.smoke_slow, joint=self.joint, joint_slow=self.joint_slow)
        positive(hold_s=self.hold_s)


@dataclass(slots=True)
class Room:
    """What one room's channels said last; ``rises`` maps a slot to (time_us, fast, slow).

    ``loud`` are the slots whose last rise could be part of a fire.
    """

    site: str
    name: str
    name_zh: str
    rises: dict[int, Rise]
    loud: set[int] = field(default_factory=set)
    last_us: int = NEVER
    standing: bool = False


class JointRise:
    """Follows the fire channels of each room."""

    def __init__(self, settings: JointRiseSettings, rule: Rule, sites: Mapping[str, Site]) -> None:
        del sites  # a building is one site
        self._settings = settings
        self._rule = rule
        self._limits = {
            "heat": (settings.heat, settings.heat_slow),
            "smoke": (settings.smoke, settings.smoke_slow),
        }
        self._joint = (settings.joint, settings.joint_slow)
        least = min(*self._limits["heat"], *self._limits["smoke"], *self._joint)
        self._least = CALM * settings.beside * least
        self._streams: dict[int, Datastream] = {}
        self._room_of: dict[int, str] = {}
        self._rooms: dict[str, Room] = {}
        self._of_site: dict[str, list[Room]] = {}
        self._floor = Table(floor=OTHER_FLOOR)
        self._table = Table(
            due_us=np.int64(NEVER),
            count=np.int64(0),
            results=np.full(KEPT, np.nan),
            delayed=np.full((2, DELAY), np.nan),
            usual=np.full(2, np.nan),
        )

    def bind(self, stream: Datastream) -> None:
        """Take a fire channel into its room, or its node where no room is named."""
        if stream.hazard is not Hazard.FIRE or stream.measured not in CHANNELS:
            return
        row = self._table.add(stream.slot)
        self._floor.add(stream.slot)
        self._floor["floor"][row] = FLOORS.get(stream.unit, OTHER_FLOOR)
        name = stream.room or stream.node
        place = f"{stream.site}/{name}"
        self._streams[stream.slot] = stream
        self._room_of[stream.slot] = place
        if place not in self._rooms:
            room = Room(site=stream.site, name=name, name_zh=stream.room_zh or name, rises={})
            self._rooms[place] = room
            self._of_site.setdefault(stream.site, []).append(room)

    def update(self, batch: Batch, said: Sequence[Transition]) -> list[Transition]:
        """Return ``said`` and the rooms that began or ceased to look like fire."""
        seen = readings(batch, self._table)
        rises = np.full((len(seen.row), len(SCALES)), np.nan)
        for places in self._table.thinned(seen.row, seen.time_us, "due_us", STEP_US):
            rises[places] = self._rises(seen.take(places))
        known = np.flatnonzero(np.isfinite(rises[:, 0]))
        own: list[Transition] = []
        for i, slot in zip(
            known.tolist(), self._table.slots[seen.row[known]].tolist(), strict=True
        ):
            room = self._rooms[self._room_of[slot]]
            self._keep(room, slot, (int(seen.time_us[i]), float(rises[i, 0]), float(rises[i, 1])))
            if room.loud or room.standing:
                own += self._judge(room, slot, seen.take(np.array([i])))
        return [*said, *own]

    def usual(self, one: One) -> bool:
        """Pass over what is no fire channel, or comes too soon."""
        return skips(self._table, one)

    def tick(self, now_us: int, offset: int) -> list[Transition]:  # noqa: ARG002  silence clears nothing
        """Time alone neither lights nor ends a fire."""
        return []

    def dump(self) -> dict[str, object]:
        """Return the channels' noise and what the rooms said last."""
        rooms = {
            place: {
                "rises": {str(slot): list(rise) for slot, rise in room.rises.items()},
                "last_us": room.last_us,
                "standing": room.standing,
            }
            for place, room in self._rooms.items()
        }
        return {"rows": self._table.dump(), "rooms": rooms}

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore them."""
        self._table.load(state["rows"])
        for place, kept in state["rooms"].items():
            if place in self._rooms:
                room = self._rooms[place]
                room.last_us, room.standing = kept["last_us"], kept["standing"]
                room.rises = {
                    int(slot): (int(rise[0]), rise[1], rise[2])
                    for slot, rise in kept["rises"].items()
                }
                room.loud = {slot for slot, rise in room.rises.items() if self._is_loud(rise)}

    def _rises(self, now: Readings) -> Floats:
        """Return each channel's rise at both scales in its own noise; NaN while warming up."""
        table, row = self._table, now.row
        ring = np.concatenate([now.result[:, None], table["results"][row, :-1]], axis=1)
        table["results"][row] = ring
        table["count"][row] += 1
        count = table["count"][row]
        steps = np.stack(
            [ring[:, :k].mean(axis=1) - ring[:, g : g + n].mean(axis=1) for k, n, g in SCALES],
            axis=1,
        )
        usual = self._usual(row, count, np.abs(steps))
        floor = self._floor["floor"][row][:, None]
        noise = np.sqrt((NORMAL * usual) ** 2 + floor**2)
        return np.where((count >= WARM_UP)[:, None], steps / noise, np.nan)

    def _usual(self, row: NDArray[np.intp], count: NDArray[np.int64], size: Floats) -> Floats:
        """Learn what rise is usual, DELAY readings late and clipped; return it."""
        table = self._table
        come = table["delayed"][row, :, -1]
        table["delayed"][row] = np.concatenate(
            [size[:, :, None], table["delayed"][row, :, :-1]], axis=2
        )
        old = table["usual"][row]
        gain = np.maximum(1 / MEMORY, 1 / np.maximum(count - DELAY - KEPT + 1, 1))[:, None]
        bounded = np.where(gain > 1 / DELAY, come, np.minimum(come, CLIP * old))
        learnt = np.where(np.isnan(old), come, old + gain * (bounded - old))
        table["usual"][row] = np.where(np.isnan(come), old, learnt)
        return np.where(np.isnan(table["usual"][row]), 0.0, table["usual"][row])

    def _keep(self, room: Room, slot: int, rise: Rise) -> None:
        """Note a channel's last rise, and whether the room must be looked at because of it."""
        room.rises[slot] = rise
        if self._is_loud(rise):
            room.loud.add(slot)
        else:
            room.loud.discard(slot)

    def _is_loud(self, rise: Rise) -> bool:
        return rise[1] > self._least or rise[2] > self._least

    def _judge(self, room: Room, slot: int, one: Readings) -> list[Transition]:
        """Look at the room of one reading, as it stands with this reading."""
        now_us = int(one.time_us[0])
        found = self._fire(room, slot, now_us, self._ease(room))
        if found:
            room.last_us = now_us
        hold_us = self._settings.hold_s * MICROSECONDS
        after = bool(found) or (room.standing and now_us - room.last_us < hold_us)
        if after == room.standing:
            return []
        room.standing = after
        return [self._said(room, one, found or (slot, slot, 0.0, 0.0))]

    def _ease(self, room: Room) -> float:
        """Return what share of each limit is enough in ``room``."""
        beside = any(other.standing for other in self._of_site[room.site] if other is not room)
        return self._settings.beside if beside else 1.0

    def _fire(
        self, room: Room, slot: int, now_us: int, ease: float
    ) -> tuple[int, int, float, float] | None:
        """Return (slot, other slot, statistic, limit) of what looks like fire, or None."""
        own = room.rises[slot]
        channel = CHANNELS[self._streams[slot].measured]
        for scale, limit in enumerate(self._limits[channel]):
            if own[1 + scale] > ease * limit:
                return slot, slot, own[1 + scale], ease * limit
        for other, rise in room.rises.items():
            if CHANNELS[self._streams[other].measured] == channel or now_us - rise[0] > FRESH_US:
                continue
            for scale, limit in enumerate(self._joint):
                both = own[1 + scale], rise[1 + scale]
                if min(both) > 0 and math.sqrt(both[0] * both[1]) > ease * limit:
                    return slot, other, math.sqrt(both[0] * both[1]), ease * limit
        return None

    def _said(self, room: Room, one: Readings, found: tuple[int, int, float, float]) -> Transition:
        slot, other, statistic, limit = found
        rooms = self._of_site[room.site]
        names = (room.name, room.name_zh)
        burning = sum(each.standing for each in rooms), len(rooms)
        streams = [self._streams[one_slot] for one_slot in sorted({slot, other})]
        seen = Seen(
            room=names, streams=streams, statistic=statistic, limit=limit, burning=burning,
            raised=room.standing,
        )  # fmt: skip
        return step_of(self._rule, self._streams[slot], self._streams[other], one, seen)
