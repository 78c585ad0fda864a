"""What goes over the wire, as pure functions: see docs/payload.md.

A message's number and observations are fixed when it is spooled; ``low``, ``gone``,
``late``, ``sent`` and ``up`` are set each time it is sent.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tocsin_edge import __version__
from tocsin_edge.clock import time_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tocsin_edge.clock import Moment

NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
RECEIPT_BYTES: Final = 1_000_000
WILL: Final = b'{"online":false}'

Span = tuple[int, int]
"""Message numbers from the first to the last, both included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One value a sensor gave, in the datastream's unit; None says that it could not.

    ``quality`` is ``suspect``, ``fail`` or ``missing`` (none: pass); ``why`` says in
    words what is wrong. ``at_us`` is when it was true, if not at the moment of reading;
    ``start_us`` makes it an interval. ``memory`` is what the sensor wants back after a
    restart; it is stored together with the reading or not at all.
    """

    result: float | None
    quality: str = ""
    why: str = ""
    at_us: int | None = None
    start_us: int | None = None
    memory: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the hub has settled of one boot, and what it asks for again."""

    boot: str
    got: tuple[Span, ...] = ()
    refused: tuple[tuple[int, str], ...] = ()
    want: tuple[Span, ...] = ()


def observation(name: str, unit: str, reading: Reading, moment: Moment) -> dict[str, object]:
    """Return ``reading`` of the datastream ``name`` as it stands in ``obs``."""
    result = reading.result
    broken = result is not None and not math.isfinite(result)
    known = moment.known or reading.at_us is not None
    at_us = moment.us if reading.at_us is None else reading.at_us
    start_us = reading.start_us if known else None
    fields: dict[str, object | None] = {
        "ds": name,
        "t0": None if start_us is None else time_text(start_us),
        "t": time_text(at_us) if known else None,
        "tu": None if known else round(moment.up_s, 3),
        "r": None if broken else result,
        "u": unit,
        "q": "fail" if broken else reading.quality or None,
        "why": f"not a number: {result}" if broken else reading.why or None,
    }
    return {k: v for k, v in fields.items() if v is not None or k in ("t", "r")}


def obs_text(observations: Sequence[Mapping[str, object]]) -> str:
    """Return the ``obs`` array as it is spooled and sent, byte for byte."""
    return json.dumps(
        list(observations), ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )


def envelope(
    obs: str,
    *,
    boot: str,
    seq: int,
    low: int,
    gone: Iterable[Span],
    late: bool,
    sent_us: int | None,
    up_s: float | None,
) -> bytes:
    """Return the message that carries the spooled array ``obs`` now."""
    head = {
        "v": 1,
        "boot": boot,
        "seq": seq,
        "low": low,
        "gone": [list(span) for span in gone],
        "late": late,
        "sent": None if sent_us is None else time_text(sent_us),
        "up": None if up_s is None else round(up_s, 3),
    }
    text = json.dumps(head, separators=(",", ":"))
    return f'{text[:-1]},"obs":{obs}}}'.encode()


def state(
    *,
    up_s: float,
    queue: int,
    evicted: int,
    clock: str,
    aside: int = 0,
    held: Sequence[tuple[str, int, int]] = (),
) -> bytes:
    """Return the retained state of a node that is online; ``aside`` only if there are any.

    ``held`` are (boot, lowest, highest number) that the spool still has, settled or not.
    """
    fields: dict[str, object] = {
        "online": True,
        "fw": __version__,
        "up": round(up_s, 1),
        "queue": queue,
        "evicted": evicted,
        "clock": clock,
    }
    fields |= ({"aside": aside} if aside else {}) | ({"held": list(held)} if held else {})
    return json.dumps(fields, separators=(",", ":")).encode()


def read_receipt(payload: bytes) -> Receipt:
    """Return the receipt in ``payload``; unknown fields are ignored.

    Raises:
        ValueError: if it is not one.
    """
    if len(payload) > RECEIPT_BYTES:
        raise ValueError(f"a receipt of {len(payload)} bytes")
    try:
        fields = json.loads(payload)
    except RecursionError as err:
        raise ValueError("nested too deeply") from err
    if not isinstance(fields, dict) or not isinstance(fields.get("boot"), str):
        raise ValueError("names no boot")  # noqa: TRY004 - one error for a receipt nobody can read
    if not fields["boot"].isascii():
        raise ValueError("names no boot of ours")
    return Receipt(
        boot=fields["boot"],
        got=_spans(fields.get("got", [])),
        refused=tuple((_number(seq), _words(why)) for seq, why in fields.get("refused", [])),
        want=_spans(fields.get("want", [])),
    )


def _spans(value: Any) -> tuple[Span, ...]:  # noqa: ANN401 - straight from JSON
    if not isinstance(value, list):
        raise ValueError(f"expected ranges, got {value!r:.80}")  # noqa: TRY004 - as above
    return tuple((_number(low), _number(high)) for low, high in value)


def _words(value: Any) -> str:  # noqa: ANN401 - straight from JSON
    return str(value)[:500].encode("utf-8", "replace").decode()  # halves of pairs cannot be stored


def _number(value: Any) -> int:  # noqa: ANN401 - straight from JSON
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise ValueError(f"{value!r:.80} is no message number")
    return value


def spans_of(numbers: Iterable[int]) -> list[Span]:
    """Return ``numbers`` as the fewest ranges, rising."""
    spans: list[Span] = []
    for number in sorted(numbers):
        if spans and number <= spans[-1][1] + 1:
            spans[-1] = (spans[-1][0], number)
        else:
            spans.append((number, number))
    return spans
