"""Observations as InfluxDB line protocol: pure, and cheap enough for every row there is.

One observation is one point. What its datastream fixes (measurement and tags) is
escaped once and kept as the line's head; the rest is one f-string per row.

    stage,datastream=stage,node=gauge-1,site=qingxi,unit=m result=4.82,quality=1i,late=f,
    time_trusted=t,boot="7f3a9c21d4e85b06",seq=41822i,pos=0i,received=1795500300000000i
    1795500300000000000

``received`` is microseconds since 1970; the point's own time is nanoseconds, whose
last three digits are the tie that keeps equal instants apart. A null result is a point
without the field ``result``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hub.model.observation import Lateness

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hub.model.network import Datastream

Row = tuple[int, int, int, int, float | None, int, int, int, int, str, int, int]
"""offset, slot, time_us, tie, result, quality, lateness, trusted, pos, boot, seq, received_us."""

LATE: Final = frozenset({Lateness.LATE, Lateness.BACKFILL})
# A backslash before a border cannot be written in a tag, nor can a line break.
PLAIN: Final = str.maketrans({"\\": "/", "\n": " ", "\r": " ", "\t": " "})
TAG: Final = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ "})
MEASUREMENT: Final = str.maketrans({",": "\\,", " ": "\\ "})
STRING: Final = str.maketrans({"\\": "\\\\", '"': '\\"'})


def tag_value(text: str) -> str:
    """Return ``text`` as InfluxDB will hold it in a tag: one line, no backslash."""
    return text.translate(PLAIN)


def measurement(text: str) -> str:
    """Return ``text`` as InfluxDB will hold it as a measurement; ``#`` would start a comment."""
    plain = tag_value(text)
    return f"_{plain}" if plain.startswith("#") else plain


def head(stream: Datastream) -> str:
    """Return measurement and tags of ``stream``, escaped, with the space that ends them."""
    tags = {
        "datastream": stream.name,
        "node": stream.node,
        "site": stream.site,
        "unit": stream.unit,
    }
    pairs = (f",{key}={tag_value(v).translate(TAG)}" for key, v in tags.items() if v)
    return f"{measurement(stream.measured).translate(MEASUREMENT)}{''.join(pairs)} "


def encode(rows: Iterable[Row], heads: Mapping[int, str]) -> list[str]:
    """Return one line per row, in order; ``heads`` maps slots to ``head`` of their stream.

    Raises:
        KeyError: for a slot that ``heads`` does not know.
    """
    flags, texts = Flags(), Texts()
    return [
        f"{heads[slot]}{'' if result is None else f'result={result!r},'}"
        f"{flags[quality, lateness, trusted]}boot={texts[boot]},seq={seq}i,pos={pos}i,"
        f"received={received_us}i {time_us * 1000 + tie}"
        for (
            _,
            slot,
            time_us,
            tie,
            result,
            quality,
            lateness,
            trusted,
            pos,
            boot,
            seq,
            received_us,
        ) in rows
    ]


class Flags(dict[tuple[int, int, int], str]):
    """The fields of few values, written once per combination."""

    def __missing__(self, key: tuple[int, int, int]) -> str:
        quality, lateness, trusted = key
        late = "t" if lateness in LATE else "f"
        self[key] = f"quality={quality}i,late={late},time_trusted={'t' if trusted else 'f'},"
        return self[key]


class Texts(dict[str, str]):
    """String field values, escaped once per text."""

    def __missing__(self, text: str) -> str:
        self[text] = f'"{text.translate(STRING)}"'
        return self[text]
