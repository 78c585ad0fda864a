"""What a digest says: how much came in a storm, where, the worst by code, how to answer.

Fixed order: how many, counts by level and hazard, counts by cell, the worst incidents
each with its code, how to answer for all. English is always one GSM-7 message, Chinese
at most two UCS-2 parts, also with the mark of a repeated sending; what does not fit is
left to the list that "0" asks for. Pure.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hub.dispatch import words
from hub.dispatch.figures import clip, clip_words
from hub.dispatch.segments import to_gsm7, to_ucs2
from hub.dispatch.text import fits, is_chinese
from hub.model.network import Hazard, Severity
from hub.model.notification import Purpose

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LISTED: Final = 12  # incidents of a list that is asked for
LONGEST_LIST: Final = {False: 459, True: 201}  # three parts: GSM-7 septets, UCS-2 units
NAME: Final = {False: 18, True: 8}
SHAPES: Final = (  # how many incidents, cells and hazards are named, from the fullest on
    *((tops, 4, 4) for tops in (9, 8, 7, 6, 5, 4, 3)),
    *((3, cells, 4) for cells in (3, 2)),
    *((tops, 2, 3) for tops in (3, 2)),
    *((2, 1, 3), (1, 1, 3), (1, 1, 2), (1, 0, 2), (1, 0, 1), (0, 0, 1), (0, 0, 0)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One incident as a digest names it."""

    code: str
    level: Severity
    hazard: Hazard
    place_en: str
    place_zh: str
    cell_en: str = ""
    cell_zh: str = ""
    purpose: Purpose = Purpose.PAGE


def compose_digest(listed: Sequence[Listed], code: str, language: str) -> str:
    """Return the digest of ``listed``, the worst first; ``code`` answers for all of them."""
    chinese = is_chinese(language)
    writer = DigestWriter(listed, clip(to_gsm7(code), 8), chinese=chinese)
    return next(text for text in writer.drafts() if fits(text, chinese=chinese))


def compose_list(listed: Sequence[Listed], language: str) -> str:
    """Return the codes and places of ``listed`` as an answer of at most three parts."""
    chinese = is_chinese(language)
    writer = DigestWriter(listed, "", chinese=chinese)
    head = writer.pick(f"{len(listed)} open: ", f"共{len(listed)}起未结：")
    shown = writer.pick("; ", "；").join(writer.line(one) for one in listed[:LISTED])
    more = len(listed) - LISTED
    tail = writer.pick(f"; and {more} more on the page", f"；另{more}起见页面") if more > 0 else ""
    return clip(head + shown, LONGEST_LIST[chinese] - len(tail)) + tail


class DigestWriter:
    """Writes about many incidents in one language."""

    def __init__(self, listed: Sequence[Listed], code: str, *, chinese: bool) -> None:
        self.over = [one for one in listed if one.purpose is Purpose.STOOD_DOWN]
        worst = [one for one in listed if one.purpose is not Purpose.STOOD_DOWN]
        self.standing = sorted(worst, key=lambda one: -one.level.rank)
        self.code = code
        self.chinese = chinese

    def drafts(self) -> Iterator[str]:
        """Yield texts from the fullest to the shortest; the last always fits."""
        for tops, cells, hazards in SHAPES:
            yield self.text(tops, cells, hazards)

    def text(self, tops: int, cells: int, hazards: int) -> str:
        """Return the text that names so many incidents, cells and hazards."""
        counts = self.pick(", ", "、").join(self.hazards(hazards))
        head = self.head() + (self.pick(": ", "：") + counts if counts else "")
        join = self.pick(", ", "、").join
        parts = [head, join(self.cells(cells)), join(self.tops(tops)), self.answer()]
        return self.pick(". ", "。").join(part for part in parts if part)

    def pick(self, english: str, chinese: str) -> str:
        """Return the one in the reader's language."""
        return chinese if self.chinese else english

    def head(self) -> str:
        """Return how many incidents there are, and how many are over."""
        found, over = len(self.standing), len(self.over)
        parts = [self.pick(f"{found} MORE ALARMS", f"又有{found}起险情")] if found else []
        parts += [self.pick(f"{over} STOOD DOWN", f"解除{over}起")] if over else []
        return self.pick(", ", "，").join(parts) or self.pick("NOTHING NEW", "无新情况")

    def hazards(self, most: int) -> list[str]:
        """Return counts by level and hazard, the worst and most frequent first."""
        counts = Counter((one.level, one.hazard) for one in self.standing)
        order = sorted(counts.items(), key=lambda item: (-item[0][0].rank, -item[1]))
        said: list[str] = []
        before: Severity | None = None
        for (level, hazard), count in order[:most]:
            name = words.LEVELS[level][self.chinese] + self.pick(" ", "")
            kind = words.HAZARDS[hazard][self.chinese] + self.pick(" ", "")
            said.append(("" if level is before else name) + f"{kind}{count}")
            before = level
        return said

    def cells(self, most: int) -> list[str]:
        """Return counts by cell, the most first; sites of no cell count under none."""
        names = (self.pick(one.cell_en, one.cell_zh) for one in self.standing)
        counts = Counter(self.name(name) for name in names if name)
        return [name + self.pick(f" ({n})", f"（{n}）") for name, n in counts.most_common(most)]

    def tops(self, most: int) -> list[str]:
        """Return the worst incidents, each with its code and place."""
        return [
            f"{one.code} {self.name(self.pick(one.place_en, one.place_zh))}"
            for one in self.standing[:most]
        ]

    def line(self, one: Listed) -> str:
        """Return one incident in a list: code, level, hazard, place."""
        level = words.LEVELS[one.level][self.chinese]
        hazard = words.HAZARDS[one.hazard][self.chinese]
        place = self.name(self.pick(one.place_en, one.place_zh))
        return self.pick(
            f"{one.code} {level} {hazard}, {place}", f"{one.code}{level}{hazard}{place}"
        )

    def name(self, text: str) -> str:
        """Return a name that is clean and short."""
        clean = to_ucs2(text[:200]) if self.chinese else to_gsm7(text[:200])
        return clip_words(clean, NAME[self.chinese]) or self.pick("unnamed", "未命名")

    def answer(self) -> str:
        """Return how to take all of them, or to see the list."""
        if not self.standing or not self.code:
            return ""
        return self.pick(
            f"Reply A {self.code} = I take all, 0 = list",
            f"回A {self.code}全部接警，回0看清单",
        )
