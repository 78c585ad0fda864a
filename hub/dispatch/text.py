"""What a page says: one SMS that can be understood at three in the morning.

Fixed order: drill mark, level as a word, hazard, place, how bad against which limit,
trend, since when, what to do, how to answer. English is always one GSM-7 message,
Chinese at most two UCS-2 parts, also with the mark of a repeated sending behind it;
what does not fit leaves in the order of ``DROPS``, and then the place is cut. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Final

from hub.dispatch import words
from hub.dispatch.figures import at_zone, clip, clip_words, duration, forecast_span, number
from hub.dispatch.segments import segments, to_gsm7, to_ucs2
from hub.model.levels import LEVEL_NAMES
from hub.model.network import Hazard, Severity
from hub.model.notification import Purpose
from hub.model.pace import pace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.dispatch.words import Pair

__all__ = ["Message", "compose", "repeated", "segments"]

REPEAT: Final[Pair] = (" (repeat)", "（重发）")
DROPS: Final = (
    *("extra", "help", "hint", "trend", "threshold", "link", "todo"),
    *("span", "since", "forecast", "reading"),  # only when every field is absurdly long
)
CUTS: Final = (  # how many of DROPS have gone, and the width left to the place
    *((gone, 200) for gone in range(6)),
    *((5, width) for width in (40, 32, 24)),
    *((6, width) for width in (200, 40, 32, 24, 16, 12)),
    *((gone, width) for gone in range(7, 12) for width in (24, 16, 8)),
)
LONGEST: Final = 1000  # characters where no phone network counts them


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """All that a page may say; what is not known stays empty and is not said.

    ``value``, ``threshold`` and what was ``expected`` are in ``unit`` (UCUM),
    ``trend_per_h`` in unit per hour. ``measured`` is the observed property; its label
    is used where words.py has no name for it. ``eta_*`` (seconds) make a forecast,
    ``silent_s`` a silence. ``words_*`` say what happened where no value does; ``over``
    that nothing measured stands. ``todo_*`` replace what is usually done about the
    hazard. ``zone`` is the reader's IANA time zone; ``now_us`` adds the date to a
    "since" of another day. ``extra_*`` goes first when space is short.
    """

    purpose: Purpose = Purpose.PAGE
    level: Severity
    hazard: Hazard
    place_en: str
    place_zh: str
    zone: str = "Asia/Shanghai"
    since_us: int
    now_us: int | None = None
    code: str = ""
    measured: str = ""
    label_en: str = ""
    label_zh: str = ""
    value: float | None = None
    unit: str = ""
    threshold: float | None = None
    threshold_name: str = ""
    expected: float | None = None
    trend_per_h: float | None = None
    eta_s: float | None = None
    eta_low_s: float | None = None
    eta_high_s: float | None = None
    silent_s: float | None = None
    words_en: str = ""
    words_zh: str = ""
    todo_en: str = ""
    todo_zh: str = ""
    extra_en: str = ""
    extra_zh: str = ""
    link: str = ""
    drill: bool = False
    found_late: bool = False
    over: bool = False


def compose(message: Message, language: str, channel_kind: str = "sms") -> str:
    """Return the text of ``message`` in ``language`` ("zh..." is Chinese, else English).

    For "sms" and "terminal" it is one GSM-7 message in English and at most two UCS-2
    parts in Chinese, whatever the fields hold; elsewhere nothing is left out.
    """
    chinese = is_chinese(language)
    writer = Writer(message, chinese=chinese)
    if channel_kind not in ("sms", "terminal"):
        return writer.text(frozenset(), LONGEST)[:LONGEST]
    return next(t for t in drafts(writer) if fits(t, chinese=chinese))


def repeated(text: str, language: str) -> str:
    """Return ``text`` marked as one that may have arrived before; it still fits."""
    return text + REPEAT[is_chinese(language)]


def is_chinese(language: str) -> bool:
    """Say whether ``language`` (a BCP 47 tag) is read in Chinese."""
    return language.lower().startswith("zh")


def fits(text: str, *, chinese: bool) -> bool:
    """Say whether ``text`` with the mark of a repeat is short enough."""
    encoding, count = segments(text + REPEAT[chinese])
    return count <= 2 if chinese else (encoding, count) == ("gsm7", 1)


def drafts(writer: Writer) -> Iterator[str]:
    """Yield texts from the fullest to the shortest; the last always fits."""
    for gone, width in CUTS:
        yield writer.text(frozenset(DROPS[:gone]), width)


class Writer:
    """Writes one message in one language, leaving out what it is told to."""

    def __init__(self, message: Message, *, chinese: bool) -> None:
        self.message = message
        self.chinese = chinese

    def text(self, without: frozenset[str], place_width: int) -> str:
        """Return the whole text without the named fields and with the place cut."""
        m = self.message
        if m.purpose is Purpose.REPLY:
            return clip(self.free(m.words_en, m.words_zh, LONGEST), 128)
        facts = self.pick(", ", "，").join(self.facts(without))
        opening = self.head() + self.place(place_width)
        sentences = [opening + (self.pick(": ", "：") + facts if facts else "")]
        sentences += [self.todo(without), self.more(without), self.answer(without)]
        return self.pick(". ", "。").join(s for s in sentences if s) + self.tail(without)

    def pick(self, english: str, chinese: str) -> str:
        """Return the one in the reader's language."""
        return chinese if self.chinese else english

    def free(self, english: str, chinese: str, width: int) -> str:
        """Return free text in the reader's language (or the other one), clean and cut."""
        first, second = (chinese, english) if self.chinese else (english, chinese)
        clean = to_ucs2 if self.chinese else to_gsm7
        cleaned = clean((first or second)[:LONGEST])
        return clip_words(cleaned, width // 2 if self.chinese and width < LONGEST else width)

    def head(self) -> str:
        """Return the marks, the level as a word, and the hazard."""
        m = self.message
        level, hazard = words.LEVELS[m.level], words.HAZARDS[m.hazard]
        drill = m.drill or m.purpose is Purpose.DRILL
        marks = [
            self.pick("STOOD DOWN: ", "解除：") if m.purpose is Purpose.STOOD_DOWN else "",
            f"{level[0]} {hazard[0]}" if not self.chinese else f"{level[1]}{hazard[1]}",
            self.pick(" WORSE", "加重") if m.purpose is Purpose.WORSENED else "",
            self.pick(" FOUND LATE", "（延迟发现）") if m.found_late else "",
        ]
        return (self.pick("DRILL ", "【演练】") if drill else "") + "".join(marks)

    def place(self, width: int) -> str:
        """Return where it is, or that nobody named the place."""
        name = self.free(self.message.place_en, self.message.place_zh, width)
        return self.pick(", ", " ") + (name or self.pick("unnamed site", "未命名点位"))

    def facts(self, without: frozenset[str]) -> list[str]:
        """Return how bad it is, against what, which way it goes, and since when."""
        if self.message.purpose is Purpose.STOOD_DOWN:
            return [self.ended()]
        found = [] if "reading" in without else [self.reading()]
        if "threshold" not in without:
            found.append(self.against())
        found.append(self.forecast(without))
        if "trend" not in without:
            found.append(self.trend())
        if "since" not in without:
            found.append(self.since())
        return [fact for fact in found if fact]

    def reading(self) -> str:
        """Return the value with its name and unit, or the silence, or the words."""
        m = self.message
        if m.over:
            return words.OVER[self.chinese]
        if m.silent_s is not None:
            return self.silence(m.silent_s)
        if m.value is None:
            said = self.free(m.words_en, m.words_zh, 80 if m.eta_s is None else 30)
            return self.pick(" ", "").join(filter(None, (self.subject(), said)))
        name = self.quantity()
        if self.plain():
            return name + self.switch(on=m.value == 1.0)
        return name + self.pick(" ", "") + self.amount(m.value)

    def plain(self) -> bool:
        """Say whether a limit and a trend would mean nothing: a contact or a silence."""
        m = self.message
        contact = m.unit in ("", "1") and m.value in (0.0, 1.0)
        return contact or m.value is None or m.silent_s is not None or m.over

    def silence(self, silent_s: float) -> str:
        """Return how long nothing was heard of what."""
        lasting = duration(silent_s, chinese=self.chinese)
        if self.chinese:
            return f"{self.quantity()}已{lasting}无数据"
        return f"no {self.quantity()} data for {lasting}"

    def subject(self) -> str:
        """Return whose words follow; nothing where no datastream is named."""
        return self.quantity() if self.message.measured or self.message.label_en else ""

    def quantity(self) -> str:
        """Return the name of what is measured; never empty, so that no number is bare."""
        m = self.message
        known = words.QUANTITIES.get(m.measured.lower().replace("-", "_"))
        if known is not None:
            return known[self.chinese]
        named = self.free(m.label_en or m.measured, m.label_zh or m.measured, 24)
        return named or self.pick("value", "数值")

    def switch(self, *, on: bool) -> str:
        """Return the state of a contact."""
        return self.pick(" ON", "触发") if on else self.pick(" off", "未触发")

    def amount(self, value: float) -> str:
        """Return ``value`` with its unit."""
        unit = self.unit()
        tight = self.chinese or not unit or unit == "%"
        return number(value) + ("" if tight else " ") + unit

    def unit(self) -> str:
        """Return the unit as people write it."""
        name = words.unit_name(self.message.unit, chinese=self.chinese)
        return clip(to_ucs2(name) if self.chinese else to_gsm7(name), 10)

    def against(self) -> str:
        """Return the limit that was crossed; nothing for a contact or a forecast."""
        m = self.message
        if m.value is None or m.eta_s is not None or self.plain():
            return ""
        if m.threshold is None:
            return self.usually()
        limit = self.limit()
        if number(m.value) == number(m.threshold):
            return self.pick(f"at {limit}", f"达{limit}")
        over = m.value > m.threshold
        if self.chinese:
            return f"{'超' if over else '低于'}{limit}"
        return f"{'over' if over else 'under'} {limit}"

    def usually(self) -> str:
        """Return what was expected instead of the value."""
        expected = self.message.expected
        if expected is None:
            return ""
        return self.pick("usually ", "平时") + self.amount(expected)

    def limit(self) -> str:
        """Return the limit with its name; in Chinese a line, or it reads as the excess over it."""
        amount = "" if self.message.threshold is None else self.amount(self.message.threshold)
        if not self.chinese:
            return f"{self.limit_name()} {amount}".rstrip()
        name = self.limit_name()
        return amount + name + ("" if name.endswith(("限", "线", "值")) else "线")

    def limit_name(self) -> str:
        """Return what people call the limit."""
        name = self.message.threshold_name
        known = LEVEL_NAMES.get(name.lower())
        return known[self.chinese] if known else self.free(name, name, 14)

    def forecast(self, without: frozenset[str]) -> str:
        """Return when the limit will be crossed, with its interval."""
        m = self.message
        if m.eta_s is None or "forecast" in without:
            return ""
        limit = self.limit_name() if "threshold" in without else self.limit()
        low, high = (None, None) if "span" in without else (m.eta_low_s, m.eta_high_s)
        when = forecast_span(m.eta_s, low, high, chinese=self.chinese)
        return self.pick(f"crosses {limit} in {when}", f"预计{when}后达{limit}")

    def trend(self) -> str:
        """Return which way it goes and how fast; nothing when it stands still."""
        over = pace(self.message.hazard)
        rate = (self.message.trend_per_h or 0.0) / over.per_hour
        if self.plain() or number(abs(rate)) in ("0", "?"):
            return ""
        speed = self.amount(abs(rate))
        if self.chinese:
            up = "涨" if self.quantity() in words.RISES else "升"
            return f"每{over.chinese}{up if rate > 0 else '降'}{speed}"
        per = " per " if "/" in speed or " per " in speed else "/"
        return f"{'rising' if rate > 0 else 'falling'} {speed}{per}{over.english}"

    def since(self) -> str:
        """Return since when, in the reader's local time."""
        when = self.local(self.message.since_us)
        if self.message.over:
            return self.pick(f"began {when}", f"{when}发生")
        return self.pick(f"since {when}", f"{when}起")

    def ended(self) -> str:
        """Return when people were stood down."""
        now_us = self.message.now_us
        if now_us is None:
            return self.pick("no more calls", "不再通知")
        when = self.local(now_us)
        return self.pick(f"no more calls from {when}", f"{when}起不再通知")

    def local(self, time_us: int) -> str:
        """Return ``time_us`` as the reader's clock shows it, with the date if not today."""
        there = at_zone(time_us, self.message.zone)
        now_us = self.message.now_us
        today = now_us is None or at_zone(now_us, self.message.zone).date() == there.date()
        clock = f"{there:%H:%M}" + (" UTC" if there.tzinfo is UTC else "")
        if today:
            return clock
        return self.pick(f"{there:%d %b} {clock}", f"{there.month}月{there.day}日{clock}")

    def todo(self, without: frozenset[str]) -> str:
        """Return what to do now."""
        m = self.message
        if "todo" in without or m.purpose is Purpose.STOOD_DOWN:
            return ""
        return self.free(m.todo_en, m.todo_zh, 60) or usual(m)[self.chinese]

    def more(self, without: frozenset[str]) -> str:
        """Return what else was given, while there is space."""
        m = self.message
        return "" if "extra" in without else self.free(m.extra_en, m.extra_zh, 80)

    def answer(self, without: frozenset[str]) -> str:
        """Return how to answer."""
        code = clip(to_gsm7(self.message.code), 8)
        if not code:
            return ""
        if self.message.purpose is Purpose.STOOD_DOWN:
            return self.pick(f"Code {code}", f"编号{code}")
        if "hint" in without:
            return self.pick(f"Reply A {code}", f"回A {code}接警")
        aid = "" if "help" in without else self.pick(f", H {code} = send help", f"，H {code}增援")
        return self.pick(f"Reply A {code} = I take it", f"回A {code}接警") + aid

    def tail(self, without: frozenset[str]) -> str:
        """Return the link, if there is one and space for it."""
        link = to_gsm7(self.message.link)
        return f" {link}" if link and "link" not in without else ""


def usual(message: Message) -> Pair:
    """Return what is usually done about such a hazard."""
    if message.purpose is Purpose.DRILL or (message.drill and message.value is None):
        return words.ONLY_A_TEST
    if message.over:
        return words.CONFIRM
    if message.silent_s is not None:
        return words.SILENT
    if message.hazard in words.SLOW and message.level.rank <= Severity.MODERATE.rank:
        return words.WATCH
    return words.TODO[message.hazard]
