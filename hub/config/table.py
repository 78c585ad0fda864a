"""Strict reading of one table: every key is asked for by name, and what is left over is wrong.

A reader never raises for bad content: it notes the problem and returns a stand-in, so that
one reading finds every problem. Nothing built from stand-ins ever leaves ``read_config``.
"""

from __future__ import annotations

import math
import re
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from hub.config import words
from hub.config.problems import Problem, did_you_mean
from hub.words import NOTHING, Words

if TYPE_CHECKING:
    from collections.abc import Iterable
    from enum import StrEnum
    from pathlib import Path

Word = TypeVar("Word", bound="StrEnum")

NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
TEXT_LIMIT: Final = 500
SHOWN: Final = 40
SECRET_KEY: Final = re.compile(r"(token|password|passphrase|secret|api_?key|credentials?)$")
KINDS: Final = {
    str: words.TEXT,
    bool: words.FLAG,
    int: words.WHOLE,
    float: words.NUMBER,
    list: words.LIST,
    dict: words.TABLE,
    date: words.DATE,
    time: words.DATE,
    datetime: words.DATE,
}


class Required:
    """Marks a key that must be there."""


REQUIRED: Final = Required()


class Table:
    """One table of one file; ``path`` is its dotted key path, empty at the top."""

    def __init__(
        self, content: dict[str, Any], *, file: str, path: str, problems: list[Problem]
    ) -> None:
        self._content = content
        self._asked: set[str] = set()
        self.file = file
        self.path = path
        self.problems = problems

    def at(self, key: str) -> str:
        """Return the dotted path of ``key``."""
        return f"{self.path}.{key}" if self.path else key

    def wrong(self, key: str, what: Words, fix: Words = NOTHING) -> None:
        """Note that ``key`` (empty: the table itself) is wrong."""
        path = self.at(key) if key else self.path
        self.problems.append(Problem(file=self.file, key=path, words=what, fix=fix))

    def sound(self, *keys: str) -> bool:
        """Say whether nothing was found wrong with ``keys`` so far."""
        paths = {self.at(key) for key in keys}
        return not any(p.file == self.file and p.key in paths for p in self.problems)

    def has(self, key: str) -> bool:
        """Say whether ``key`` is there."""
        return key in self._content

    def keys(self) -> tuple[str, ...]:
        """Return the keys as written."""
        return tuple(self._content)

    def _take(self, key: str, kind: type, default: object) -> object:
        self._asked.add(key)
        if key not in self._content:
            if isinstance(default, Required):
                self.wrong(key, words.MISSING, words.ADD.filled(key=key, kind=KINDS[kind]))
            return default
        value = self._content[key]
        if fits(value, kind):
            return value
        self.wrong(key, must_be(KINDS[kind], value))
        return default

    def text(
        self, key: str, default: str | Required = REQUIRED, *, known: Iterable[str] = ()
    ) -> str:
        """Return a text, one of ``known`` if any are given."""
        value = cast("str", stand_in(self._take(key, str, default), ""))
        choice = tuple(known)
        if isinstance(default, Required) and self._content.get(key) == "":
            self.wrong(key, words.EMPTY)
        if len(value) > TEXT_LIMIT:
            self.wrong(key, words.TOO_LONG.filled(most=TEXT_LIMIT))
        if choice and value not in choice and value != default and self.has(key) and value:
            self.wrong(key, words.NOT_KNOWN.filled(value=value), did_you_mean(value, choice))
        return value

    def name(self, key: str, default: str | Required = REQUIRED) -> str:
        """Return a name fit for topics and tags: 1 to 64 of A-Z a-z 0-9 _ -."""
        value = self.text(key, default)
        if value and not NAME.fullmatch(value):
            self.wrong(key, words.NOT_A_NAME.filled(value=value), words.NAME_OF)
        return value

    def word(self, key: str, choice: type[Word], default: Word) -> Word:
        """Return the member of ``choice`` that is written."""
        value = self.text(key, default.value, known=[w.value for w in choice])
        return choice(value) if value in list(choice) else default

    def number(
        self,
        key: str,
        default: float | Required = REQUIRED,
        *,
        low: float = -math.inf,
        high: float = math.inf,
    ) -> float:
        """Return a finite number from ``low`` to ``high``."""
        value = self.maybe(key, default, low=low, high=high)
        return max(low, 0.0) if value is None else value

    def maybe(
        self,
        key: str,
        default: float | Required | None = None,
        *,
        low: float = -math.inf,
        high: float = math.inf,
    ) -> float | None:
        """Return a finite number from ``low`` to ``high``, or None when it is not written."""
        value = stand_in(self._take(key, float, default), None)
        if not isinstance(value, int | float) or key not in self._content:
            return None if value is None else float(cast("float", value))
        if not math.isfinite(value):
            self.wrong(key, words.MUST_BE_FINITE.filled(value=value))
            return None
        if not low <= value <= high:
            self.wrong(key, out_of(low, high, f"{value:g}"))
        return float(value)

    def whole(
        self, key: str, default: int | Required = REQUIRED, *, low: int = 0, high: int = 2**53
    ) -> int:
        """Return a whole number from ``low`` to ``high``."""
        value = cast("int", stand_in(self._take(key, int, default), low))
        if not low <= value <= high:
            self.wrong(key, out_of(low, high, str(value)))
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """Return true or false."""
        return cast("bool", self._take(key, bool, default))

    def texts(self, key: str, default: tuple[str, ...] | Required = ()) -> tuple[str, ...]:
        """Return a list of texts."""
        return cast("tuple[str, ...]", self._items(key, default, str))

    def wholes(self, key: str, default: tuple[int, ...]) -> tuple[int, ...]:
        """Return a list of whole numbers."""
        return cast("tuple[int, ...]", self._items(key, default, int))

    def _items(
        self, key: str, default: tuple[Any, ...] | Required, kind: type
    ) -> tuple[object, ...]:
        values = stand_in(self._take(key, list, default), ())
        if isinstance(default, Required) and values == []:
            self.wrong(key, words.EMPTY)
        items = tuple(cast("Iterable[object]", values))
        for index, item in enumerate(items):
            if not fits(item, kind):
                self.wrong(f"{key}[{index}]", must_be(KINDS[kind], item))
        return tuple(item for item in items if fits(item, kind))

    def mapping(self, key: str) -> dict[str, str]:
        """Return a table of texts."""
        inner = self.table(key)
        return {name: inner.text(name) for name in inner.keys()}  # noqa: SIM118  not a dict

    def date(self, key: str) -> str:
        """Return a date as YYYY-MM-DD, written as a TOML date or as text; empty when absent."""
        value = self._content.get(key)
        if isinstance(value, date):
            self._asked.add(key)
            return value.isoformat()[:10]
        return self._parsed(key, "", date.fromisoformat, "2024-06-30")

    def clock(self, key: str, default: str) -> str:
        """Return a local time of day as HH:MM."""
        value = self._content.get(key)
        if isinstance(value, time):
            self._asked.add(key)
            return value.strftime("%H:%M")
        return self._parsed(key, default, time.fromisoformat, "08:00")

    def _parsed(self, key: str, default: str, parse: Any, example: str) -> str:  # noqa: ANN401
        value = self.text(key, default)
        try:
            parse(value) if value else None
        except ValueError:
            fix = words.WRITE_IT_AS.filled(example=example)
            self.wrong(key, words.UNREADABLE.filled(value=value), fix)
            return default
        return value

    def path_of(self, key: str, folder: Path) -> Path | None:
        """Return a file's path, taken from ``folder`` when relative; None when absent."""
        value = self.text(key, "")
        if "\0" in value:
            self.wrong(key, words.UNREADABLE.filled(value=value))
            return None
        return (folder / value).resolve() if value else None

    def table(self, key: str) -> Table:
        """Return the table under ``key``, empty when absent."""
        content = self._take(key, dict, {})
        return self._inner(key, content if isinstance(content, dict) else {})

    def tables(self, key: str, *, required: bool = False) -> list[Table]:
        """Return the tables of the list under ``key``."""
        values = self._take(key, list, REQUIRED if required else [])
        items = values if isinstance(values, list) else []
        for index, item in enumerate(items):
            if not isinstance(item, dict):
                self.wrong(f"{key}[{index}]", must_be(words.TABLE, item))
        return [
            self._inner(f"{key}[{index}]", item)
            for index, item in enumerate(items)
            if isinstance(item, dict)
        ]

    def _inner(self, key: str, content: dict[str, Any]) -> Table:
        return Table(content, file=self.file, path=self.at(key), problems=self.problems)

    def values(self, key: str) -> list[Any]:
        """Return a list as it stands, for what has no shape of its own here."""
        values = self._take(key, list, REQUIRED)
        return values if isinstance(values, list) else []

    def ignore(self, key: str) -> None:
        """Count ``key`` as asked for: another standard's member that says nothing here."""
        self._asked.add(key)

    def rest(self) -> dict[str, Any]:
        """Return what was not asked for yet, as it stands, and count it as asked for."""
        left = {key: self._content[key] for key in self._content if key not in self._asked}
        self._asked.update(left)
        return left

    def close(self) -> None:
        """Note every key that nobody asked for."""
        for key in self._content:
            if key in self._asked:
                continue
            if SECRET_KEY.search(key) and {f"{key}_file", f"{key}_env"} & self._asked:
                self.no_secret(key)
            else:
                near = did_you_mean(key, self._asked - set(self._content))
                self.wrong(key, words.UNKNOWN_KEY, near)

    def no_secret(self, key: str) -> None:
        """Note that a secret stands in the file itself."""
        self.wrong(key, words.SECRET, words.NAME_SECRET.filled(key=key))


