"""Bytes and values gone wrong, from dice: what generators of every door are made of."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence


class Raw(str):
    """A piece of JSON that is written as it stands."""

    __slots__ = ()


NUMBERS: Final = (
    "NaN",
    "Infinity",
    "-Infinity",
    "1e400",
    "-1e400",
    "1e308",
    "-1e308",
    "5e-324",
    "-0",
    "-0.0",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "1" + "0" * 400,
    "1" * 5000,
    "0x10",
    "01",
    "+1",
    ".5",
    "1.",
    "1e",
    "1_000",
    "0.1e-7",
    "1e15",
    "1e300",
    "-1",
    "4294967296",
    "2147483648",
    "1.7976931348623157e308",
    "123456789012345678",
)
TEXTS: Final = (
    "",
    " ",
    "\0",
    "a\0b",
    "\u202eevil",
    "\ufeff",
    "\u200b",
    "ѕtage",
    "ｓtage",
    "a" * 65,
    "a" * 5000,
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "'; DROP TABLE message;--",
    "%00",
    "${jndi:x}",
    "\r\nSet-Cookie: a=b",
    "=cmd|' /C calc'!A0",
    "水位",
    "😀" * 20,
    "null",
    "true",
    "1",
    "#",
    "+",
    "$SYS",
    "\x7f\x1b[2J",
    "a/b",
    "a b",
    "-",
    "_",
    "9" * 19,
    "NaN",
    "\U0010ffff",
)
TIMES: Final = (
    "1970-01-01T00:00:00Z",
    "1969-12-31T23:59:59Z",
    "2038-01-19T03:14:08Z",
    "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00Z",
    "2026-06-30T23:59:60Z",
    "2026-02-30T00:00:00Z",
    "2026-11-24T12:00:00",
    "2026-11-24",
    "2026-11-24T24:00:00Z",
    "2262-04-11T23:47:17Z",
    "2263-01-01T00:00:00Z",
    "2026-11-24T12:00:00+14:00",
    "2026-11-24T12:00:00-23:59",
    "2026-11-24T12:00:00+25:00",
    "2026-W48-2",
    "1795000000",
    "now",
    "",
    "2026-11-24T12:00:00.123456789Z",
    "0000-00-00T00:00:00Z",
    "2026-11-24T12:00:00z",
    "2026-11-24 12:00:00Z",
    "٢٠٢٦-11-24T12:00:00Z",
    "2026-3-29T02:30:00Z",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
)


def value(dice: random.Random) -> object:  # noqa: PLR0911  one line each
    """Return a value that nobody expects."""
    kind = dice.randrange(8)
    if kind == 0:
        return Raw(dice.choice(NUMBERS))
    if kind == 1:
        return dice.choice(TEXTS)
    if kind == 2:
        return dice.choice(TIMES)
    if kind == 3:
        return dice.choice((True, False, None, {}, [], [[]], {"a": {}}, [None], [1, 2], "0"))
    if kind == 4:
        return nested(dice.choice((3, 31, 32, 33, 64)))
    if kind == 5:
        return dice.uniform(-1, 1) * 10.0 ** dice.randrange(-320, 308)
    if kind == 6:
        return dice.randrange(-(2**70), 2**70) >> dice.randrange(70)
    return "".join(
        chr(dice.choice((dice.randrange(128), 0x4E00))) for _ in range(dice.randrange(9))
    )


def nested(depth: int) -> list[object]:
    """Return lists in lists."""
    found: list[object] = []
    for _ in range(depth - 1):
        found = [found]
    return found


def written(content: object, dice: random.Random) -> str:
    """Return ``content`` as JSON, with ``Raw`` as it stands and some keys twice."""
    if isinstance(content, Raw):
        return str(content)
    if isinstance(content, dict):
        pairs = [f"{json.dumps(k)}:{written(v, dice)}" for k, v in content.items()]
        if pairs and dice.random() < 0.03:
            pairs.append(f"{json.dumps(dice.choice(list(content)))}:{written(value(dice), dice)}")
        if dice.random() < 0.1:
            dice.shuffle(pairs)
        return "{" + ",".join(pairs) + "}"
    if isinstance(content, list):
        return "[" + ",".join(written(v, dice) for v in content) + "]"
    return json.dumps(content, ensure_ascii=dice.random() < 0.5)


def spoilt(data: bytes, others: Sequence[bytes], dice: random.Random) -> bytes:
    """Return ``data`` with a few bytes changed, cut, doubled, moved or taken from elsewhere."""
    for _ in range(dice.choice((1, 1, 1, 2, 4))):
        if not data:
            return dice.randbytes(dice.randrange(20))
        at = dice.randrange(len(data))
        to = min(len(data), at + dice.randrange(1, 20))
        data = once(data, at, to, others, dice)
    return data


def once(  # noqa: PLR0911  one line each
    data: bytes,
    at: int,
    to: int,
    others: Sequence[bytes],
    dice: random.Random,
) -> bytes:
    """Return ``data`` spoilt in one way between ``at`` and ``to``."""
    kind = dice.randrange(8)
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + bytes((data[at] ^ (1 << dice.randrange(8)),)) + data[at + 1 :]
    if kind == 2:
        return data[:at] + dice.randbytes(dice.randrange(1, 5)) + data[at:]
    if kind == 3:
        return data[:at] + data[to:]
    if kind == 4:
        return data[:to] + data[at:to] * dice.choice((1, 2, 30)) + data[to:]
    if kind == 5:
        other = dice.choice(others)[:2000] if others else b""
        cut = dice.randrange(len(other) + 1)
        return data[:at] + other[cut:]
    if kind == 6:
        token = dice.choice((b"\0", b"\xff", b"\xc3", b'"', b"\\", b"[", b"}", b",", b"NaN", b"-"))
        return data[:at] + token + data[to:]
    return data[:at] + dice.choice(NUMBERS).encode() + data[to:]
