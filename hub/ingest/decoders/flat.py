"""Flat JSON, as many gateways send it: ``{"temperature":21.5,"humidity":40,"water_leak":true}``.

The mapping says which keys are which datastreams in which units; other keys are
ignored. There is no number in it, so the hub numbers messages as they come.
"""

from __future__ import annotations

import sys
from datetime import datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

import msgspec

from hub.errors import DecodeError
from hub.ingest.decoders.base import LATEST_US, NO_TIME, Bad, Decoded
from hub.ingest.decoders.guard import DEEPEST, too_deep
from hub.ingest.decoders.native import instant_us

if TYPE_CHECKING:
    from hub.ingest.topics import PayloadMapping

SWITCHES: Final = {"on": 1.0, "off": 0.0, "open": 1.0, "closed": 0.0}
LONGEST_VALUE: Final = 200
MILLISECONDS_FROM: Final = 1e11  # larger epochs are in milliseconds


class FlatDecoder:
    """Reads flat objects of numbers and switches through a mapping."""

    def decode(self, payload: bytes, mapping: PayloadMapping | None) -> Decoded:
        """Return the columns of one message.

        Raises:
            DecodeError: it is not a JSON object, or no mapped key is in it.
        """
        if mapping is None:
            raise DecodeError("flat payload: no mapping")
        fields = object_of(payload)
        decoded = Decoded(boot="", seq=-1, digest=blake2b(payload, digest_size=16).digest())
        time_us = own_time(fields, mapping.time)
        decoded.direct = time_us == NO_TIME
        for pos, (key, name) in enumerate(mapping.names.items()):
            if key in fields:
                add(decoded, pos, name, mapping.units.get(name, "1"), fields[key], time_us)
        if not decoded.names and not decoded.bad:
            raise DecodeError("flat payload: none of the mapped keys is in it")
        return decoded


def object_of(payload: bytes) -> dict[str, object]:
    """Return the fields of a JSON object.

    Raises:
        DecodeError: it is not one.
    """
    if too_deep(payload):
        raise DecodeError(f"nests deeper than {DEEPEST} levels")
    try:
        return msgspec.json.decode(payload, type=dict[str, object])
    except msgspec.ValidationError as error:
        raise DecodeError("not an object") from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise DecodeError(f"not JSON: {error}") from error


def add(  # noqa: PLR0917  one row of columns
    decoded: Decoded, pos: int, name: str, unit: str, value: object, time_us: int
) -> None:
    """Append one value to the columns, or set it aside."""
    try:
        result = number_of(value)
    except ValueError as error:
        text = msgspec.json.encode(value)[:LONGEST_VALUE]
        decoded.bad.append(Bad(pos, f"{name}: {error}", text))
        return
    decoded.positions.append(pos)
    decoded.names.append(name)
    decoded.times_us.append(time_us)
    decoded.starts_us.append(NO_TIME)
    decoded.ups_s.append(None)
    decoded.results.append(result)
    decoded.units.append(unit)
    decoded.flags.append(9 if result is None else 0)
    decoded.whys.append(None)


def number_of(value: object) -> float | None:
    """Return a number, a switch (0 or 1) or null.

    Raises:
        ValueError: it is something else.
    """
    if value is None:
        return None
    if isinstance(value, bool | int | float):
        return finite(value)
    if isinstance(value, str) and value.lower() in SWITCHES:
        return SWITCHES[value.lower()]
    raise ValueError("neither a number nor a switch")


def finite(value: float) -> float:
    """Return ``value`` as a float.

    Raises:
        ValueError: it is not finite, or a whole number beyond all floats.
    """
    if not abs(value) <= sys.float_info.max:
        raise ValueError("not finite")
    return float(value)


def own_time(fields: dict[str, object], key: str) -> int:
    """Return the payload's own time (ISO 8601, epoch seconds or milliseconds), or NO_TIME."""
    value = fields.get(key) if key else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not abs(value) < LATEST_US:
            return NO_TIME
        seconds = value / 1000 if abs(value) > MILLISECONDS_FROM else value
        return known(round(seconds * 1e6)) if 0 < seconds < MILLISECONDS_FROM else NO_TIME
    if isinstance(value, str):
        return parsed(value)
    return NO_TIME


def parsed(text: str) -> int:
    """Return an ISO 8601 time with its zone in microseconds, or NO_TIME."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return NO_TIME
    return known(instant_us(instant)) if instant.tzinfo else NO_TIME


def known(time_us: int) -> int:
    """Return ``time_us`` where it can be kept, else NO_TIME: the arrival then stands in."""
    return time_us if 0 <= time_us <= LATEST_US else NO_TIME
