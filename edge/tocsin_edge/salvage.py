"""Messages and readings out of the raw bytes of a spool that SQLite can no longer read. Pure.

Every record is looked for by the shape of its header, wherever it lies, so that no page,
index or tree has to be whole; and it counts only if its own checksum says that it is as
it was spooled. So one flipped bit costs one record at most.
"""

from __future__ import annotations

import mmap
import re
import struct
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tocsin_edge.sums import is_draft, is_message

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

PAGE: Final = 4096
Raw = bytes | mmap.mmap
LOCAL: Final = PAGE - 35  # a longer record goes on in other pages: SQLite's file format, 1.6
LEAST: Final = (PAGE - 12) * 32 // 255 - 23
WAL_HEAD: Final = 32
FRAME: Final = struct.Struct(">II8s8s")  # page, pages after a commit, salts, checksum
WIDTHS: Final = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 8: 0, 9: 0}

# Headers of records as SQLite writes them: length, then one type for each column.
MESSAGE: Final = re.compile(  # id boot seq alarming status n size crc reason obs
    rb"(?=([\x0b-\x10]\x00[\x0d-\x7f][\x01-\x06\x08\x09][\x08\x09][\x01\x08\x09]"
    rb"[\x01-\x04\x08\x09][\x01-\x04][\x01-\x06\x08\x09]"
    rb"(?:[\x00\x0d-\x7f]|[\x80-\xff][\x00-\x7f])[\x80-\xff]{0,3}[\x00-\x7f]))",
    re.DOTALL,
)
DRAFT: Final = re.compile(  # id boot obs crc
    rb"(?=([\x05-\x08]\x00[\x0d-\x7f][\x80-\xff]{0,2}[\x00-\x7f][\x01-\x06\x08\x09]))", re.DOTALL
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message as it lay there; ``status`` is what became of it."""

    boot: str
    seq: int
    alarming: int
    status: int
    n: int
    obs: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A reading that no message carried yet."""

    boot: str
    obs: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What was found: the newest copy of each, in the order of numbers."""

    messages: tuple[Message, ...]
    drafts: tuple[Draft, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One page in the write-ahead log; ``commit`` says that a transaction ends with it."""

    page: int
    commit: bool
    salts: bytes
    content: memoryview


def pages_of(raw: Raw) -> dict[int, memoryview]:
    """Return the pages of a database file by number, without a copy of them."""
    view = memoryview(raw)
    return {at // PAGE + 1: view[at : at + PAGE] for at in range(0, len(view), PAGE)}


def frames_of(raw: bytes) -> list[Frame]:
    """Return every frame of a write-ahead log, whatever its checksum says."""
    size, found, view = FRAME.size + PAGE, [], memoryview(raw)
    for at in range(WAL_HEAD, len(raw) - size + 1, size):
        page, pages, salts, _ = FRAME.unpack_from(raw, at)
        content = view[at + FRAME.size : at + size]
        found.append(Frame(page=page, commit=pages != 0, salts=salts, content=content))
    return found


def unread(raw: bytes, read: int) -> list[Frame]:
    """Return the frames after the first ``read`` that are of the log's present turn.

    Empty if no transaction ends among them: then they are one that never ended.
    """
    frames = frames_of(raw)
    salts = salts_of(raw, frames)
    left = [frame for frame in frames[read:] if alike(frame.salts, salts)]
    return left if any(frame.commit for frame in left) else []


def in_turn(raw: bytes) -> list[Frame]:
    """Return every frame, those of an earlier turn of the log first."""
    frames = frames_of(raw)
    salts = salts_of(raw, frames)
    return sorted(frames, key=lambda frame: alike(frame.salts, salts))


def salts_of(raw: bytes, frames: Sequence[Frame]) -> bytes:
    """Return what marks the log's present turn, by its head and its first frames."""
    marks = Counter([raw[16:24], *(frame.salts for frame in frames[:2])])
    return marks.most_common(1)[0][0]


def alike(one: bytes, other: bytes) -> bool:
    """Return whether at most one bit differs."""
    return (int.from_bytes(one) ^ int.from_bytes(other)).bit_count() <= 1


def salvage(pages: Mapping[int, memoryview], frames: Sequence[Frame], *, all_pages: bool) -> Saved:
    """Return what is in the newest copies, and in older ones that nothing newer replaces.

    Without ``all_pages`` only the frames are looked through; pages serve what goes on there.
    """
    newest = {**pages, **{frame.page: frame.content for frame in frames}}
    contents = [*(pages.values() if all_pages else ()), *(frame.content for frame in frames)]
    messages: dict[tuple[str, int], Message] = {}
    drafts: dict[tuple[str, str], Draft] = {}
    for content in contents:
        for message in messages_in(content, newest):
            messages[message.boot, message.seq] = message
        for draft in drafts_in(content, newest):
            drafts[draft.boot, draft.obs] = draft
    boots = {boot: place for place, (boot, _) in enumerate(messages)}
    found = sorted(messages.values(), key=lambda m: (boots[m.boot], m.seq))
    return Saved(messages=tuple(found), drafts=tuple(loose(drafts.values(), found)))


def loose(drafts: Iterable[Draft], messages: Sequence[Message]) -> Iterator[Draft]:
    """Yield the readings that none of the messages carries."""
    carried: dict[str, list[str]] = {}
    for message in messages:
        carried.setdefault(message.boot, []).append(message.obs)
    for draft in drafts:
        if not any(draft.obs in obs for obs in carried.get(draft.boot, ())):
            yield draft


def messages_in(content: memoryview, pages: Mapping[int, memoryview]) -> Iterator[Message]:
    """Yield the whole messages of a page."""
    for row in records(MESSAGE, 10, content, pages):
        _, boot, seq, alarming, status, n, _, told, _, obs = row
        if is_message((boot, seq, alarming, n, told, obs)) and isinstance(boot, str):
            kept = status if status in (0, 1, 2) else 0
            yield Message(boot=boot, seq=number(seq), alarming=number(alarming),
                          status=number(kept), n=number(n), obs=str(obs))  # fmt: skip


def drafts_in(content: memoryview, pages: Mapping[int, memoryview]) -> Iterator[Draft]:
    """Yield the whole readings of a page; here they must have a checksum."""
    for _, boot, obs, told in records(DRAFT, 4, content, pages):
        if told is not None and is_draft(boot, obs, told):
            yield Draft(boot=str(boot), obs=str(obs))


def number(value: object) -> int:
    """Return an integer that was checked before."""
    return value if isinstance(value, int) else 0


def records(
    shape: re.Pattern[bytes], columns: int, content: memoryview, pages: Mapping[int, memoryview]
) -> Iterator[list[object]]:
    """Yield the columns of whatever looks like a record of that shape."""
    for found in shape.finditer(content):
        start = found.start()
        types = types_of(content[start + 1 : start + content[start]])
        if len(types) != columns:
            continue
        size = content[start] + sum(map(width, types))
        payload = payload_at(content, start, size, pages)
        if payload is not None:
            yield values(types, payload[content[start] :])


def types_of(header: memoryview) -> list[int]:
    """Return the types in a header: numbers of seven bits a byte, the highest first."""
    types, value = [], 0
    for byte in header:
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            types.append(value)
            value = 0
    return types


def width(kind: int) -> int:
    """Return how many bytes a column of that type takes."""
    return (kind - 12) // 2 if kind >= 12 else WIDTHS.get(kind, 0)


def payload_at(
    content: memoryview, start: int, size: int, pages: Mapping[int, memoryview]
) -> bytes | None:
    """Return a record of ``size`` bytes that begins at ``start``; None if it cannot be one."""
    if size <= LOCAL:
        return bytes(content[start : start + size]) if start + size <= PAGE else None
    local = LEAST + (size - LEAST) % (PAGE - 4)
    local = local if local <= LOCAL else LEAST
    if start + local + 4 > PAGE or size > PAGE * len(pages):
        return None
    payload = bytearray(content[start : start + local])
    follow = int.from_bytes(content[start + local : start + local + 4])
    while len(payload) < size:
        page = pages.get(follow)
        if page is None:
            return None
        payload += page[4 : 4 + size - len(payload)]
        follow = int.from_bytes(page[:4])
    return bytes(payload)


def values(types: Sequence[int], body: bytes) -> list[object]:
    """Return the columns of a record."""
    found: list[object] = []
    at = 0
    for kind in types:
        part = body[at : at + width(kind)]
        at += width(kind)
        found.append(value_of(kind, part))
    return found


def value_of(kind: int, part: bytes) -> object:
    """Return one column: a number, a text, or None for what a spool does not have."""
    if kind in (8, 9):
        return kind - 8
    if 1 <= kind <= 6:
        return int.from_bytes(part, signed=True)
    return part.decode("utf-8", "replace") if kind >= 13 and kind % 2 else None
