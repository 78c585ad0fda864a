"""What is wrong with the sensors of one site, in one line: how many, and which. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hub.model.transition import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hub.model.network import Datastream

NAMED: Final = 6  # of one kind; the rest are counted
STATES: Final = {Kind.SILENCE: ("silent", "中断"), Kind.FAULT: ("faulty", "故障")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ailment:
    """One standing condition of a maintenance incident; the words are its detector's, if known."""

    kind: Kind
    name_en: str
    name_zh: str
    words_en: str = ""
    words_zh: str = ""


def ailment(
    key: str, kind: Kind, stream: Datastream | None, words: tuple[str, str] = ("", "")
) -> Ailment:
    """Return the ailment of ``key``, by its datastream's label or else by what it is called."""
    english = chinese = key.partition(":")[2]
    if stream is not None:
        english = stream.label_en or stream.label_zh or stream.id
        chinese = stream.label_zh or stream.label_en or stream.id
    return Ailment(
        kind=kind, name_en=english, name_zh=chinese, words_en=words[0], words_zh=words[1]
    )


def complaint(ailments: Iterable[Ailment]) -> tuple[str, str] | None:
    """Return what ails the site in English and Chinese; None where a person has said it."""
    every = list(ailments)
    if not every or not all(one.kind in STATES for one in every):
        return None
    if len(every) == 1:
        return single(every[0])
    groups = [[one for one in every if one.kind is kind] for kind in STATES]
    told = [counted(group) for group in groups if group]
    return "; ".join(en for en, _ in told), "；".join(zh for _, zh in told)


def single(one: Ailment) -> tuple[str, str]:
    """Return the only one: its name and what its detector said."""
    english, chinese = STATES[one.kind]
    said_en, said_zh = one.words_en or one.words_zh, one.words_zh or one.words_en
    return f"{one.name_en}: {said_en or english}", f"{one.name_zh}：{said_zh or chinese}"


def counted(group: list[Ailment]) -> tuple[str, str]:
    """Return how many are of one kind, and their names in order."""
    names = sorted({(one.name_en, one.name_zh) for one in group})
    english, chinese = STATES[group[0].kind]
    more = len(names) - NAMED
    listed_en = ", ".join(en for en, _ in names[:NAMED]) + (f" and {more} more" if more > 0 else "")
    listed_zh = "、".join(zh for _, zh in names[:NAMED]) + ("等" if more > 0 else "")
    several = "sensor" if len(group) == 1 else "sensors"
    return (
        f"{len(group)} {several} {english}: {listed_en}",
        f"{len(group)}个传感器{chinese}：{listed_zh}",
    )
