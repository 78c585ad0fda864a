"""The hub's own observation message (design: contracts), decoded strictly and in one go."""

from __future__ import annotations

import re
from datetime import datetime
from hashlib import blake2b
from operator import gt
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from hub.clock import MICROSECONDS
from hub.errors import DecodeError
from hub.ingest.decoders.base import LATEST_US, NO_TIME, NOTHING_GONE, Bad, Decoded
from hub.ingest.decoders.guard import DEEPEST, too_deep
from hub.model.observation import Quality

if TYPE_CHECKING:
    from hub.ingest.topics import PayloadMapping

VERSION: Final = 1
LARGEST_SEQ: Final = 2**63 - 1
WHY_LENGTH: Final = 200

Aware = Annotated[datetime, msgspec.Meta(tz=True)]
Boot = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}\Z")]
Seq = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_SEQ)]
NOT_TOLD: Final = msgspec.Raw(b"")
NOT_GONE: Final = msgspec.Raw(NOTHING_GONE)  # read leniently: it must not cost an observation

NODE_FLAGS: Final = {
    "pass": 0,
    "suspect": int(Quality.SUSPECT),
    "fail": int(Quality.FAIL),
    "missing": int(Quality.MISSING),
}


class Envelope(msgspec.Struct, gc=False):
    """One message; ``obs`` stays raw, for its digest and so that one bad one is alone."""

    v: int
    boot: Boot
    seq: Seq
    obs: msgspec.Raw
    late: bool = False
    sent: Aware | None = None
    up: float | None = None
    low: msgspec.Raw = NOT_TOLD
    gone: msgspec.Raw = NOT_GONE


class Item(msgspec.Struct, gc=False):
    """One observation on the wire."""

    ds: str
    r: float | None
    t: Aware | None = None
    t0: Aware | None = None
    tu: float | None = None
    u: str | None = None
    q: str | None = None
    why: str | None = None


class Identity(msgspec.Struct):
    """What is needed to answer for a message that cannot be read otherwise."""

    boot: Boot
    seq: Seq


class NativeDecoder:
    """Reads observation messages of version 1; fields it does not know are ignored."""

    def __init__(self) -> None:
        self._envelope = msgspec.json.Decoder(Envelope)
        self._many = msgspec.json.Decoder(list[Item])
        self._raw = msgspec.json.Decoder(list[msgspec.Raw])
        self._one = msgspec.json.Decoder(Item)

    def decode(
        self,
        payload: bytes,
        mapping: PayloadMapping | None = None,  # noqa: ARG002  the native payload needs none
    ) -> Decoded:
        """Return the columns of one message.

        Raises:
            DecodeError: the envelope cannot be read, or is of another version.
        """
        if too_deep(payload):
            raise DecodeError(f"nests deeper than {DEEPEST} levels")
        envelope = self._open(payload)
        content = bytes(envelope.obs)
        positions, items, bad = self._items(content)
        decoded = Decoded(
            boot=envelope.boot,
            seq=envelope.seq,
            digest=blake2b(content, digest_size=16).digest(),
            sent_us=None if envelope.sent is None else instant_us(envelope.sent),
            up_s=envelope.up,
            late=envelope.late,
            low=bytes(envelope.low),
            gone=bytes(envelope.gone),
        )
        fill(decoded, positions, items)
        if bad or not sound(decoded):
            sift(decoded, positions, items, bad, content)
        return decoded

    def _open(self, payload: bytes) -> Envelope:
        try:
            envelope = self._envelope.decode(payload)
        except msgspec.ValidationError as error:
            raise DecodeError(reason_of(payload, error)) from error
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise DecodeError(f"not JSON: {error}") from error
        if envelope.v != VERSION:
            raise DecodeError(f"version {envelope.v}: this hub reads {VERSION}")
        return envelope

    def _items(self, content: bytes) -> tuple[list[int], list[Item], list[Bad]]:
        """Return (positions, observations, bad ones)."""
        try:
            items = self._many.decode(content)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return self._one_by_one(content)
        return list(range(len(items))), items, []

    def _one_by_one(self, content: bytes) -> tuple[list[int], list[Item], list[Bad]]:
        positions, items, bad = [], [], []
        try:
            raws = self._raw.decode(content)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise DecodeError(f"obs: {error}") from error
        for pos, raw in enumerate(raws):
            try:
                items.append(self._one.decode(raw))
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
                bad.append(Bad(pos, words_of(error), bytes(raw)))
            else:
                positions.append(pos)
        return positions, items, bad


