"""Coverage-guided fuzzing of what decodes.

``python -m ordeal.doors.fuzz TARGET SECONDS SEED FOLDER``

atheris follows which lines of the decoders an input reaches and keeps what reaches new
ones. A crash is an exception that the target does not promise; its input is left in FOLDER.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import atheris

from ordeal.doors.corpus import seeds_of

if TYPE_CHECKING:
    from collections.abc import Callable

with atheris.instrument_imports(include=["hub", "tocsin_edge"]):
    from hub.dispatch.inbound import parse_reply, report
    from hub.errors import DecodeError
    from hub.ingest import sorter
    from hub.ingest.decoders.flat import FlatDecoder
    from hub.ingest.decoders.native import NativeDecoder, identity_of
    from hub.ingest.topics import PayloadMapping, Topics
    from tocsin_edge.message import read_receipt


class Farm:
    """A mapping as the shipped configuration has it."""

    topic, kind, site, node, time = "farm/+/sensor", "flat", "old-mill", "farm-{1}", "at"
    names = {"temperature": "temp", "humidity": "humidity"}  # noqa: RUF012
    units = {"temp": "Cel", "humidity": "%"}  # noqa: RUF012


MAPPING: PayloadMapping = Farm()
NATIVE, FLAT = NativeDecoder(), FlatDecoder()
TOPICS = Topics([MAPPING])


def hold(error: DecodeError) -> None:
    """A refusal has a reason."""
    assert error.reason


def native(data: bytes) -> None:
    """Decode an observation message; it is read or refused with a reason."""
    identity_of(data)
    try:
        decoded = NATIVE.decode(data)
    except DecodeError as error:
        hold(error)
        return
    lengths = {
        len(getattr(decoded, name))
        for name in ("names", "times_us", "results", "units", "flags", "positions")
    }
    assert len(lengths) == 1
    assert all(bad.reason for bad in decoded.bad)


def flat(data: bytes) -> None:
    """Decode a flat payload."""
    try:
        FLAT.decode(data, MAPPING)
    except DecodeError as error:
        hold(error)


def state(data: bytes) -> None:
    """Decode a node's state."""
    try:
        sorter.held_of(sorter.state_of(data))
    except DecodeError as error:
        hold(error)


def topic(data: bytes) -> None:
    """Route a topic."""
    try:
        TOPICS.route(data.decode("utf-8", "replace"))
    except DecodeError as error:
        hold(error)


def sms(data: bytes) -> None:
    """Parse a reply and a report."""
    text = data.decode("utf-8", "replace")
    assert parse_reply(text).verb
    report(text[:10], text[10:], text[-5:])


def receipt(data: bytes) -> None:
    """Read a receipt, as a node does."""
    try:
        read_receipt(data)
    except (ValueError, TypeError):
        return


TARGETS: Final[dict[str, tuple[Callable[[bytes], None], str]]] = {
    "native": (native, "payload"),
    "flat": (flat, "payload"),
    "state": (state, "payload"),
    "topic": (topic, "topic"),
    "sms": (sms, "sms"),
    "receipt": (receipt, "receipt"),
}


def main(name: str, seconds: str, seed: str, folder: str) -> None:
    """Fuzz one target until the time is over or it crashes."""
    target, door = TARGETS[name]
    known = Path(folder) / f"{name}-seeds"
    known.mkdir(parents=True, exist_ok=True)
    for one in seeds_of(door):
        if len(one.data) < 4096:
            data = one.more.get("topic", "").encode() if name == "topic" else one.data
            (known / one.name).write_bytes(data)
    options = [
        sys.argv[0],
        f"-max_total_time={seconds}",
        f"-seed={seed}",
        "-max_len=4096",
        "-timeout=10",
        f"-artifact_prefix={folder}/{name}-",
        "-rss_limit_mb=1024",
        "-verbosity=0",
        "-print_final_stats=1",
        str(known),
    ]
    atheris.Setup(options, target)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:5])
