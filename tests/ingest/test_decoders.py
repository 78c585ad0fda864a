"""Every payload kind keeps the port's contract: columns of one length, or a stated reason."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from door import Mapping, message, value
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import DecodeError
from hub.ingest.decoders import DECODERS
from hub.ingest.decoders.base import NO_TIME, Decoded
from hub.ingest.decoders.guard import deepest, too_deep
from hub.ingest.decoders.native import NativeDecoder

GOLDEN = Path(__file__).parents[1] / "golden"
MAPPING = Mapping(
    topic="t/+",
    kind="flat",
    site="s",
    node="{1}",
    names={"temperature": "air", "at": "at"},
    units={"air": "Cel"},
    time="seen",
)
EXAMPLES = {
    "native": message(1, value(1.0), value(None), value(2.0)),
    "flat": b'{"temperature":21.5,"at":false,"seen":"2026-11-23T14:05:00+08:00","more":[1,{}]}',
}
COLUMNS = ("times_us", "starts_us", "ups_s", "results", "units", "flags", "whys", "positions")


def widths(decoded: Decoded) -> set[int]:
    """Return the different lengths of the columns."""
    return {len(decoded.names), *(len(getattr(decoded, name)) for name in COLUMNS)}


def test_every_kind_has_an_example() -> None:
    """A kind that is registered is under contract here."""
    assert set(EXAMPLES) == set(DECODERS)


@pytest.mark.parametrize("kind", sorted(DECODERS))
def test_example_decodes(kind: str) -> None:
    """The example gives columns of one length, the same each time."""
    decoder = DECODERS[kind]()
    decoded = decoder.decode(EXAMPLES[kind], MAPPING)
    assert len(widths(decoded)) == 1
    assert decoded.names
    assert decoder.decode(EXAMPLES[kind], MAPPING) == decoded


@pytest.mark.parametrize("kind", sorted(DECODERS))
def test_cut_anywhere_is_refused(kind: str) -> None:
    """A payload cut at any byte is refused with a reason and nothing else happens."""
    decoder = DECODERS[kind]()
    for end in range(len(EXAMPLES[kind])):
        with pytest.raises(DecodeError):
            decoder.decode(EXAMPLES[kind][:end], MAPPING)


@pytest.mark.parametrize("kind", sorted(DECODERS))
@given(noise=st.one_of(st.binary(max_size=200), st.data()), place=st.integers(0, 400))
def test_noise_is_refused_or_decoded(kind: str, noise: object, place: int) -> None:
    """Whatever comes, the decoder answers with columns of one length or a DecodeError."""
    example = EXAMPLES[kind]
    payload = noise if isinstance(noise, bytes) else example
    cut = place % len(example)
    for candidate in (payload, example[:cut] + payload[:3] + example[cut + 1 :]):
        with suppress(DecodeError):
            assert len(widths(DECODERS[kind]().decode(candidate, MAPPING))) == 1


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["ds", "t", "r", "u", "q", "tu", "t0", "why"]), inner)
    ),
    max_leaves=12,
)


@given(observations=VALUES, envelope=st.dictionaries(st.sampled_from(["v", "seq", "up"]), VALUES))
def test_any_json_in_the_envelope(observations: object, envelope: dict[str, object]) -> None:
    """JSON of any shape is decoded or refused; what is bad keeps its position."""
    content = {"v": 1, "boot": "00" * 8, "seq": 1, "obs": observations} | envelope
    try:
        decoded = NativeDecoder().decode(msgspec.json.encode(content))
    except DecodeError:
        return
    assert isinstance(observations, list)
    places = decoded.positions + [bad.pos for bad in decoded.bad]
    assert sorted(places) == list(range(len(observations)))


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("message-*.json")), ids=lambda p: p.stem)
def test_golden_messages(path: Path) -> None:
    """The samples that nodes write are read whole, also those of a newer node."""
    content = msgspec.json.decode(path.read_bytes())
    decoded = NativeDecoder().decode(path.read_bytes())
    assert not decoded.bad
    assert (decoded.boot, decoded.seq) == (content["boot"], content["seq"])
    assert decoded.results == [o["r"] for o in content["obs"]]
    assert decoded.names == [o["ds"] for o in content["obs"]]
    assert (decoded.late, decoded.up_s) == (content["late"], content["up"])
    assert [t == NO_TIME for t in decoded.times_us] == [o["t"] is None for o in content["obs"]]


def test_golden_instants_to_the_microsecond() -> None:
    """Times keep their zone and their fraction."""
    decoded = NativeDecoder().decode((GOLDEN / "message-null-and-interval.json").read_bytes())
    assert decoded.sent_us == 1_795_413_962_114_000
    assert decoded.times_us[1] - decoded.starts_us[1] == 300_000_000
    assert decoded.flags == [4, 0]


def test_digest_is_of_the_observations_only() -> None:
    """What belongs to the sending does not change the content."""
    decoder = NativeDecoder()
    first = decoder.decode(message(1, value(1.0), sent=None, late=False))
    second = decoder.decode(message(1, value(1.0), low=5, late=True, up=99.0))
    other = decoder.decode(message(1, value(1.5)))
    assert first.digest == second.digest != other.digest


@pytest.mark.parametrize(
    ("text", "depth"), [(b"{}", 1), (b'["[[[[", "\\"[["]', 1), (b"[[],[[]]]", 3), (b"", 0)]
)
def test_depth_counts_no_brackets_in_strings(text: bytes, depth: int) -> None:
    """Only real nesting counts."""
    assert deepest(text) == depth


def test_deep_nesting_is_found_quickly() -> None:
    """A hundred thousand levels are refused before anything parses them."""
    assert too_deep(b"[" * 100_000)
    assert too_deep(b'{"a":' * 100_000)
    assert not too_deep(message(1, *[value(1.0)] * 500))


@pytest.mark.parametrize(
    ("payload", "results"),
    [
        (b'{"temperature":"ON"}', [1.0]),
        (b'{"temperature":null}', [None]),
        (b'{"temperature":-1,"at":true}', [-1.0, 1.0]),
    ],
)
def test_flat_values(payload: bytes, results: list[float | None]) -> None:
    """Numbers, switches and nulls are results."""
    assert DECODERS["flat"]().decode(payload, MAPPING).results == results


@pytest.mark.parametrize("seen", ['"2026-11-23T06:05:00Z"', "1795413900", "1795413900000"])
def test_flat_payload_with_its_own_time(seen: str) -> None:
    """A time of its own, in any of the usual forms, is the observation's time."""
    decoded = DECODERS["flat"]().decode(f'{{"temperature":1,"seen":{seen}}}'.encode(), MAPPING)
    assert decoded.times_us == [1_795_413_900_000_000]
    assert not decoded.direct
