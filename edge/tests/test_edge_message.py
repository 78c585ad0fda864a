"""The wire: what the node sends and reads is what the golden samples say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tocsin_edge.clock import Moment, time_text, time_us
from tocsin_edge.message import (
    WILL,
    Reading,
    envelope,
    obs_text,
    observation,
    read_receipt,
    spans_of,
    state,
)

if TYPE_CHECKING:
    from pathlib import Path

TIMES = ("t", "t0", "sent")


def instants(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return ``value`` with its times as instants: offsets are only spelling."""
    if isinstance(value, list):
        return [instants(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        k: time_us(v) if k in TIMES and v is not None else instants(v) for k, v in value.items()
    }


def sent_again(sample: dict[str, Any]) -> dict[str, Any]:
    """Build what the node would send for the readings of ``sample``."""
    obs = [observation(o["ds"], o.get("u", "m"), reading(o), moment(o)) for o in sample["obs"]]
    built = envelope(
        obs_text(obs),
        boot=sample["boot"],
        seq=sample["seq"],
        low=sample["low"],
        gone=[tuple(span) for span in sample["gone"]],
        late=sample["late"],
        sent_us=None if sample["sent"] is None else time_us(sample["sent"]),
        up_s=sample["up"],
    )
    return dict(json.loads(built))


def reading(obs: dict[str, Any]) -> Reading:
    """Return the reading an observation came from."""
    start = obs.get("t0")
    return Reading(
        result=obs["r"],
        quality=obs.get("q", ""),
        why=obs.get("why", ""),
        start_us=None if start is None else time_us(start),
    )


def moment(obs: dict[str, Any]) -> Moment:
    """Return the moment an observation was taken at."""
    known = obs["t"] is not None
    us = time_us(obs["t"]) if known else 0
    return Moment(us=us, up_s=obs.get("tu", 0.0), known=known)


@pytest.mark.parametrize(
    "name", ["plain", "null-and-interval", "clock-unset", "earlier-boot", "newer-node"]
)
def test_messages_are_the_golden_ones(golden: Path, name: str) -> None:
    """From the same readings the node makes the sample, but for what it does not know yet."""
    sample = json.loads((golden / f"message-{name}.json").read_text())
    sample.pop("colour", None)
    for obs in sample["obs"]:
        obs.pop("depth", None)
        obs.setdefault("u", "m")
    assert instants(sent_again(sample)) == instants(sample)


def test_receipts_are_read(golden: Path) -> None:
    """Ranges, refusals and wants are understood; what a newer hub adds is ignored."""
    ranges = read_receipt((golden / "receipt-ranges.json").read_bytes())
    assert ranges.got == ((41790, 41818), (41822, 41822))
    assert ranges.refused == ((41821, "same key, other content"),)
    assert read_receipt((golden / "receipt-want.json").read_bytes()).want == ((41700, 41720),)
    assert read_receipt((golden / "receipt-newer-hub.json").read_bytes()).got == ((1, 2),)
    assert read_receipt((golden / "receipt-canary.json").read_bytes()).got == ((7, 8),)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"{}",
        b'{"boot":1}',
        b'{"boot":"aa","got":[[1]]}',
        b'{"boot":"aa","got":[[-1,2]]}',
        b'{"boot":"aa","got":[[1.5,2]]}',
        b'{"boot":"aa","got":[[true,2]]}',
        b'{"boot":"aa","got":"all"}',
        b'{"boot":"aa","refused":[[1]]}',
        b'{"boot":"aa","refused":7}',
        b"[" * 100_000,
        b"\xff\xfe",
        b'{"boot":"aa","got":[]' + b" " * 1_000_000 + b"}",
    ],
)
def test_what_is_no_receipt_is_refused(payload: bytes) -> None:
    """Bytes nobody can read raise ValueError or TypeError, nothing else."""
    with pytest.raises((ValueError, TypeError)):
        read_receipt(payload)


def test_state_and_will_are_the_golden_ones(golden: Path) -> None:
    """The retained state and the last will are spelled as the samples."""
    sample = json.loads((golden / "state-online.json").read_text())
    assert json.loads(state(up_s=123.0, queue=0, evicted=0, clock="ntp")) == sample
    held = json.loads((golden / "state-held.json").read_text())
    spans = [("7f3a9c21d4e85b06", 41790, 41822), ("00000000000000aa", 3, 3)]
    assert json.loads(state(up_s=123.0, queue=0, evicted=0, clock="ntp", held=spans)) == held
    assert json.loads(WILL) == json.loads((golden / "state-will.json").read_text())


def test_a_result_that_is_no_number_is_a_null_with_reason() -> None:
    """NaN and infinity never reach the wire."""
    obs = observation("x", "m", Reading(result=float("nan")), Moment(us=0, up_s=0, known=True))
    assert (obs["r"], obs["q"], obs["why"]) == (None, "fail", "not a number: nan")


def test_times_keep_their_microseconds() -> None:
    """Text and number are the same instant both ways."""
    for us in (0, 1, 1_763_878_800_000_000, 1_763_878_800_114_000):
        assert time_us(time_text(us)) == us


def test_spans_are_the_fewest() -> None:
    """Numbers become ranges."""
    assert spans_of([5, 1, 2, 3, 9]) == [(1, 3), (5, 5), (9, 9)]