def identity_of(payload: bytes) -> tuple[str, int] | None:
    """Return (boot, seq) of a message that cannot be read otherwise, or None."""
    if too_deep(payload):
        return None
    try:
        identity = msgspec.json.decode(payload, type=Identity)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    return identity.boot, identity.seq


def instant_us(instant: datetime) -> int:
    """Return an aware instant in microseconds since 1970; before it, ``NO_TIME`` or less."""
    return round(instant.timestamp() * MICROSECONDS)


def fault_of(item: Item) -> str:
    """Return what is wrong with the times of ``item``, or nothing."""
    if item.t is None:
        return ""
    if not 0 <= instant_us(item.t) <= LATEST_US:
        return "t: before 1970 or after 2262"
    if item.t0 is not None and item.t0 > item.t:
        return "t0: after t"
    return ""


def sound(decoded: Decoded) -> bool:
    """Say whether the times of all observations can be used as they are."""
    times_us = decoded.times_us
    if times_us and not (min(times_us) >= NO_TIME and max(times_us) <= LATEST_US):
        return False
    return not any(map(gt, decoded.starts_us, times_us))


def fill(decoded: Decoded, positions: list[int], items: list[Item]) -> None:
    """Lay ``items`` out as the columns of ``decoded``."""
    decoded.positions = positions
    decoded.names = [item.ds for item in items]
    decoded.times_us = [NO_TIME if (t := i.t) is None else instant_us(t) for i in items]
    decoded.starts_us = [NO_TIME if (t := i.t0) is None else instant_us(t) for i in items]
    decoded.ups_s = [item.tu for item in items]
    decoded.results = [item.r for item in items]
    decoded.units = [item.u for item in items]
    decoded.flags = [0 if i.q is None and i.r is not None else flag_of(i) for i in items]
    decoded.whys = [None if (w := i.why) is None else w[:WHY_LENGTH] for i in items]


def flag_of(item: Item) -> int:
    """Return the node's own quality flag; a word the hub does not know is suspect."""
    if item.q is None:
        return int(Quality.MISSING) if item.r is None else 0
    flag = NODE_FLAGS.get(item.q, int(Quality.SUSPECT))
    return max(flag, int(Quality.FAIL)) if item.r is None else flag


def sift(
    decoded: Decoded, positions: list[int], items: list[Item], bad: list[Bad], content: bytes
) -> None:
    """Lay out what is right and set aside what is not."""
    raws = msgspec.json.decode(content, type=list[msgspec.Raw])
    faults = [fault_of(item) for item in items]
    wrong = [
        Bad(pos, fault, bytes(raws[pos]))
        for pos, fault in zip(positions, faults, strict=True)
        if fault
    ]
    right = [n for n, fault in enumerate(faults) if not fault]
    fill(decoded, [positions[n] for n in right], [items[n] for n in right])
    decoded.bad = sorted(bad + wrong, key=lambda one: one.pos)


def reason_of(payload: bytes, error: msgspec.ValidationError) -> str:
    """Return the most telling reason: what it is, its version, then what is wrong where."""
    try:
        fields = msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
    except msgspec.ValidationError:
        return "not an object"
    except (msgspec.DecodeError, UnicodeDecodeError) as broken:
        return f"not JSON: {broken}"
    version = fields.get("v")
    if version is None:
        return "version: the field v is missing"
    if bytes(version) != str(VERSION).encode():
        return f"version {bytes(version)[:20].decode(errors='replace')}: this hub reads {VERSION}"
    return words_of(error)


def words_of(error: Exception) -> str:
    """Return a decoder's complaint with the field's name first."""
    text = str(error)
    place = re.search(r"at `\$(?:\[\d+\])?\.?([^`]*)`", text)
    missing = re.search(r"missing required field `(\w+)`", text)
    name = (place and place[1]) or (missing and missing[1])
    return f"{name}: {text}" if name else text
