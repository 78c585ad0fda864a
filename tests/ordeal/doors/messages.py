"""Hostile MQTT: payloads, topics, times and numbers, as seeds and from dice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ordeal.doors import mutate
from ordeal.doors.corpus import seeds_of
from ordeal.doors.intake import BOOT, Message

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

NAMES: Final = (
    "qx-bridge-01",
    "h",
    "a" * 64,
    "a" * 65,
    "",
    "+",
    "#",
    "$SYS",
    "a b",
    "a\0b",
    "节点",
    "..",
    "%2e",
    "a/b",
    "-",
    "_",
    "x\u202ey",
)
KINDS: Final = ("obs", "state", "receipt", "OBS", "obs ", "", "obs/x", "#")
STREAMS: Final = (
    ("qx-bridge-01", "qingxi-bridge", "stage", "m"),
    ("om-hall-01", "old-mill", "smoke", "1/m"),
)


def seeds(door: str) -> Iterator[tuple[str, object, str]]:
    """Yield the seeds of ``door`` as messages."""
    for seed in seeds_of(door):
        yield f"{seed.name} ({seed.why})", Message(seed.data, **seed.more), seed.expect


def content(dice: random.Random, seq: int) -> dict[str, Any]:
    """Return a good message's content."""
    names = ("stage", "temp", "x")
    units = ("m", "Cel", "km", "mm", "[ppm]", "1", "")
    obs = [
        {
            "ds": dice.choice(names),
            "t": "2026-11-18T15:06:40Z",
            "r": round(dice.uniform(-5, 50), 3),
            "u": dice.choice(units),
        }
        for _ in range(dice.choice((1, 1, 2, 5)))
    ]
    return {
        "v": 1,
        "boot": BOOT,
        "seq": seq,
        "low": 0,
        "gone": [],
        "late": dice.random() < 0.2,
        "sent": "2026-11-18T15:06:40Z",
        "up": 10.0,
        "obs": obs,
    }


def twisted(dice: random.Random, seq: int) -> str:
    """Return a message one or a few of whose values are not what they should be."""
    message = content(dice, seq)
    for _ in range(dice.choice((1, 1, 2, 3))):
        holder = message if dice.random() < 0.4 else dice.choice(message["obs"] or [{}])
        if not isinstance(holder, dict):
            continue
        key = dice.choice([*holder, "t0", "tu", "q", "why", "x"])
        if dice.random() < 0.1:
            holder.pop(key, None)
        else:
            holder[key] = mutate.value(dice)
        if not isinstance(message.get("obs"), list):
            break
    return mutate.written(message, dice)


def payloads(dice: random.Random) -> Iterator[Message]:
    """Yield hostile payloads for observation, state and foreign topics, without end."""
    known = [seed.data for seed in seeds_of("payload") if len(seed.data) < 5000]
    seq = 0
    while True:
        seq += 1
        text = twisted(dice, seq).encode("utf-8", "surrogatepass")
        if dice.random() < 0.4:
            text = mutate.spoilt(dice.choice((text, dice.choice(known))), known, dice)
        kind = dice.random()
        if kind < 0.08:
            yield Message(state(dice, known), topic="tocsin/v1/elsewhere/NODE/state")
        elif kind < 0.16:
            yield Message(flat(dice, known), topic="farm/NODE/sensor", dup=dice.random() < 0.2)
        elif kind < 0.3:
            node, site, *_ = dice.choice(STREAMS)
            yield Message(text, topic=f"tocsin/v1/{site}/NODE/obs", node=node)
        else:
            yield Message(
                text,
                retain=dice.random() < 0.03,
                dup=dice.random() < 0.05,
                node="crowd" if dice.random() < 0.1 else "",
            )


def state(dice: random.Random, known: list[bytes]) -> bytes:
    """Return a hostile state message."""
    body = {"online": dice.random() < 0.5, "fw": "1", "held": [[BOOT, 0, 5]]}
    body[dice.choice([*body, "queue", "clock"])] = mutate.value(dice)
    text = mutate.written(body, dice).encode("utf-8", "surrogatepass")
    return mutate.spoilt(text, known, dice) if dice.random() < 0.4 else text


def flat(dice: random.Random, known: list[bytes]) -> bytes:
    """Return a hostile flat payload."""
    body: dict[str, object] = {"temperature": 21.5, "humidity": 40}
    body[dice.choice([*body, "other"])] = mutate.value(dice)
    text = mutate.written(body, dice).encode("utf-8", "surrogatepass")
    return mutate.spoilt(text, known, dice) if dice.random() < 0.3 else text


def topics(dice: random.Random) -> Iterator[Message]:
    """Yield good payloads on topics that are nobody's, or somebody else's, without end."""
    seq = 0
    while True:
        seq += 1
        message = mutate.written(content(dice, seq), dice).encode()
        levels = ["tocsin", "v1", dice.choice(NAMES), dice.choice(NAMES), dice.choice(KINDS)]
        for _ in range(dice.choice((0, 0, 1, 2))):
            at = dice.randrange(len(levels))
            levels[at : at + 1] = dice.choice(([], ["", ""], [levels[at]] * 2, ["farm"], ["v2"]))
            levels = levels or ["x"]
        topic = "/".join(levels) or "/"
        if dice.random() < 0.2:
            topic = mutate.spoilt(topic.encode(), [b"#", b"$SYS/", b"\0"], dice).decode(
                "utf-8", "replace"
            )
        if dice.random() < 0.02:
            topic = "tocsin/v1/" + "a" * dice.choice((1000, 65_000))
        yield Message(message, topic=topic or "/", retain=dice.random() < 0.05)


def times(dice: random.Random) -> Iterator[Message]:
    """Yield well-formed messages with times, counts and numbers from everywhere, without end."""
    nodes = [f"clock-{n}" for n in range(50)]
    while True:
        message = content(dice, dice.choice((0, 1, 5, dice.randrange(100), dice.randrange(2**63))))
        message["boot"] = f"{dice.choice((0, 1, 2**64 - 1, dice.randrange(2**64))):016x}"
        message["sent"] = instant(dice)
        message["up"] = count(dice)
        for one in message["obs"]:
            one |= {"t": instant(dice), "tu": count(dice)}
            if dice.random() < 0.3:
                one["t0"] = instant(dice)
        message["low"] = dice.choice((0, mutate.value(dice)))
        message["gone"] = dice.choice(
            ([], [[0, 5]], [[5, 0]], [[0, 2**63 - 1]], mutate.value(dice))
        )
        yield Message(
            mutate.written(message, dice).encode("utf-8", "surrogatepass"),
            node=dice.choice((*nodes, "")),
        )


def instant(dice: random.Random) -> str | None:
    """Return a time as a wrong clock would write it."""
    kind = dice.randrange(5)
    if kind == 0:
        return dice.choice(mutate.TIMES)
    if kind == 1:
        return None
    day, hour = dice.randrange(1, 29), dice.randrange(24)
    year = dice.choice((1970, 2026, 2026, 2038, 2261, dice.randrange(1, 10_000)))
    zone = dice.choice(("Z", "+08:00", "-03:30", "+14:00"))
    return f"{year:04d}-{dice.randrange(1, 13):02d}-{day:02d}T{hour:02d}:30:00{zone}"


def count(dice: random.Random) -> object:
    """Return seconds since a start that may have never been."""
    sign = dice.choice((1, 1, -1))
    return dice.choice((None, 0, 5.0, sign * 10.0 ** dice.uniform(-3, 308), mutate.value(dice)))
