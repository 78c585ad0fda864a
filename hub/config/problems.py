"""What is wrong with the configuration: all of it, each with where and how to mend it."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.config import words as table
from hub.errors import AT, ConfigError
from hub.words import NOTHING, Words, listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LIKENESS = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong: ``file``, dotted ``key``, in words, and how to mend it."""

    file: str
    key: str
    words: Words
    fix: Words = NOTHING

    @property
    def where(self) -> str:
        """Return file and key path, as a person would look for them."""
        return f"{self.file}: {self.key}" if self.key else self.file

    @property
    def mended(self) -> Words:
        """Return what is wrong, and how to mend it where that is known."""
        return table.WITH_FIX.filled(words=self.words, fix=self.fix) if self.fix else self.words

    @property
    def told(self) -> Words:
        """Return the whole problem: where, what, and how to mend it."""
        return AT.filled(where=self.where, problem=self.mended)

    def __str__(self) -> str:
        return str(self.told)


class ConfigurationError(ConfigError):
    """The configuration cannot be used; ``problems`` are all that were found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        first, more = problems[0].mended, len(problems) - 1
        told = table.AND_MORE.filled(first=first, more=more) if more else first
        super().__init__(problems[0].where, told)
        self.problems = tuple(problems)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word that is most like ``word``; empty when none is."""
    near = difflib.get_close_matches(word, sorted(known), n=1, cutoff=LIKENESS)
    return near[0] if near else ""


def did_you_mean(word: str, known: Iterable[str]) -> Words:
    """Return "did you mean ...?" for the known word nearest to ``word``, or what there is."""
    names = sorted(known)
    if near := nearest(word, names):
        return table.DID_YOU_MEAN.filled(near=near)
    return table.KNOWN.filled(names=listed(names)) if names else NOTHING