def fits(value: object, kind: type) -> bool:
    """Say whether a TOML value is of ``kind``; a whole number is a number, a flag is not."""
    if kind in (int, float) and isinstance(value, bool):
        return False
    return isinstance(value, int | float if kind is float else kind)


def stand_in(value: object, instead: object) -> object:
    """Return ``value``, or ``instead`` of a required one that was missing or wrong."""
    return instead if isinstance(value, Required) else value


def must_be(what: Words, value: object) -> Words:
    """Return that ``value`` should have been ``what``."""
    return words.MUST_BE.filled(what=what, shown=shown(value))


def out_of(low: float, high: float, value: str) -> Words:
    """Return that ``value`` should have lain from ``low`` to ``high``."""
    return words.MUST_BE.filled(what=span(low, high), shown=words.VALUE.filled(value=value))


def shown(value: object) -> Words:
    """Return a value as it would be recognised in the file, shortened."""
    kind = KINDS.get(type(value), words.UNKNOWN_KIND)
    if isinstance(value, dict | list):
        return kind
    return words.SHOWN.filled(kind=kind, value=str(value)[:SHOWN])


def span(low: float, high: float) -> Words:
    """Return "from low to high" in words."""
    if high in (math.inf, 2**53):
        return words.OR_MORE.filled(low=low)
    if low == -math.inf:
        return words.OR_LESS.filled(high=high)
    return words.FROM_TO.filled(low=low, high=high)
